"""The runs of a sweep that diverged. They have no result line, and would diverge again, so they are
recorded beside the results."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from bickd_core.runs.create import check_run
from bickd_core.runs.library import Library, RunFolder
from bickd_core.sweeps.definition import PlannedRun
from bickd_core.sweeps.lines import add_line, read_lines
from bickd_core.sweeps.results import settings


class Diverged(BaseModel):
    """A run whose loss was not finite, its error message, and its settings as in a result line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    error: str
    settings: dict[str, Any]


def diverged_path(results: Path) -> Path:
    """Return the file beside a file of results.

    >>> diverged_path(Path("recipes/first.jsonl")).as_posix()
    'recipes/first.diverged.jsonl'
    """
    return results.with_name(f"{results.stem}.diverged.jsonl")


def read_diverged(results: Path) -> list[Diverged]:
    """Read the diverged runs beside a file of results; empty if there are none.

    Raises:
        RunError: a line is damaged; the message names it.
    """
    return read_lines(diverged_path(results), Diverged)


def add_diverged(results: Path, run: RunFolder) -> None:
    """Add a diverged run, or replace an older one with the same name. The write is atomic."""
    line = Diverged(name=run.key, error=run.status().error, settings=settings(run.info()))
    add_line(diverged_path(results), line, lambda line: line.name)


def diverged_before(found: Iterable[Diverged], planned: PlannedRun, library: Library) -> bool:
    """Return whether a run with this name, these settings and this teacher has diverged."""
    wanted = settings(check_run(planned.config, library))
    return any(each.name == planned.name and each.settings == wanted for each in found)
