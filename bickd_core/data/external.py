"""Data sets of one's own, named `kind:PATH`, and the CIFARs: listed, checked, decoded once into the cache."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bickd_core.atomic import write_json
from bickd_core.data import arrays, cifar, image_folder, parquet
from bickd_core.data.base import Source, Split
from bickd_core.data.errors import DataError
from bickd_core.data.listing import Listing, augmentation, check, split_positions, validation_size
from bickd_core.data.store import Stored, folder_of, make_store, read_store

SMALLEST, LARGEST = 8, 512
"""Sides in pixels that images may be scaled to."""


@dataclass(frozen=True)
class Kind:
    """A kind of source: what it is called, which files it reads, and how it lists them."""

    words: str
    files: Callable[[Path], list[Path]]
    listing: Callable[[Path], Listing]


def _cifar(name: str) -> Kind:
    variant = cifar.VARIANTS[name]
    return Kind(
        "binary archive",
        lambda path: cifar.files(path, variant),
        lambda path: cifar.listing(path, variant),
    )


KINDS: dict[str, Kind] = {
    "folder": Kind("image folder", image_folder.files, image_folder.listing),
    "parquet": Kind("parquet", parquet.files, parquet.listing),
    "npz": Kind("arrays", arrays.files, arrays.listing),
    **{name: _cifar(name) for name in cifar.VARIANTS},
}


@dataclass(frozen=True)
class Summary:
    """What a listing comes to, kept beside the store so that a source is not listed twice."""

    fingerprint: str
    num_classes: int
    channels: int
    side: int
    train: int
    validation: int
    test: int


def is_external(name: str) -> bool:
    """Whether a data set's name is `kind:PATH` with a known kind."""
    kind, colon, path = name.partition(":")
    return bool(colon and path.strip()) and kind in KINDS


def named(text: str) -> str:
    """The name of a data set for what a person typed: a name as it is, a path with the kind that lies there.

    >>> named("/data/med.npz"), named("folder:/data/pets")
    ('npz:/data/med.npz', 'folder:/data/pets')
    """
    text = text.strip()
    if is_external(text):
        return text
    path = Path(text).expanduser()
    for kind, suffixes in (("parquet", (".parquet",)), ("npz", (".npz", ".npy"))):
        if path.suffix in suffixes or any(next(path.glob(f"*{suffix}"), None) for suffix in suffixes):
            return f"{kind}:{text}"
    return f"folder:{text}"


def words(name: str) -> str:
    """The kind of a source in words: "image folder"."""
    return KINDS[name.partition(":")[0]].words


def canonical(name: str) -> str:
    """The name with its path made absolute, so that it means the same in any working folder."""
    kind, _, path = name.partition(":")
    return f"{kind}:{os.path.abspath(Path(path.strip()).expanduser())}"


def _source(name: str) -> tuple[Kind, Path]:
    """Kind and path behind a name; `cifar10` and `cifar100` alone mean the download."""
    kind, colon, path = name.partition(":")
    return KINDS[kind], Path(path) if colon else cifar.fetch(cifar.VARIANTS[kind])


def _fingerprint(kind: Kind, path: Path) -> str:
    """sha256 over name, size and time of every file that is read."""
    digest = hashlib.sha256()
    try:
        for file in kind.files(path):
            about = file.stat()
            digest.update(f"{file.relative_to(path)}\0{about.st_size}\0{about.st_mtime_ns}\n".encode())
    except OSError as error:
        raise DataError(
            f"{error.filename or path} cannot be read ({error.strerror}); was it moved, or is a disk not mounted?"
        ) from error
    return digest.hexdigest()


def _listed(kind: Kind, path: Path, name: str) -> Listing:
    listing = kind.listing(path)
    check(listing, name)
    return listing


_AGAIN_SECONDS = 10.0
_recent: dict[str, tuple[float, Summary]] = {}


def summarise(name: str) -> Summary:
    """Classes, channels and sizes of a source, without decoding its images; within 10 s it is not looked at again.

    Raises:
        DataError: what is wrong with it, in one sentence.
    """
    seen = _recent.get(name)
    if seen is not None and time.monotonic() - seen[0] < _AGAIN_SECONDS:
        return seen[1]
    kind, path = _source(name)
    fingerprint = _fingerprint(kind, path)
    stored = folder_of(name) / "summary.json"
    found = _read_summary(stored)
    if found is None or found.fingerprint != fingerprint:
        found = _summary(_listed(kind, path, name), fingerprint)
        _keep(stored, {"name": name, **vars(found)})
    _recent[name] = (time.monotonic(), found)
    return found


def _summary(listing: Listing, fingerprint: str) -> Summary:
    where = split_positions(listing.labels)
    part, positions = where["train"]
    validation = validation_size(listing.labels[part][positions])
    return Summary(
        fingerprint,
        len(listing.class_names),
        listing.channels,
        listing.side,
        len(positions) - validation,
        validation,
        len(where["test"][1]),
    )


def _read_summary(path: Path) -> Summary | None:
    try:
        found = json.loads(path.read_text())
        found.pop("name")
        return Summary(**found)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _keep(path: Path, value: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, value)
    except OSError:
        pass  # no cache only costs time


def load(name: str, size: int) -> Source:
    """The two original files as rows of decoded images in the cache, made where they are not there.

    Raises:
        DataError: what is wrong with it, in one sentence; nothing half-made is left.
    """
    kind, path = _source(name)
    fingerprint = _fingerprint(kind, path)
    folder = folder_of(name)
    stored = read_store(folder, size)
    if stored is None or stored.fingerprint != fingerprint:
        stored = make_store(folder, _listed(kind, path, name), size, fingerprint, name)
    where = split_positions(stored.labels)
    train, test = (_split(stored, *where[part]) for part in ("train", "test"))
    return Source(
        train=train,
        test=test,
        class_names=stored.class_names,
        validation_size=validation_size(train.labels),
        augmentation=augmentation(size),
        statistics=(stored.mean, stored.std),
        content=stored.content,
    )


def _split(stored: Stored, part: str, positions: np.ndarray) -> Split:
    return Split(stored.rows[part].take(positions), stored.labels[part][positions], positions)
