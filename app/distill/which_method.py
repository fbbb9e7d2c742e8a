"""The answer to "which method?", as `pretrained/which_method.py` wrote it from the result lines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class WhichMethod:
    """Three lines, and the page of the documentation with the tables."""

    lines: tuple[str, ...]
    source: str


@cache
def which_method() -> WhichMethod:
    content = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return WhichMethod(tuple(content["lines"]), content["source"])
