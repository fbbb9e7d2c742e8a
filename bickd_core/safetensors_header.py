"""Read the header of a safetensors file without torch: names, types and shapes of its tensors.

The format allows a header of 100 MB, which would need gigabytes to parse. A network has some
hundred tensors.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bickd_core.file_sizes import size_text
from bickd_core.naming import plain_name

MAX_HEADER = 10 * 2**20
MAX_TENSORS = 10_000
MAX_NAME = 300
MAX_SIDES = 8
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "F64": 64,
    "I64": 64, "U64": 64,
    "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
"""Bits of a number, by the format's names of types."""


class HeaderError(ValueError):
    """A safetensors file that is refused because of its header. The message is one sentence with
    the file's name."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in the header: the name of its type, and its shape."""

    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, StoredTensor]:
    """Return the tensors in a safetensors file, by name. Only the header is read.

    Raises:
        HeaderError: the file is cut short or of another kind, or its header is too large or does
            not fit the file.
    """
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        rest = path.stat().st_size - 8
        if len(start) < 8 or not 2 <= length <= rest:
            raise HeaderError(
                f"{path.name} is not a whole safetensors file: its first eight bytes name a header"
                " that is not there, so it is cut short, damaged or of another kind; copy or"
                " download it again."
            )
        if length > MAX_HEADER:
            raise HeaderError(
                f"{path.name} has a header of {size_text(length)}; at most"
                f" {size_text(MAX_HEADER)} are read, and the header of a network has some"
                " kilobytes."
            )
        return parse_header(file.read(length), rest - length, path.name)


def parse_header(header: bytes, data_bytes: int, name: str) -> dict[str, StoredTensor]:
    """Return the tensors in a header, by name.

    Args:
        header: the header's JSON.
        data_bytes: number of bytes after the header.
        name: the file's name, for messages.

    Raises:
        HeaderError: as for `read_header`.

    >>> parse_header(b'{"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}', 24,
    ...     "w.safetensors")
    {'w': StoredTensor(dtype='F32', shape=(2, 3))}
    """
    try:
        listed = json.loads(header, parse_constant=_refuse, parse_float=_refuse)
    except (
        ValueError,
        RecursionError,
    ) as error:  # not UTF-8, no JSON, nested too deep, or a number without end
        raise _unreadable(name, "is no JSON of names, types, shapes and places") from error
    if not isinstance(listed, dict):
        raise _unreadable(name, "is no table of tensors")
    listed.pop("__metadata__", None)
    if len(listed) > MAX_TENSORS:
        raise HeaderError(
            f"{name} lists {len(listed):,} tensors; at most {MAX_TENSORS:,} are read, and a network"
            " has some hundred."
        )
    return {key: _tensor(key, about, data_bytes, name) for key, about in listed.items()}


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _tensor(key: str, about: Any, data_bytes: int, name: str) -> StoredTensor:
    if len(key) > MAX_NAME:
        raise HeaderError(
            f"{name} has a tensor whose name has {len(key):,} letters; at most {MAX_NAME} are read."
        )
    match about:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(start), int(end)]} if (
            dtype in _BITS
            and len(shape) <= MAX_SIDES
            and all(type(side) is int and 0 <= side < 2**63 for side in shape)
        ):
            pass
        case _:
            raise _unreadable(
                name, f"has no type, shape and places for {plain_name(key)} that are known"
            )
    if not 0 <= start <= end <= data_bytes or 8 * (end - start) != _BITS[dtype] * math.prod(shape):
        raise HeaderError(
            f"{name} is cut short or damaged: its header gives {plain_name(key)} the shape {shape}"
            f" of {dtype} in bytes {start:,} to {end:,}, and {data_bytes:,} bytes follow; copy or"
            " download it again."
        )
    return StoredTensor(dtype, tuple(shape))


def _unreadable(name: str, what: str) -> HeaderError:
    return HeaderError(
        f"{name} is not a whole safetensors file: its header {what}, so it is damaged or of another"
        " kind; copy or download it again."
    )
