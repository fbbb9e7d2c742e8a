"""Files with one JSON line for each run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from filelock import FileLock
from pydantic import BaseModel, ValidationError

from bickd_core.atomic import write_text
from bickd_core.config import one_sentence
from bickd_core.runs.library import RunError

Line = TypeVar("Line", bound=BaseModel)


def read_lines(path: Path, kind: type[Line]) -> list[Line]:
    """Read the lines of a file in their order; empty if there is no file.

    Raises:
        RunError: a line is damaged; the message names it.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            lines.append(kind.model_validate_json(line))
        except ValidationError as error:
            raise RunError(f"{path} is damaged in line {number}: {one_sentence(error)}") from error
    return lines


def add_line(path: Path, line: Line, name: Callable[[Line], str]) -> None:
    """Append a line, or replace an older one with the same name. The write is atomic.

    Args:
        name: returns the name of a line.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        lines = {name(stored): stored for stored in read_lines(path, type(line))}
        lines[name(line)] = line
        write_text(path, "".join(_text(stored) for stored in lines.values()))


def _text(line: BaseModel) -> str:
    return (
        json.dumps(line.model_dump(mode="json"), separators=(",", ":"), ensure_ascii=False) + "\n"
    )
