"""The runs of a sweep that diverged. They have no result line, and would diverge again, so they are
recorded beside the results."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from bickd_core.atomic import write_text
from bickd_core.config import one_sentence
from bickd_core.runs.create import check_run
from bickd_core.runs.library import Library, RunError, RunFolder
from bickd_core.sweeps.definition import PlannedRun
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
    path = diverged_path(results)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found.append(Diverged.model_validate_json(line))
        except ValidationError as error:
            raise RunError(f"{path} is damaged in line {number}: {one_sentence(error)}") from error
    return found


def add_diverged(results: Path, run: RunFolder) -> None:
    """Add a diverged run, or replace an older one with the same name. The write is atomic."""
    path = diverged_path(results)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        lines = {each.name: each for each in read_diverged(results)}
        lines[run.key] = Diverged(
            name=run.key, error=run.status().error, settings=settings(run.info())
        )
        write_text(path, "".join(each.model_dump_json() + "\n" for each in lines.values()))


def diverged_before(found: Iterable[Diverged], planned: PlannedRun, library: Library) -> bool:
    """Return whether a run with this name, these settings and this teacher has diverged."""
    wanted = settings(check_run(planned.config, library))
    return any(each.name == planned.name and each.settings == wanted for each in found)
