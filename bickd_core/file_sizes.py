"""How much a file may unpack to, and whether memory was exhausted; without torch and numpy."""

from __future__ import annotations

import zipfile
from pathlib import Path

SMALL_BYTES = 64 * 2**20
"""What a file may always unpack to."""
MAX_RATIO = 20
"""How many times its own size a larger file may unpack to; weights reach 1.1, sparse ones some
10."""
_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "bad_alloc",
    "could not create a primitive",
)
"""What torch, the system and oneDNN (the last) say when memory does not suffice."""

UNREADABLE_ZIP = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError)
"""What zipfile raises for a file that is no zip, is damaged or of a later version."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice.

    >>> out_of_memory(RuntimeError("could not create a primitive")), out_of_memory(KeyError("x"))
    (True, False)
    """
    return isinstance(error, MemoryError) or any(
        phrase in str(error).lower() for phrase in _OUT_OF_MEMORY
    )


def size_text(count: float) -> str:
    """A number of bytes for a sentence.

    >>> size_text(560), size_text(12 * 2**20), size_text(4.25 * 2**30)
    ('560 bytes', '12 MB', '4.2 GB')
    """
    for unit, size in (("GB", 2**30), ("MB", 2**20)):
        if count >= size:
            return f"{count / size:,.{0 if count >= 10 * size else 1}f} {unit}".replace(".0 ", " ")
    return f"{count:,.0f} bytes"


def unpacked_limit(path: Path, max_bytes: int) -> int:
    """To how many bytes a zip file of this size may unpack."""
    return min(max_bytes, max(SMALL_BYTES, MAX_RATIO * path.stat().st_size))


def unpacked_bytes(path: Path) -> int:
    """To how many bytes a zip file says that it unpacks; 0 for any other file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except UNREADABLE_ZIP:
        return 0
