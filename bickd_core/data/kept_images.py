"""What decoded images of one's own the cache folder holds: to list them and to remove them; free of
torch."""

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
class KeptImages:
    """The decoded images of one data set.

    Attributes:
        path: their folder.
        name: the data set's, `kind:PATH`; "?" where it is not known.
        sizes: pixels a side, each a store of its own; smallest first.
        images: how many the source has.
        bytes: of all files.
    """

    path: Path
    name: str
    sizes: tuple[int, ...]
    images: int
    bytes: int

    @property
    def source_there(self) -> bool:
        """Whether they can be decoded again; a name without a path is downloaded."""
        path = self.name.partition(":")[2]
        return self.name != "?" and (not path or Path(path).exists())


def images_folder() -> Path:
    return cache_folder() / "own"


def kept_images() -> list[KeptImages]:
    """All that is there, by name."""
    found = [_kept(folder) for folder in images_folder().glob("*") if folder.is_dir()]
    return sorted(found, key=lambda kept: (kept.name, kept.path))


def _kept(folder: Path) -> KeptImages:
    try:
        name = str(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, TypeError):
        name = "?"
    stores = stores_in(folder)
    first = next((stored for _, path in reversed(stores) if (stored := read_store(path))), None)
    images = 0 if first is None else sum(len(labels) for labels in first.labels.values())
    return KeptImages(
        folder, name, tuple(sorted({size for size, _ in stores})), images, _bytes(folder)
    )


def clear_images(*, used: Collection[str] = ()) -> tuple[int, list[KeptImages]]:
    """Remove all but those of the data sets in `used`, and those that are being decoded at this
    moment.

    Returns:
        The bytes that were freed, and what was left.
    """
    freed, left = 0, []
    for kept in kept_images():
        if kept.name in used:
            left.append(kept)
            continue
        try:
            with FileLock(kept.path / "making.lock", timeout=0):
                shutil.rmtree(kept.path)
        except Timeout:
            left.append(kept)
        else:
            freed += kept.bytes
    return freed, left


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())
