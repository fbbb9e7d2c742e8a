"""The user's own data sets, named `kind:PATH`, and the CIFARs: list, check and decode them once
into the cache."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bickd_core.atomic import write_json
from bickd_core.data import arrays, cifar, image_folder, image_table, parquet
from bickd_core.data.apart import summary_apart
from bickd_core.data.base import Source, Split
from bickd_core.data.errors import DataError
from bickd_core.data.folders import as_text, unreadable
from bickd_core.data.listing import (
    SMALLEST_SIDE,
    Listing,
    absent_classes,
    augmentation,
    check,
    split_positions,
    validation_size,
    with_usable_parts,
)
from bickd_core.data.resizing import DEFAULT, Resizing
from bickd_core.data.store import Stored, any_store, folder_of, make_store, read_store, store_key

SMALLEST, LARGEST = SMALLEST_SIDE, 512
"""Smallest and largest side in pixels that images can be scaled to."""


@dataclass(frozen=True)
class Kind:
    """A kind of source: its title, its files, its listing, and whether a separate process reads it
    first."""

    title: str
    files: Callable[[Path], list[Path]]
    listing: Callable[[Path], Listing]
    apart: bool = False


def _cifar(name: str) -> Kind:
    variant = cifar.VARIANTS[name]
    return Kind(
        "binary archive",
        lambda path: cifar.files(path, variant),
        lambda path: cifar.listing(path, variant),
    )


ALL_TEST = "all-test"
"""The kind of a folder whose images are all test. Models can be evaluated on it, but not
trained."""

KINDS: dict[str, Kind] = {
    "folder": Kind("image folder", image_folder.files, image_folder.listing),
    ALL_TEST: Kind("images, all test", image_folder.all_test_files, image_folder.all_test_listing),
    "csv": Kind("csv of images", image_table.files, image_table.listing),
    "parquet": Kind("parquet", parquet.files, parquet.listing, apart=True),
    "npz": Kind("arrays", arrays.files, arrays.listing),
    **{name: _cifar(name) for name in cifar.VARIANTS},
}


@dataclass(frozen=True)
class Summary:
    """The summary of a listing, stored so that a source is not listed twice.

    Attributes:
        sorted_names: whether classes are sorted as text; see `Listing`.
        carved: whether test is a fifth of the only part.
        own_validation: whether the source has a validation part.
    """

    fingerprint: str
    class_names: tuple[str, ...]
    sorted_names: bool
    absent: tuple[str, ...]
    """Classes without an image in the test part."""
    channels: int
    side: int
    train: int
    validation: int
    test: int
    carved: bool
    own_validation: bool


def is_external(name: str) -> bool:
    """Return whether a data set's name is `kind:PATH` with a known kind."""
    kind, colon, path = name.partition(":")
    return bool(colon and path.strip()) and kind in KINDS


def named(text: str) -> str:
    """Return the name of a data set from typed text. A path gets the kind that is found there.

    Raises:
        DataError: the text cannot be a path.

    >>> named("/data/med.npz"), named("folder:/data/pets")
    ('npz:/data/med.npz', 'folder:/data/pets')
    """
    text = text.strip()
    if is_external(text):
        return text
    path = Path(_absolute(text))
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return f"csv:{text}"
    for kind, suffixes in (("parquet", (".parquet",)), ("npz", (".npz", ".npy"))):
        if suffix in suffixes:
            return f"{kind}:{text}"
        with suppress(OSError):  # whoever lists the source says what is wrong with the folder
            if any(next(path.glob(f"*{suffix}"), None) for suffix in suffixes):
                return f"{kind}:{text}"
    return f"folder:{text}"


def all_test(name: str) -> str:
    """Return the name of a folder's data with all images as test.

    Raises:
        DataError: it is not an image folder.

    >>> all_test("folder:/data/val"), all_test("/data/val")
    ('all-test:/data/val', 'all-test:/data/val')
    """
    kind, _, path = named(name).partition(":")
    if kind not in ("folder", ALL_TEST):
        raise DataError(f"only an image folder can be all test, but {name!r} is {kind}.")
    return f"{ALL_TEST}:{path}"


def kind_title(name: str) -> str:
    """Return the title of a source's kind, such as "image folder"."""
    return KINDS[name.partition(":")[0]].title


def canonical(name: str) -> str:
    """Return the name with an absolute path.

    Raises:
        DataError: it cannot be a path, or run.yaml cannot store it.
    """
    kind, _, path = name.partition(":")
    return f"{kind}:{_absolute(path.strip())}"


def _absolute(path: str) -> str:
    shown = as_text(path).replace("\0", "\\0")
    if shown != path:
        raise DataError(
            f"the path '{shown}' must be UTF-8 text; rename the folder, or make a link to it."
        )
    try:
        return os.path.abspath(Path(path).expanduser())
    except RuntimeError as error:  # `~` of a person who is not known here
        raise DataError(
            f"the path {path!r} begins with a home folder that does not exist."
        ) from error


def _source(name: str) -> tuple[Kind, Path]:
    """Return kind and path of a name. `cifar10` and `cifar100` without a path mean the download."""
    kind, colon, path = name.partition(":")
    return KINDS[kind], Path(path) if colon else cifar.fetch(cifar.VARIANTS[kind])


def _fingerprint(kind: Kind, path: Path) -> str:
    """Return a sha256 over name, size and time of every file that is read."""
    digest = hashlib.sha256(f"{_LISTING}\n".encode())
    try:
        for file in kind.files(path):
            info = file.stat()
            base = path if file.is_relative_to(path) else path.parent  # of a table, its folder
            digest.update(os.fsencode(file.relative_to(base)))
            digest.update(f"\0{info.st_size}\0{info.st_mtime_ns}\n".encode())
    except OSError as error:
        raise unreadable(path, error) from error
    return digest.hexdigest()


def listed(kind: Kind, path: Path, name: str) -> Listing:
    """List and check a source.

    Raises:
        DataError: the source cannot be used.
    """
    try:
        listing = with_usable_parts(kind.listing(path), name)
    except OSError as error:
        raise unreadable(path, error) from error
    check(listing, name)
    return listing


_LISTING = 7
"""Version of the listing. A higher number makes every source be listed and decoded again."""
_AGAIN_SECONDS = 10.0
_recent: dict[str, tuple[float, Summary]] = {}


def summarise(name: str) -> Summary:
    """Return classes, channels and sizes of a source without decoding its images. The result is
    cached for 10 s.

    Raises:
        DataError: the source cannot be used.
    """
    seen = _recent.get(name)
    if seen is not None and time.monotonic() - seen[0] < _AGAIN_SECONDS:
        return seen[1]
    kind, path = _source(name)
    fingerprint = _fingerprint(kind, path)
    stored = folder_of(name) / "summary.json"
    result = _read_summary(stored)
    if result is None or result.fingerprint != fingerprint:
        result = (
            _from_stored({**summary_apart(name), "fingerprint": fingerprint})
            if kind.apart
            else summary(listed(kind, path, name), fingerprint)
        )
        _save(stored, {"name": name, **vars(result)})
    _recent[name] = (time.monotonic(), result)
    return result


def summary(listing: Listing, fingerprint: str) -> Summary:
    """Summarise a listing."""
    where = split_positions(listing.labels)
    part, positions = where["train"]
    own = listing.labels.get("validation")
    validation = validation_size(listing.labels[part][positions]) if own is None else len(own)
    return Summary(
        fingerprint,
        listing.class_names,
        listing.sorted_names,
        absent_classes(listing),
        listing.channels,
        listing.side,
        len(positions) - (validation if own is None else 0),
        validation,
        len(where["test"][1]),
        listing.carved,
        own is not None,
    )


def _from_stored(fields: dict[str, Any]) -> Summary:
    stored = Summary(**fields)
    return replace(stored, class_names=tuple(stored.class_names), absent=tuple(stored.absent))


def held_out(name: str) -> list[tuple[int, str]] | None:
    """Return ids and file names of the held-out test images; None if the source has a test part.

    Raises:
        DataError: the source cannot be used.
    """
    if not summarise(name).carved:
        return None
    kind, path = _source(name)
    stored = any_store(name)
    if stored is not None and stored.fingerprint == _fingerprint(kind, path):
        labels, paths = stored.labels, stored.paths
    else:
        listing = listed(kind, path, name)
        labels, paths = listing.labels, listing.paths
    part, positions = split_positions(labels)["test"]
    files = paths.get(part) or [""] * len(labels[part])
    return [(int(position), files[position]) for position in positions]


def _read_summary(path: Path) -> Summary | None:
    try:
        fields = json.loads(path.read_text())
        fields.pop("name")
        return _from_stored(fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _save(path: Path, value: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, value)
    except OSError:
        pass  # no cache only costs time


def load(name: str, size: int, resizing: Resizing = DEFAULT) -> Source:
    """Return the original files as rows of decoded images, decoding them into the cache if
    needed.

    Raises:
        DataError: the source cannot be used. Nothing incomplete is left behind.
    """
    kind, path = _source(name)
    fingerprint = _fingerprint(kind, path)
    folder = folder_of(name)
    stored = read_store(folder / f"store-{store_key(size, resizing)}.npz")
    if stored is None or stored.fingerprint != fingerprint:
        stored = make_store(folder, listed(kind, path, name), size, fingerprint, name, resizing)
    where = split_positions(stored.labels)
    train, test = (_split(stored, *where[part]) for part in ("train", "test"))
    return Source(
        train=train,
        test=test,
        class_names=stored.class_names,
        validation_size=validation_size(train.labels),
        augmentation=augmentation(size),
        sorted_names=stored.sorted_names,
        statistics=(stored.mean, stored.std),
        content=stored.content,
        validation=_own_validation(stored),
    )


def cached_content(name: str, size: int, resizing: Resizing = DEFAULT) -> str | None:
    """Return the content of decoded images in the cache; None if these are not there, or older than
    their source."""
    folder = folder_of(name)
    stored = read_store(folder / f"store-{store_key(size, resizing)}.npz")
    try:
        current = stored is not None and stored.fingerprint == summarise(name).fingerprint
    except DataError:
        return None
    return stored.content if stored is not None and current else None


def _split(stored: Stored, part: str, positions: np.ndarray) -> Split:
    return Split(stored.rows[part].take(positions), stored.labels[part][positions], positions)


def _own_validation(stored: Stored) -> Split | None:
    if "validation" not in stored.rows:
        return None
    labels = stored.labels["validation"]
    ids = len(stored.labels["train"]) + np.arange(len(labels))
    return Split(stored.rows["validation"], labels, ids)
