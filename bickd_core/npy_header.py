"""Read the header of a NumPy array in a file, before memory is allocated for the array."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.lib import format as npy

MAX_HEADER = 10_000
"""Longest accepted header in bytes. NumPy writes 118 for an array of numbers."""


@dataclass(frozen=True)
class NpyHeader:
    """The header of an array.

    Attributes:
        fortran: whether the columns are contiguous.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool

    @property
    def bytes(self) -> int:
        """Size of the array's values."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(file: IO[bytes]) -> NpyHeader:
    """Read the header. Afterwards the file's position is at the array's values.

    Raises:
        ValueError: this is not the header of an array; the message is a short reason.
        OSError: the file cannot be read. Members of a zip file raise other errors too.
    """
    magic = file.read(8)
    if len(magic) < 8 or magic[:6] != npy.MAGIC_PREFIX or magic[6] not in (1, 2, 3):
        raise ValueError("it does not begin as numpy's arrays do")
    wide = 2 if magic[6] == 1 else 4
    size = file.read(wide)
    length = int.from_bytes(size, "little")
    if length > MAX_HEADER:
        raise ValueError(f"its header claims {length:,} bytes")
    whole = magic + size + file.read(length)
    try:
        buffer = io.BytesIO(whole)
        version = npy.read_magic(buffer)
        read = npy.read_array_header_1_0 if version[0] == 1 else npy.read_array_header_2_0
        shape, fortran, dtype = read(buffer)
    except (
        Exception
    ) as error:  # numpy parses Python text: SyntaxError, TokenError, RecursionError and others
        raise ValueError("its header cannot be parsed") from error
    if any(side < 0 for side in shape) or len(shape) > 32:
        raise ValueError(f"its shape is {list(shape)[:8]}")
    return NpyHeader(tuple(int(side) for side in shape), dtype, bool(fortran) and len(shape) > 1)
