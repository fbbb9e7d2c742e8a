"""Limits on the unpacked size of files, and detection of exhausted memory; without torch and
NumPy."""

from __future__ import annotations

import zipfile
from pathlib import Path

SMALL_BYTES = 64 * 2**20
"""Every file may unpack to this size."""
MAX_RATIO = 20
"""Largest ratio of unpacked to packed size of larger files. Weights have up to 1.1, sparse ones
about 10."""
_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "bad_alloc",
    "could not create a primitive",
)
"""Parts of the messages of torch, the system and oneDNN (the last one) when memory is exhausted."""

UNREADABLE_ZIP = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError)
"""Errors that zipfile raises for files that are damaged, of a later version, or not zip files."""


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that memory was exhausted.

    >>> out_of_memory(RuntimeError("could not create a primitive")), out_of_memory(KeyError("x"))
    (True, False)
    """
    return isinstance(error, MemoryError) or any(
        phrase in str(error).lower() for phrase in _OUT_OF_MEMORY
    )


def size_text(count: float) -> str:
    """Return a number of bytes as text.

    >>> size_text(560), size_text(12 * 2**20), size_text(4.25 * 2**30)
    ('560 bytes', '12 MB', '4.2 GB')
    """
    for unit, size in (("GB", 2**30), ("MB", 2**20)):
        if count >= size:
            return f"{count / size:,.{0 if count >= 10 * size else 1}f} {unit}".replace(".0 ", " ")
    return f"{count:,.0f} bytes"


def unpacked_limit(path: Path, max_bytes: int) -> int:
    """Return the largest accepted unpacked size of a zip file, in bytes."""
    return min(max_bytes, max(SMALL_BYTES, MAX_RATIO * path.stat().st_size))


def unpacked_bytes(path: Path) -> int:
    """Return the unpacked size in bytes that a zip file declares; 0 for other files."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except UNREADABLE_ZIP:
        return 0
