"""Find the external data files that an ONNX file refers to, without the package onnx.

Older releases of onnxruntime open such a file wherever it is. So the names are checked before
onnxruntime opens the ONNX file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bickd_core.importing.programs.program import ProgramError
from bickd_core.naming import plain_name

_TENSOR, _GRAPH, _NODE, _ATTRIBUTE, _SPARSE, _FUNCTION, _PAIR = (
    "tensor", "graph", "node", "attribute", "sparse", "function", "pair",
)  # fmt: skip
_FIELDS = {
    "model": {7: _GRAPH, 25: _FUNCTION},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE, 23: _SPARSE},
    _SPARSE: {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {13: _PAIR},
}
"""The fields of ONNX's protobuf messages that may contain a tensor, by field number, and the
message in them."""
_DEEPEST = 40
_DAMAGED = "is not a complete ONNX file: it is cut short, damaged or of another kind"


def check_external(file: Path) -> None:
    """Check that an ONNX file refers only to existing files inside its folder.

    Raises:
        ProgramError: it refers to another file, or it is damaged.
    """
    folder = file.resolve().parent
    for name in external_names(file.read_bytes()):
        path = Path(name)
        inside = not path.is_absolute() and (folder / path).resolve().is_relative_to(folder)
        if not inside:
            raise ProgramError(
                f"refers to the file {plain_name(name)[:80]}, which is outside its folder and is"
                " not read; export it again with the data in the same folder"
            )
        if not (folder / path).is_file():
            raise ProgramError(
                f"has its weights in the file {plain_name(name)[:80]}, which is missing; copy both"
                " to the same folder"
            )


def external_names(data: bytes) -> set[str]:
    """Return the names of the files that hold a model's tensors.

    Raises:
        ProgramError: the bytes are not an ONNX model.
    """
    names: set[str] = set()
    waiting = [("model", memoryview(data), 0)]
    while waiting:
        kind, part, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ProgramError("has graphs nested deeper than any network")
        for field, content in _fields(part):
            inner = _FIELDS[kind].get(field)
            if inner == _PAIR:
                pair = {number: bytes(text) for number, text in _fields(content)}
                if pair.get(1) == b"location":
                    names.add(pair.get(2, b"").decode("utf-8", "replace"))
            elif inner is not None:
                waiting.append((inner, content, depth + 1))
    return names


def _fields(part: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield number and content of each length-delimited field of a protobuf message. Other fields
    are skipped."""
    position, end = 0, len(part)
    while position < end:
        tag, position = _number(part, position)
        wire = tag & 7
        if wire == 0:
            _, position = _number(part, position)
        elif wire in (1, 5):
            position += 8 if wire == 1 else 4
        elif wire == 2:
            length, position = _number(part, position)
            if position + length > end:
                raise ProgramError(_DAMAGED)
            yield tag >> 3, part[position : position + length]
            position += length
        else:
            raise ProgramError(_DAMAGED)
    if position != end:
        raise ProgramError(_DAMAGED)


def _number(part: memoryview, position: int) -> tuple[int, int]:
    """Read a protobuf varint. Returns its value and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(part):
            raise ProgramError(_DAMAGED)
        byte = part[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise ProgramError(_DAMAGED)
