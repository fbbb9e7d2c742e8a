"""cifar10 and cifar100 from the binary archives. The pickled archives are never read.

The archives are downloaded from the authors' page, or read from the path in `cifar10:PATH`.
Source: Krizhevsky, A. (2009), Learning Multiple Layers of Features from Tiny Images, University of
Toronto. The authors state no licence.
"""

from __future__ import annotations

import hashlib
import logging
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from bickd_core.data.download import download
from bickd_core.data.errors import DataError, DataUnavailableError
from bickd_core.data.listing import Listing
from bickd_core.data.resizing import Resizing
from bickd_core.naming import first_line
from bickd_core.places import cache_folder

logger = logging.getLogger(__name__)

SIDE = 32
_PIXELS = 3 * SIDE * SIDE
_STEP = 1024
_MOST_NAMES = 1 << 16
"""Largest size of the file of class names, in bytes."""


@dataclass(frozen=True)
class Variant:
    """One of the two data sets.

    Attributes:
        md5: of the archive, as published by the authors, who publish no other hash.
        folder: the folder inside the archive.
        train, test, names: its files.
        label_bytes: 1 for the class, 2 for superclass and class.
    """

    name: str
    url: str
    md5: str
    folder: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    names: str
    classes: int
    label_bytes: int


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant(
            name="cifar10",
            url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            md5="c32a1d4ab5d03f1284b67883e8d87530",
            folder="cifar-10-batches-bin",
            train=tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
            test=("test_batch.bin",),
            names="batches.meta.txt",
            classes=10,
            label_bytes=1,
        ),
        Variant(
            name="cifar100",
            url="https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
            md5="03b5dce01913d631647c71ecec9e9cb8",
            folder="cifar-100-binary",
            train=("train.bin",),
            test=("test.bin",),
            names="fine_label_names.txt",
            classes=100,
            label_bytes=2,
        ),
    )
}


def fetch(variant: Variant) -> Path:
    """Return the archive in the cache folder. It is downloaded if needed, and its md5 is always
    checked.

    Raises:
        DataUnavailableError: the download failed, or is not the published archive.
    """
    try:
        return download(variant.url, variant.md5, cache_folder() / "cifar")
    except DataUnavailableError as error:
        raise DataUnavailableError(
            f"{variant.name} could not be fetched from {error}; go online once, or name the archive"
            f" or its folder as {variant.name}:PATH."
        ) from error


def files(path: Path, variant: Variant) -> list[Path]:
    """Return the archive, or the files that are read from the folder."""
    if path.is_file():
        return [path]
    folder = _folder(path, variant)
    return [folder / name for name in (*variant.train, *variant.test, variant.names)]


def listing(path: Path, variant: Variant) -> Listing:
    """List the images. Ids count the images of all train files, and those of the test file."""
    if path.is_file():
        with open(path, "rb") as archive:
            md5 = hashlib.file_digest(archive, "md5").hexdigest()
        if md5 != variant.md5:
            logger.warning(
                "%s is not the published archive: its md5 is %s, not %s.", path, md5, variant.md5
            )
    contents, digests = {"train": variant.train, "test": variant.test}, {}
    with _opened(path, variant, variant.names) as file:
        text = file.read(_MOST_NAMES)
    digests[variant.names] = hashlib.sha256(text).hexdigest()
    names = tuple(
        line.strip().replace("_", " ")
        for line in text.decode("ascii", "replace").splitlines()
        if line.strip()
    )
    if len(names) != variant.classes:
        raise DataError(
            f"{variant.names} of {path} must name {variant.classes} classes, found {len(names)}."
        )
    labels: dict[str, np.ndarray] = {}
    for part, members in contents.items():
        chunks = []
        for member in members:
            digest = hashlib.sha256()
            for rows, data in _rows(path, variant, member):
                digest.update(data)
                chunks.append(rows[:, variant.label_bytes - 1].astype(np.int64))
            digests[member] = digest.hexdigest()
        labels[part] = np.concatenate(chunks) if chunks else np.zeros(0, np.int64)

    def read(part: str, size: int, resizing: Resizing) -> Iterator[np.ndarray]:
        for member in contents[part]:
            for rows, _ in _rows(path, variant, member):
                yield rows[:, variant.label_bytes :].reshape(-1, 3, SIDE, SIDE)

    return Listing(names, labels, 3, SIDE, read, digests=digests)


def _folder(path: Path, variant: Variant) -> Path:
    for folder in (path, path / variant.folder):
        if (folder / variant.names).is_file():
            return folder
    raise DataError(
        f"{path} is not the binary archive of {variant.name}, and does not contain {variant.names};"
        f" give the path of {variant.url.rsplit('/', 1)[1]}, or of the folder it unpacks to."
    )


@contextmanager
def _opened(path: Path, variant: Variant, member: str) -> Iterator[IO[bytes]]:
    """Open one file of the archive or folder. Nothing is unpacked to the disk."""
    try:
        if path.is_file():
            with tarfile.open(path) as archive:
                file = archive.extractfile(f"{variant.folder}/{member}")
                if file is None:
                    raise KeyError(member)
                yield file
        else:
            with open(_folder(path, variant) / member, "rb") as file:
                yield file
    except DataError:
        raise
    except KeyError as error:
        raise DataError(
            f"{path} has no {variant.folder}/{member}; it is not {variant.name}'s binary archive."
        ) from error
    except Exception as error:  # tarfile raises many types of errors for damaged files
        raise DataError(
            f"{member} of {path} cannot be read ({first_line(error)}); download it again."
        ) from error


def _rows(path: Path, variant: Variant, member: str) -> Iterator[tuple[np.ndarray, bytes]]:
    """Yield rows in batches: uint8 [B, label bytes + 3072], and the same as bytes."""
    size = variant.label_bytes + _PIXELS
    with _opened(path, variant, member) as file:
        while data := file.read(_STEP * size):
            if len(data) % size:
                raise DataError(
                    f"{member} of {path} must have rows of {size:,} bytes, but the last one is"
                    " incomplete; download it again."
                )
            yield np.frombuffer(data, np.uint8).reshape(-1, size), data
