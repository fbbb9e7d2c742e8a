"""Numbered migrations of run.yaml. Each converts a stored dictionary from format N to N + 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MIGRATIONS: tuple[Callable[[dict[str, Any]], dict[str, Any]], ...] = ()
"""MIGRATIONS[0] reads format 1 and gives format 2, and so on; empty while format 1 is the only
one."""

FORMAT = 1 + len(MIGRATIONS)


def migrate(stored: Any) -> dict[str, Any]:
    """Convert the content of run.yaml to the current format.

    Raises:
        ValueError: it is not a mapping, has no format number, or has a newer format than this
            program.
    """
    if not isinstance(stored, dict):
        raise ValueError(f"expected a mapping, got {type(stored).__name__}")
    number = stored.get("format")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError(f"expected a `format` number of at least 1, got {number!r:.80}")
    if not all(isinstance(name, str) for name in stored):
        name = next(name for name in stored if not isinstance(name, str))
        raise ValueError(f"expected names of fields, got {name!r:.80}")
    if number > FORMAT:
        raise ValueError(
            f"its format is {number:.6g} and this program reads up to {FORMAT}; update the program"
        )
    for step in MIGRATIONS[number - 1 :]:
        stored = step(stored)
    return {**stored, "format": FORMAT}
