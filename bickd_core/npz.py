"""Write npz files atomically, and read them from untrusted sources: no pickles, and sizes are
checked before memory is allocated."""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from bickd_core.atomic import atomic_write
from bickd_core.naming import first_line
from bickd_core.npy_header import NpyHeader, read_header
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
_LOCAL_HEADER = 30
"""Bytes of a zip member's local header before its name."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)


def load_npz(
    path: Path | str, *, map_above: int | None = None, unread: list[str] | None = None
) -> dict[str, np.ndarray]:
    """Read all arrays of an npz file, by name, in the machine's byte order.

    Args:
        map_above: map arrays of more bytes from the file instead of reading them, where they are
            stored without compression. They cannot be written to, and the system may drop their
            pages from memory. Processes that map the same file share them.
        unread: a list for the names of arrays of Python objects, which are pickled; they are left
            out. By default they are an error.

    Raises:
        FileNotFoundError: there is no such file.
        ReadError: the file is damaged, too large or of another kind. The message does not name the
            file.
    """
    with opened(path) as file:
        try:
            return _arrays(file, map_above, unread)
        except ReadError:
            raise
        except (
            Exception
        ) as error:  # zipfile, its decompressors and numpy raise a dozen types for damaged files
            raise ReadError(
                f"expected a whole npz file without pickles, but reading it failed"
                f" ({first_line(error, 120)})."
            ) from error


def save_npz(path: Path | str, arrays: Mapping[str, np.ndarray], *, packed: bool = True) -> None:
    """Write arrays atomically, by name.

    Args:
        packed: compress them.
    """
    write = np.savez_compressed if packed else np.savez
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        write(file, **arrays)  # type: ignore[arg-type]


def content_key(path: Path | str) -> str:
    """Return a key of a file's content, from the names, sizes and checksums in its directory.

    `load_npz` checks that the arrays have these checksums.

    Raises:
        FileNotFoundError: there is no such file.
        ReadError: it is no npz file.
    """
    with opened(path) as file:
        try:
            members = zipfile.ZipFile(file).infolist()
        except zipfile.BadZipFile as error:
            raise ReadError("expected an npz file, but its directory is damaged.") from error
    listed = [(member.filename, member.file_size, member.CRC) for member in members]
    return hashlib.sha256(repr(listed).encode()).hexdigest()[:20]


def _arrays(
    file: BinaryIO, map_above: int | None, unread: list[str] | None
) -> dict[str, np.ndarray]:
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
                header = read_header(stream)
                if unread is not None and header.dtype.kind == "O":
                    unread.append(name)
                    continue
                _check_header(header, member.file_size - stream.tell(), name)
                mapped = _mapped(file, member, header, stream.tell(), map_above)
                arrays[name] = _array(stream, header, name) if mapped is None else mapped
        return arrays


def _check_header(header: NpyHeader, left: int, name: str) -> None:
    """Check that an array has a known kind, and fills the bytes that are left of its member."""
    shape, dtype = header.shape, header.dtype
    if dtype.kind not in KINDS or dtype.subdtype is not None or dtype.itemsize == 0:
        raise ReadError(
            f"`{name}` must be real numbers or text without pickles, got {dtype!s:.60}."
        )
    count = math.prod(shape)
    if any(side < 0 for side in shape) or len(shape) > 8 or count * dtype.itemsize != left:
        raise ReadError(
            f"`{name}`: expected {left:,} bytes as its header says, got shape {shape!s:.60}."
        )


def _mapped(
    file: BinaryIO,
    member: zipfile.ZipInfo,
    header: NpyHeader,
    header_size: int,
    map_above: int | None,
) -> np.ndarray | None:
    """The array of a member, mapped from the file; None if it has to be read."""
    if (
        map_above is None
        or os.name != "posix"  # Windows does not replace a file that is mapped
        or member.file_size <= map_above
        or member.compress_type != zipfile.ZIP_STORED
        or member.file_size != member.compress_size
        or header.fortran
        or not header.dtype.isnative
        or header.dtype.kind == "U"
    ):
        return None
    start = _start_of_data(file, member)
    if (start + header_size) % header.dtype.itemsize:
        return None  # operations on numbers that are not aligned are slow
    content = np.memmap(file, np.uint8, "r", start, (member.file_size,)).view(np.ndarray)
    if zlib.crc32(content.data) != member.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {member.filename!r}")
    release(content)
    return content[header_size:].view(header.dtype).reshape(header.shape)


def mapping_of(array: np.ndarray) -> mmap.mmap | None:
    """Return the mapping of a file that an array is a view of, or None. Such an array takes no
    memory that it must keep."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def release(array: np.ndarray) -> None:
    """Give back the memory of an array that is mapped from a file. Whoever needs it reads it again,
    usually from the system's own copy of the file. Other arrays stay as they are."""
    mapping = mapping_of(array)
    if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapping.madvise(mmap.MADV_DONTNEED)


def _start_of_data(file: BinaryIO, member: zipfile.ZipInfo) -> int:
    """Where a member's data begin: after its local header, whose extra field may differ from the
    directory's."""
    position = file.tell()
    file.seek(member.header_offset)
    local = file.read(_LOCAL_HEADER)
    file.seek(position)
    name, extra = (int.from_bytes(local[at : at + 2], "little") for at in (26, 28))
    return member.header_offset + _LOCAL_HEADER + name + extra


def _array(stream: IO[bytes], header: NpyHeader, name: str) -> np.ndarray:
    """The rest of a member as an array."""
    shape, dtype, fortran = header.shape, header.dtype, header.fortran
    count = math.prod(shape)
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
