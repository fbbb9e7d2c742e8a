"""Read npz files from untrusted sources: no pickles, and sizes are checked before memory is
allocated."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from bickd_core.npy_header import read_header
from bickd_core.reading import ReadError, opened

KINDS = "biufU"
"""NumPy's kinds of numbers and text that run folders use."""
MOST_ARRAYS = 1000
LARGE_BYTES = 2**28
"""Smaller unpacked sizes are always accepted."""
MOST_BYTES = 2**33
"""Largest unpacked size of a file. 50,000 images of 1,000 classes with 2,048 features need 0.6
GB."""
MOST_RATIO = 50
"""Largest ratio of unpacked to packed size. Logits have 2 to 3; a file with more than this holds
something else."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)


def load_npz(path: Path | str) -> dict[str, np.ndarray]:
    """Read all arrays of an npz file, by name, in the machine's byte order.

    Raises:
        FileNotFoundError: there is no such file.
        ReadError: the file is damaged, too large or of another kind. The message does not name the
            file.
    """
    with opened(path) as file:
        try:
            return _arrays(file)
        except ReadError:
            raise
        except (
            Exception
        ) as error:  # zipfile, its decompressors and numpy raise a dozen types for damaged files
            first = (str(error).strip() or type(error).__name__).splitlines()[0][:120].rstrip(".")
            raise ReadError(
                f"expected a whole npz file without pickles, but reading it failed ({first})."
            ) from error


def _arrays(file: BinaryIO) -> dict[str, np.ndarray]:
    size = file.seek(0, 2)
    file.seek(0)
    if file.read(6) == b"\x93NUMPY":
        raise ReadError(
            "expected a whole npz file without pickles, got a single array without a name."
        )
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > MOST_ARRAYS:
            raise ReadError(f"expected at most {MOST_ARRAYS:,} arrays, got {len(members):,}.")
        total = sum(member.file_size for member in members)
        if total > MOST_BYTES or total > max(LARGE_BYTES, MOST_RATIO * size):
            raise ReadError(
                f"expected arrays of a run, got a file of {size:,} bytes that unpacks to {total:,}."
            )
        arrays = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name == member.filename or name in arrays:
                raise ReadError(
                    "expected arrays with names of their own, got the member"
                    f" {member.filename!r:.60}."
                )
            if member.compress_type not in _METHODS:
                raise ReadError(
                    "expected a member that is stored or deflated, got method"
                    f" {member.compress_type}."
                )
            with archive.open(member) as stream:
                arrays[name] = _array(stream, member.file_size, name)
        return arrays


def _array(stream: IO[bytes], size: int, name: str) -> np.ndarray:
    """Read one array in npy format. Its header must account for every byte of the member."""
    header = read_header(stream)
    shape, dtype, fortran = header.shape, header.dtype, header.fortran
    if dtype.kind not in KINDS or dtype.subdtype is not None or dtype.itemsize == 0:
        raise ReadError(
            f"`{name}` must be real numbers or text without pickles, got {dtype!s:.60}."
        )
    count = math.prod(shape)
    left = size - stream.tell()
    if any(side < 0 for side in shape) or len(shape) > 8 or count * dtype.itemsize != left:
        raise ReadError(
            f"`{name}`: expected {left:,} bytes as its header says, got shape {shape!s:.60}."
        )
    content = stream.read()
    array = np.frombuffer(content, dtype=dtype, count=count)
    array = array.reshape(shape[::-1]).transpose() if fortran else array.reshape(shape)
    if dtype.kind == "U":
        _check_text(array, name)
    # A copy, since what the buffer gives cannot be written to, in the machine's own byte order.
    return array.astype(dtype.newbyteorder("="), order="C")


def _check_text(array: np.ndarray, name: str) -> None:
    """Check that all code points are valid. NumPy accepts any number, and Python fails when it
    reads such a text."""
    codes = np.ascontiguousarray(array).reshape(-1).view(array.dtype.str[0] + "u4")
    if len(codes) and (codes.max() > 0x10FFFF or ((codes >= 0xD800) & (codes <= 0xDFFF)).any()):
        raise ReadError(f"`{name}`: expected text, got invalid characters.")
