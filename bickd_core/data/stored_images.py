"""List and remove the user's decoded images in the cache folder, without torch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from bickd_core.data.store import read_store, stores_in
from bickd_core.places import cache_folder


@dataclass(frozen=True)
class StoredImages:
    """The decoded images of one data set.

    Attributes:
        path: their folder.
        name: of the data set, `kind:PATH`; "?" if unknown.
        sizes: pixels per side of each store, smallest first.
        images: number of images in the source.
        bytes: of all files.
    """

    path: Path
    name: str
    sizes: tuple[int, ...]
    images: int
    bytes: int

    @property
    def source_there(self) -> bool:
        """Whether the source still exists. A name without a path can be downloaded again."""
        path = self.name.partition(":")[2]
        return self.name != "?" and (not path or Path(path).exists())


def images_folder() -> Path:
    return cache_folder() / "own"


def stored_images() -> list[StoredImages]:
    """Return all stored images, sorted by name."""
    entries = [_stored(folder) for folder in images_folder().glob("*") if folder.is_dir()]
    return sorted(entries, key=lambda entry: (entry.name, entry.path))


def _stored(folder: Path) -> StoredImages:
    try:
        name = str(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, TypeError):
        name = "?"
    stores = stores_in(folder)
    first = next((stored for _, path in reversed(stores) if (stored := read_store(path))), None)
    images = 0 if first is None else sum(len(labels) for labels in first.labels.values())
    return StoredImages(
        folder, name, tuple(sorted({size for size, _ in stores})), images, _bytes(folder)
    )


def clear_images(*, used: Collection[str] = ()) -> tuple[int, list[StoredImages]]:
    """Remove stored images, except those of the data sets in `used` and those that are being
    decoded.

    Returns:
        The bytes that were freed, and the images that are left.
    """
    freed, left = 0, []
    for entry in stored_images():
        if entry.name in used:
            left.append(entry)
            continue
        try:
            with FileLock(entry.path / "making.lock", timeout=0):
                shutil.rmtree(entry.path)
        except Timeout:
            left.append(entry)
        else:
            freed += entry.bytes
    return freed, left


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())
