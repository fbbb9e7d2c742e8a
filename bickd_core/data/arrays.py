"""`npz:PATH`: numpy arrays of images and labels, in an `.npz` file or as `.npy` files in a folder."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from bickd_core.data.errors import DataError
from bickd_core.data.listing import LARGEST_SIDE, Listing
from bickd_core.data.rows import CHUNK_BYTES

IMAGES = {
    "train": ("train_images", "x_train"),
    "test": ("test_images", "x_test", "val_images", "x_val"),
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


@dataclass(frozen=True)
class _Header:
    """Of an array: how many images, channels, height, width, and whether the channels come last."""

    count: int
    channels: int
    height: int
    width: int
    last: bool


def files(path: Path) -> list[Path]:
    """The file, or the `.npy` files of the folder."""
    if not path.exists():
        raise DataError(f"{path} is not there; was it moved, or is a disk not mounted?")
    return [path] if path.is_file() else sorted(path.glob("*.npy"))


def listing(path: Path) -> Listing:
    """Ids count the rows of an array."""
    names = _names(path)
    parts = _parts(path, names)
    headers = {part: _header(path, images) for part, (images, _) in parts.items()}
    first = next(iter(headers.values()))
    for part, header in headers.items():
        if header.channels != first.channels:
            raise DataError(
                f"the images of {path} must have as many channels in all parts, found {first.channels} and "
                f"{header.channels} in {part}."
            )
    labels = {}
    for part, (images, key) in parts.items():
        labels[part] = _labels(path, key)
        if len(labels[part]) != headers[part].count:
            raise DataError(
                f"{images} and {key} of {path} must be as many, found {headers[part].count} and {len(labels[part])}."
            )
    classes = _class_names(path, names, labels)
    side = min(LARGEST_SIDE, first.height, first.width)

    def read(part: str, size: int) -> Iterator[np.ndarray]:
        return _read(path, parts[part][0], size)

    return Listing(classes, labels, first.channels, side, read)


def _names(path: Path) -> list[str]:
    if path.is_dir():
        return [file.stem for file in files(path)]
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as .npz ({error}).") from error


def _parts(path: Path, names: list[str]) -> dict[str, tuple[str, str]]:
    """The names of images and labels of each part that is there."""
    found: dict[str, tuple[str, str]] = {}
    for part, known in IMAGES.items():
        images = next((name for name in known if name in names), None)
        if images is None:
            continue
        if LABELS[images] not in names:
            raise DataError(f"{path} has {images} but not {LABELS[images]}; it has {', '.join(names)}.")
        found[part] = (images, LABELS[images])
    if "train" in found and "test" in found:
        return {part: found[part] for part in ("train", "test")}
    if "train" in found or "all" in found:
        return {"all": found.get("train", found.get("all", ("", "")))}
    raise DataError(
        f"{path} must have train_images and train_labels (and test_images, test_labels), or images and labels; "
        f"it has {', '.join(names) or 'nothing'}."
    )


@contextmanager
def _member(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The bytes of one array, to be read in a stream; numpy would load it whole."""
    try:
        if path.is_dir():
            with open(path / f"{name}.npy", "rb") as file:
                yield file
        else:
            with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
                yield file
    except DataError:
        raise
    except (OSError, KeyError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{name} of {path} cannot be read ({error}).") from error


def _array_header(file: IO[bytes], name: str, path: Path) -> tuple[tuple[int, ...], np.dtype]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if fortran and len(shape) > 1:
        raise DataError(
            f"{name} of {path} must be stored row by row (C order); save np.ascontiguousarray of it."
        )
    if dtype.hasobject:
        raise DataError(
            f"{name} of {path} holds Python objects, which are never read; save numbers or strings."
        )
    return shape, dtype


def _header(path: Path, name: str) -> _Header:
    with _member(path, name) as file:
        shape, dtype = _array_header(file, name, path)
    if dtype != np.uint8:
        raise DataError(f"{name} of {path} must be uint8, from 0 to 255, found {dtype}.")
    if len(shape) == 3:
        return _Header(shape[0], 1, shape[1], shape[2], True)
    if len(shape) == 4 and shape[3] in (1, 3):
        return _Header(shape[0], shape[3], shape[1], shape[2], True)
    if len(shape) == 4 and shape[1] in (1, 3):
        return _Header(shape[0], shape[1], shape[2], shape[3], False)
    raise DataError(
        f"{name} of {path} must be [N, H, W], [N, H, W, 1 or 3] or [N, 1 or 3, H, W], found {list(shape)}."
    )


def _small(path: Path, name: str) -> np.ndarray:
    with _member(path, name) as file:
        shape, dtype = _array_header(file, name, path)
        return np.frombuffer(file.read(), dtype=dtype).reshape(shape)


def _labels(path: Path, name: str) -> np.ndarray:
    """int64 [N]; a second axis of length 1 is dropped."""
    values = _small(path, name)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise DataError(
            f"{name} of {path} must be whole numbers [N], found {values.dtype} {list(values.shape)}."
        )
    return values.astype(np.int64)


def _class_names(path: Path, names: list[str], labels: dict[str, np.ndarray]) -> tuple[str, ...]:
    if CLASS_NAMES in names:
        found = _small(path, CLASS_NAMES)
        if found.ndim != 1 or found.dtype.kind != "U":
            raise DataError(
                f"{CLASS_NAMES} of {path} must be strings [C], found {found.dtype} {list(found.shape)}."
            )
        return tuple(found.tolist())
    highest = max((int(part.max()) for part in labels.values() if len(part)), default=-1)
    return tuple(str(i) for i in range(highest + 1))


def _read(path: Path, name: str, size: int) -> Iterator[np.ndarray]:
    from PIL import Image

    from bickd_core.data.pixels import to_array

    about = _header(path, name)
    row = about.channels * about.height * about.width
    step = max(1, CHUNK_BYTES // row)
    shape = (
        (about.height, about.width, about.channels)
        if about.last
        else (about.channels, about.height, about.width)
    )
    with _member(path, name) as file:
        _array_header(file, name, path)
        for start in range(0, about.count, step):
            count = min(step, about.count - start)
            data = file.read(count * row)
            if len(data) != count * row:
                raise DataError(
                    f"{name} of {path} ends after {start + len(data) // row} of {about.count} images."
                )
            images = np.frombuffer(data, np.uint8).reshape(count, *shape)
            if not about.last:
                images = images.transpose(0, 2, 3, 1)
            if (about.height, about.width) == (size, size):
                yield images.transpose(0, 3, 1, 2)
                continue
            planes = images[..., 0] if about.channels == 1 else images
            yield np.stack([to_array(Image.fromarray(plane), about.channels, size) for plane in planes])
