"""`folder:PATH`: images in one folder a class, under train/ and test/, or without such parts."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bickd_core.data.errors import DataError
from bickd_core.data.listing import Listing, side_and_channels
from bickd_core.data.pixels import Encoded, decode_all, header

logger = logging.getLogger(__name__)

SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"))
TEST_NAMES = ("test", "val", "valid", "validation")
"""Folders that are taken for test, the first that is there."""


def files(path: Path) -> list[Path]:
    """The image files in the parts that are used, sorted by their path."""
    if not path.is_dir():
        raise DataError(
            f"the folder {path} is not there; was it moved, or is a disk not mounted?"
            if not path.exists()
            else f"folder:{path} must be a folder of class folders, it is a file."
        )
    return [file for _, _, found in _parts(path) for _, of_class in found for file in of_class]


def listing(path: Path) -> Listing:
    """Classes are the folders' names in order, as torchvision's ImageFolder has them; ids count the sorted files."""
    parts = _parts(path)
    names = tuple(name for name, _ in parts[0][2])
    labels, paths = {}, {}
    for part, folder, found in parts:
        strange = [name for name, _ in found if name not in names]
        if strange:
            raise DataError(
                f"{folder} has a class folder {strange[0]!r} that {parts[0][1]} has not; "
                "both must have the same classes."
            )
        counts = [len(of_class) for _, of_class in found]
        labels[part] = np.repeat([names.index(name) for name, _ in found], counts).astype(np.int64)
        paths[part] = tuple(file.relative_to(path).as_posix() for _, of_class in found for file in of_class)
    if not paths[parts[0][0]]:
        wanted = ", ".join(sorted(SUFFIXES))
        raise DataError(
            f"{parts[0][1]} has no images; it must hold one folder a class with files of {wanted}."
        )
    side, channels = side_and_channels(
        [header(item) for part in paths.values() for item in _items(path, part)]
    )

    def read(part: str, size: int) -> Iterator[np.ndarray]:
        return decode_all(_items(path, paths[part]), channels, size)

    return Listing(names, labels, channels, side, read, paths)


def _items(root: Path, paths: tuple[str, ...]) -> Iterator[Encoded]:
    return (Encoded(root / name, str(root / name)) for name in paths)


def _parts(path: Path) -> list[tuple[str, Path, list[tuple[str, list[Path]]]]]:
    """(part, folder, [(class, its files)]) for train and test, or for "all" where there is no test."""
    train = path / "train"
    if not train.is_dir():
        return [("all", path, _classes(path))]
    tests = [path / name for name in TEST_NAMES if (path / name).is_dir()]
    if not tests:
        return [("all", train, _classes(train))]
    for unused in tests[1:]:
        logger.warning(
            "%s is left aside: %s is test, and validation is carved out of train.", unused, tests[0]
        )
    return [("train", train, _classes(train)), ("test", tests[0], _classes(tests[0]))]


def _classes(folder: Path) -> list[tuple[str, list[Path]]]:
    """Class folders in order of their names, each with its image files at any depth, sorted; hidden ones left out."""
    try:
        names = sorted(item.name for item in os.scandir(folder) if item.is_dir() and item.name[0] != ".")
        return [(name, _images(folder / name)) for name in names]
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be read ({error.strerror}).") from error


def _images(folder: Path) -> list[Path]:
    found = []
    for root, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        found += [
            Path(root, name)
            for name in names
            if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(".")
        ]
    return sorted(found)
