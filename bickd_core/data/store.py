"""Store the decoded images of a source in the cache folder, and read them row by row.

Each data set has a folder `own/<key>/`. For each image size and resizing, it contains one
`images-*.npy` for each original part, and `store-<key>.npz`, which names them and is written last.
The store has a fingerprint of the source. If the source changes, it is decoded again.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from bickd_core.atomic import TEMPORARY_SUFFIX, atomic_write
from bickd_core.data.base import channel_statistics
from bickd_core.data.errors import DataError
from bickd_core.data.listing import Listing, split_positions
from bickd_core.data.resizing import DEFAULT, Resizing
from bickd_core.data.rows import RowFile, Rows
from bickd_core.disk import lock_if_writable
from bickd_core.file_sizes import size_text
from bickd_core.npz import save_npz
from bickd_core.places import cache_folder

FORMAT = 1


@dataclass(frozen=True)
class Stored:
    """The content of a store.

    Attributes:
        fingerprint: of the source when it was decoded.
        class_names: C names.
        rows, labels, paths: the images of each original part, their labels (int64 [N]) and file
            names.
        mean, std: of the train part / 255, for each channel.
        digests: sha256 of the files that the source was unpacked from.
        content: sha256 over class names, labels and the CRC-32 of every row. It does not depend on
            the source's path or age, and no image is read for it.
        sorted_names: see `Listing`.
    """

    fingerprint: str
    class_names: tuple[str, ...]
    rows: dict[str, Rows]
    labels: dict[str, np.ndarray]
    paths: dict[str, tuple[str, ...]]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    digests: dict[str, str]
    content: str
    sorted_names: bool

    def parts(self, split: str) -> tuple[str, ...]:
        """Return the original parts that contain "train", "validation" or "test". Ids are positions
        in the first part; those of the second continue them."""
        if len(self.rows) == 1:
            return tuple(self.rows)
        wanted = ("test",) if split == "test" else ("train", "validation")
        return tuple(part for part in wanted if part in self.rows)


def folder_of(name: str) -> Path:
    """Return the folder with the stores of a data set."""
    return cache_folder() / "own" / hashlib.sha256(name.encode()).hexdigest()[:16]


def store_key(size: int, resizing: Resizing = DEFAULT) -> str:
    """Return the part of a store's file names that identifies it: "64", or "64_stretch_bicubic"."""
    return f"{size}_{resizing.key}" if resizing.key else str(size)


def stores_in(folder: Path) -> list[tuple[int, Path]]:
    """Return side in pixels and file of every store: the largest side first, and the default
    resizing before others."""
    stores = [(int(re.split("[-_.]", path.name)[1]), path) for path in folder.glob("store-*.npz")]
    return sorted(stores, key=lambda store: (-store[0], len(store[1].name), store[1].name))


def read_store(file: Path) -> Stored | None:
    """Read a store; None if it does not exist or cannot be used."""
    folder = file.parent
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            metadata = json.loads(arrays["about"].tobytes())
            parts = metadata["parts"] if metadata["format"] == FORMAT else {}
            checks = {part: arrays[f"checks-{part}"] for part in parts}
            labels = {part: arrays[f"labels-{part}"] for part in parts}
            paths = {part: _unpacked(arrays[f"paths-{part}"].tobytes()) for part in parts}
        rows = {
            part: _rows(folder / entry["file"], entry, checks[part])
            for part, entry in parts.items()
        }
    except Exception:  # numpy, zipfile and json raise a dozen types for damaged files
        return None
    if not rows:
        return None
    return Stored(
        metadata["fingerprint"],
        tuple(metadata["class_names"]),
        rows,
        labels,
        paths,
        tuple(metadata["mean"]),
        tuple(metadata["std"]),
        metadata["digests"],
        _content(tuple(metadata["class_names"]), labels, checks, parts),
        metadata.get("sorted_names", metadata["source"].startswith("folder:")),
    )


def _unpacked(names: bytes) -> tuple[str, ...]:
    """Split file names, which end in a zero byte each. Older stores have lines instead."""
    text = names.decode()
    return tuple(text[:-1].split("\0") if text.endswith("\0") else text.splitlines())


def _content(
    class_names: tuple[str, ...],
    labels: dict[str, np.ndarray],
    checks: dict[str, np.ndarray],
    parts: dict[str, Any],
) -> str:
    digest = hashlib.sha256(json.dumps(class_names).encode())
    for part in sorted(parts):
        digest.update(f"\n{part} {tuple(parts[part]['shape'])} {len(checks[part])}\n".encode())
        digest.update(checks[part].astype("<u4").tobytes())
        digest.update(labels[part].astype("<i8").tobytes())
    return digest.hexdigest()


def any_store(name: str, content: str | None = None) -> Stored | None:
    """Return the store with a data set's largest images; None if it was never decoded here.

    Stores of another state of the source are left out.

    Args:
        content: of a store of the wanted state. Default: the newest state.
    """
    files = [path for _, path in stores_in(folder_of(name))]
    stores = [(path, stored) for path in files if (stored := read_store(path)) is not None]
    if content is not None:
        states = {stored.fingerprint for _, stored in stores if stored.content == content}
        return next((stored for _, stored in stores if stored.fingerprint in states), None)
    if not stores:
        return None
    newest = max(stores, key=lambda each: each[0].stat().st_mtime_ns)[1].fingerprint
    return next(stored for _, stored in stores if stored.fingerprint == newest)


def _rows(path: Path, entry: dict[str, Any], checks: np.ndarray) -> Rows:
    shape = tuple(entry["shape"])
    expected = entry["offset"] + len(checks) * int(np.prod(shape))
    if path.stat().st_size != expected:
        raise ValueError(f"{path} should have {expected} bytes")
    return Rows(RowFile(path, offset=entry["offset"], shape=shape, checks=checks))


def make_store(
    folder: Path,
    listing: Listing,
    size: int,
    fingerprint: str,
    where: str,
    resizing: Resizing = DEFAULT,
) -> Stored:
    """Decode a source into the store, unless another process has just done it.

    Raises:
        DataError: an image cannot be read, the disk is full, the cache folder cannot be written to,
            or a channel has one constant value. Nothing incomplete is left behind.
    """
    with lock_if_writable(folder / "making.lock") as error:
        if error is not None:
            raise DataError(
                f"the cache folder {folder} cannot be written to ({error.strerror}); set"
                " BICKD_CACHE to one that can."
            ) from error
        key = store_key(size, resizing)
        stored = read_store(folder / f"store-{key}.npz")
        if stored is None or stored.fingerprint != fingerprint:
            _clear(folder, key)
            try:
                _write(folder, listing, size, fingerprint, where, resizing)
            except BaseException:
                _clear(folder, key)
                raise
            stored = read_store(folder / f"store-{key}.npz")
    if stored is None:
        raise DataError(
            f"the store in {folder} cannot be read back; set BICKD_CACHE to another disk."
        )
    return stored


def _clear(folder: Path, key: str) -> None:
    """Remove this store, then its images and the temporary files of killed processes."""
    every = [folder / f"store-{key}.npz", *folder.glob(f"images-{key}-*.npy")]
    for path in [*every, *folder.glob(f".*{TEMPORARY_SUFFIX}")]:
        with suppress(OSError):
            path.unlink()


def _write(
    folder: Path, listing: Listing, size: int, fingerprint: str, where: str, resizing: Resizing
) -> None:
    key = store_key(size, resizing)
    shape = (listing.channels, size, size)
    count = sum(len(labels) for labels in listing.labels.values())
    needed, free = count * int(np.prod(shape)), shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"decoding {where} at {size} pixels needs {size_text(needed)} in {folder}, which has"
            f" {size_text(free)} free; make room, or set BICKD_CACHE to another disk."
        )
    arrays: dict[str, np.ndarray] = {}
    parts: dict[str, Any] = {}
    for part, labels in listing.labels.items():
        path = folder / f"images-{key}-{fingerprint[:8]}-{part}.npy"
        offset, checks = _write_images(
            path, listing.read(part, size, resizing), (len(labels), *shape), where
        )
        parts[part] = {"file": path.name, "offset": offset, "shape": shape}
        arrays |= {f"labels-{part}": labels, f"checks-{part}": checks}
        names = "".join(f"{name}\0" for name in listing.paths.get(part, ())).encode()
        arrays[f"paths-{part}"] = np.frombuffer(names, np.uint8)
    part, positions = split_positions(listing.labels)["train"]
    rows = _rows(folder / parts[part]["file"], parts[part], arrays[f"checks-{part}"])
    mean, std = channel_statistics(rows.take(positions))
    if max(std) <= 0:
        raise DataError(
            f"all training images of {where} have one constant value, so there is nothing to learn;"
            " check the images."
        )
    metadata = {
        "format": FORMAT,
        "source": where,
        "fingerprint": fingerprint,
        "class_names": listing.class_names,
        "parts": parts,
        "mean": mean,
        "std": tuple(each or 1.0 for each in std),  # a channel may be empty
        "digests": listing.digests,
        "sorted_names": listing.sorted_names,
    }
    arrays["about"] = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
    save_npz(folder / f"store-{key}.npz", arrays, packed=False)


def _write_images(
    path: Path, images: Iterator[np.ndarray], shape: tuple[int, ...], where: str
) -> tuple[int, np.ndarray]:
    """Write an `.npy` file in batches.

    Returns:
        The number of bytes of the header, and the CRC-32 of each row.
    """
    checks = np.zeros(shape[0], dtype=np.uint32)
    done = 0
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        npy.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        offset = file.tell()
        for chunk in images:
            chunk = np.ascontiguousarray(chunk)
            if done + len(chunk) > len(checks):
                break
            checks[done : done + len(chunk)] = [zlib.crc32(image) for image in chunk]
            file.write(chunk.data)
            done += len(chunk)
        if done != len(checks):
            raise DataError(
                f"{where} changed while it was read: {len(checks)} images were listed; start again."
            )
    return offset, checks
