"""`npz:PATH`: numpy arrays of images and labels, in an `.npz` file or as `.npy` files in a
folder."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from bickd_core.data.errors import DataError
from bickd_core.data.folders import as_text, check_path
from bickd_core.data.listing import (
    LARGEST_SIDE,
    MAX_IMAGES,
    SMALLEST_SIDE,
    Listing,
    numbered_classes,
    usual_parts,
)
from bickd_core.data.notes import note
from bickd_core.data.pixels import MAX_PIXELS
from bickd_core.data.resizing import Resizing
from bickd_core.data.rows import CHUNK_BYTES
from bickd_core.naming import first_line, some_names
from bickd_core.npy_header import NpyHeader, read_header

logger = logging.getLogger(__name__)

IMAGES = {
    "train": ("train_images", "x_train"),
    "test": ("test_images", "x_test"),
    "validation": ("val_images", "x_val"),
    "all": ("images", "x"),
}
LABELS = {
    "train_images": "train_labels",
    "test_images": "test_labels",
    "val_images": "val_labels",
    "images": "labels",
    "x_train": "y_train",
    "x_test": "y_test",
    "x_val": "y_val",
    "x": "y",
}
CLASS_NAMES = "class_names"
MAX_NAME_BYTES = 16 << 20
"""Largest size of all class names, as numpy stores them: four bytes for each character, all as
long as the longest."""
MAX_RATIO, FREE_BYTES = 200, 64 << 20
"""An array may unpack to `MAX_RATIO` times its size in the archive, and always to
`FREE_BYTES`."""
PREDICTIONS = ("logits", "predictions", "probabilities", "probs", "scores", "outputs")
WEIGHTS = (".weight", ".bias", ".running_mean")


@dataclass(frozen=True)
class _Images:
    """The layout of an array of images.

    Attributes:
        count: number of images.
        last: whether the channels come last.
    """

    count: int
    channels: int
    height: int
    width: int
    last: bool


@dataclass(frozen=True)
class _Array:
    """An array in a file: its header, and a function that reads the next bytes of its values."""

    header: NpyHeader
    read: Callable[[int], bytes]


def files(path: Path) -> list[Path]:
    """Return the file itself, or the `.npy` files of a folder."""
    check_path(path)
    if path.is_dir():
        return sorted(file for file in path.glob("*.npy") if file.is_file())
    return [path]


def listing(path: Path) -> Listing:
    """List the arrays. Ids are positions in an array."""
    names = _names(path)
    parts = _parts(path, names)
    shapes = {part: _images(path, images) for part, (images, _) in parts.items()}
    first = next(iter(shapes.values()))
    for part, shape in shapes.items():
        if shape.channels != first.channels:
            raise DataError(
                f"the images of {path} must have as many channels in all parts, found"
                f" {first.channels} and {shape.channels} in {part}."
            )
    labels = {
        part: _labels(path, key, images, shapes[part].count)
        for part, (images, key) in parts.items()
    }
    classes = _class_names(path, names, labels)
    side = min(LARGEST_SIDE, max(SMALLEST_SIDE, min(first.height, first.width)))

    def read(part: str, size: int, resizing: Resizing) -> Iterator[np.ndarray]:
        return _read(path, parts[part][0], size, resizing)

    return Listing(classes, labels, first.channels, side, read)


def _names(path: Path) -> list[str]:
    every = files(path)
    if path.is_dir():
        return [file.stem for file in every]
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except Exception as error:  # zipfile's errors are of many kinds
        raise DataError(f"{path} cannot be read as .npz ({first_line(error)}).") from error


def _parts(path: Path, names: list[str]) -> dict[str, tuple[str, str]]:
    """Return the names of the arrays of images and labels, by part."""
    parts: dict[str, tuple[str, str]] = {}
    for part, known in IMAGES.items():
        images = next((name for name in known if name in names), None)
        if images is None:
            continue
        if part == "validation" and LABELS[images] not in names and "test" in parts:
            note(
                logger,
                f"{images} of {as_text(path)} is not used: there is no {LABELS[images]}. Validation"
                " is split off from train.",
            )
            continue
        if LABELS[images] not in names:
            raise DataError(
                f"{path} has {images} but not {LABELS[images]}; it has {_listed(names)}."
            )
        parts[part] = (images, LABELS[images])
    if "train" in parts or "all" in parts:
        return usual_parts(parts)
    predictions = next((name for name in PREDICTIONS if name in names), None)
    weights = next((name for name in names if name.endswith(WEIGHTS)), None)
    what = (
        f"{path} holds a network's predictions ({predictions}) and no images; a data set"
        if predictions
        else (
            f"{path} holds a network's weights ({weights!r}) and no images; a data set"
            if weights
            else str(path)
        )
    )
    raise DataError(
        f"{what} must have train_images and train_labels (and test_images, test_labels), or images"
        f" and labels; it has {_listed(names)}."
    )


def _listed(names: list[str]) -> str:
    return some_names([repr(name)[1:-1][:60] for name in names], most=12) or "nothing"


@contextmanager
def _array(path: Path, name: str) -> Iterator[_Array]:
    """Open an array to read it in pieces. (numpy would load all of it.)

    Raises:
        DataError: it is damaged or too short, contains Python objects, or is in Fortran order.
    """
    with _member(path, name) as (file, size):

        def read(count: int) -> bytes:
            try:
                return file.read(count)
            except Exception as error:  # zlib's, zipfile's and the system's errors
                raise DataError(
                    f"{name} of {path} cannot be read ({first_line(error)})."
                ) from error

        try:
            header = read_header(file)
        except Exception as error:
            raise DataError(
                f"{name} of {path} cannot be read as an array ({first_line(error)})."
            ) from error
        if header.dtype.hasobject:
            raise DataError(
                f"{name} of {path} holds Python objects, which are never read; save numbers or"
                " strings."
            )
        if header.fortran:
            raise DataError(
                f"{name} of {path} must be stored row by row (C order); save np.ascontiguousarray"
                " of it."
            )
        there = size - file.tell()
        if header.bytes > there:
            rows = header.shape[0] if header.shape else 1
            row = header.bytes // max(rows, 1)
            raise DataError(
                f"{name} of {path} ends after {there // row:,} of {rows:,} rows; save it again."
            )
        yield _Array(header, read)


@contextmanager
def _member(path: Path, name: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open the file of one array. Yields the file and its size in bytes."""
    try:
        if path.is_dir():
            file: IO[bytes] = open(path / f"{name}.npy", "rb")  # noqa: SIM115, closed below
            size = (path / f"{name}.npy").stat().st_size
        else:
            with zipfile.ZipFile(path) as archive:
                info = archive.getinfo(f"{name}.npy")
                _check_member(info, path)
                file, size = archive.open(info), info.file_size
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{name} of {path} cannot be read ({first_line(error)}).") from error
    with file:
        yield file, size


def _check_member(info: zipfile.ZipInfo, path: Path) -> None:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(
            f"{info.filename} of {path} is compressed in a way that numpy does not use; save it"
            " with np.savez."
        )
    if info.file_size > max(MAX_RATIO * info.compress_size, FREE_BYTES):
        raise DataError(
            f"{info.filename} of {path} unpacks to {info.file_size / 1e6:,.0f} MB from"
            f" {info.compress_size / 1e6:,.1f} MB, which is too much for images; save it with"
            " np.savez."
        )


def _images(path: Path, name: str) -> _Images:
    with _array(path, name) as array:
        header = array.header
    if header.dtype != np.uint8:
        raise DataError(f"{name} of {path} must be uint8, from 0 to 255, found {header.dtype}.")
    shape = header.shape
    if len(shape) == 3:
        images = _Images(shape[0], 1, shape[1], shape[2], True)
    elif len(shape) == 4 and shape[3] in (1, 3):
        images = _Images(shape[0], shape[3], shape[1], shape[2], True)
    elif len(shape) == 4 and shape[1] in (1, 3):
        images = _Images(shape[0], shape[1], shape[2], shape[3], False)
    else:
        raise DataError(
            f"{name} of {path} must be [N, H, W], [N, H, W, 1 or 3] or [N, 1 or 3, H, W], found"
            f" {list(shape)}."
        )
    if not 0 < images.height * images.width <= MAX_PIXELS or images.count > MAX_IMAGES:
        raise DataError(
            f"{name} of {path} must be at most {MAX_IMAGES:,} images of 1 to {MAX_PIXELS:,} pixels,"
            f" found {list(shape)}."
        )
    return images


def _labels(path: Path, name: str, images: str, count: int) -> np.ndarray:
    """Return labels, int64 [N]. A second axis of length 1 is dropped."""
    with _array(path, name) as array:
        header, shape = array.header, array.header.shape
        if len(shape) not in (1, 2) or shape[1:] not in ((), (1,)) or header.dtype.kind not in "iu":
            raise DataError(
                f"{name} of {path} must be whole numbers [N], found {header.dtype} {list(shape)}."
            )
        if shape[0] != count:
            raise DataError(
                f"{images} and {name} of {path} must have the same length, found {count} and"
                f" {shape[0]}."
            )
        values = np.frombuffer(array.read(header.bytes), header.dtype)
    if len(values) and int(values.max()) > np.iinfo(np.int64).max:
        raise DataError(
            f"{name} of {path} must be class numbers from 0, found {int(values.max())}."
        )
    return values.astype(np.int64)


def _class_names(path: Path, names: list[str], labels: dict[str, np.ndarray]) -> tuple[str, ...]:
    if CLASS_NAMES not in names:
        highest = max((int(part.max()) for part in labels.values() if len(part)), default=-1)
        return numbered_classes(highest, sum(map(len, labels.values())), str(path))
    with _array(path, CLASS_NAMES) as array:
        header = array.header
        if len(header.shape) != 1 or header.dtype.kind != "U":
            raise DataError(
                f"{CLASS_NAMES} of {path} must be strings [C], found {header.dtype}"
                f" {list(header.shape)}."
            )
        if header.bytes > MAX_NAME_BYTES or header.dtype.itemsize == 0:
            raise DataError(
                f"{CLASS_NAMES} of {path} must be short names, found {header.shape[0]:,} of "
                f"{header.dtype.itemsize // 4:,} characters each."
            )
        data = array.read(header.bytes)
    try:
        class_names = tuple(np.frombuffer(data, header.dtype).tolist())
        "".join(class_names).encode()
    except Exception as error:  # numpy raises several types for bytes that are not characters
        raise DataError(
            f"{CLASS_NAMES} of {path} must be text, found bytes that are not text."
        ) from error
    return class_names


def _read(path: Path, name: str, size: int, resizing: Resizing) -> Iterator[np.ndarray]:
    from PIL import Image

    from bickd_core.data.pixels import to_array

    stored = _images(path, name)
    row = stored.channels * stored.height * stored.width
    step = max(1, CHUNK_BYTES // row)
    shape = (
        (stored.height, stored.width, stored.channels)
        if stored.last
        else (stored.channels, stored.height, stored.width)
    )
    with _array(path, name) as array:
        for start in range(0, stored.count, step):
            count = min(step, stored.count - start)
            data = array.read(count * row)
            if len(data) != count * row:
                raise DataError(
                    f"{name} of {path} ends after {start + len(data) // row} of {stored.count}"
                    " images."
                )
            images = np.frombuffer(data, np.uint8).reshape(count, *shape)
            if not stored.last:
                images = images.transpose(0, 2, 3, 1)
            if (stored.height, stored.width) == (size, size) and resizing.crop_share == 1:
                yield images.transpose(0, 3, 1, 2)
                continue
            planes = images[..., 0] if stored.channels == 1 else images
            yield np.stack(
                [
                    to_array(Image.fromarray(plane), stored.channels, size, resizing)
                    for plane in planes
                ]
            )
