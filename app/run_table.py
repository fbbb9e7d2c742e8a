"""The rows of the table on Runs, without Streamlit."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.distill.form_values import phase
from app.distill.model_choice import Size
from bickd_core.data.registry import dataset_title
from bickd_core.models.catalogue import MODELS, model_title
from bickd_core.presets.catalogue import PRESETS
from bickd_core.runs.library import RunError, RunFolder, RunInfo
from bickd_viz.text import numbers

COLUMNS = (
    "Run",
    "State",
    "Test",
    "Validation",
    "Best validation",
    "Role",
    "Method",
    "Model",
    "Data",
    "Seed",
    "Parameters",
    "Minutes",
    "Created",
)


@dataclass(frozen=True)
class Figures:
    """The accuracies of a run as fractions, None if unknown."""

    test: float | None = None
    validation: float | None = None
    best: float | None = None
    problems: tuple[str, ...] = ()
    """One sentence for each file of the run that cannot be read."""


def row(run: RunFolder, info: RunInfo, figures: Figures) -> dict[str, Any]:
    """Return one row, by the names in `COLUMNS`; accuracies are in per cent."""
    try:
        status = run.status()
        state = phase(status, stopping=run.stop_requested(), now=time.time()).word
        if status.active and state == "running":
            state = f"running, {status.progress.fraction:.0%}"
        minutes = status.seconds / 60 if status.seconds else None
    except RunError:
        state, minutes = "status cannot be read", None
    if figures.problems:
        state += f" · {figures.problems[0]}"
    return {
        "Run": run.key,
        "State": state,
        "Test": _percent(figures.test),
        "Validation": _percent(figures.validation),
        "Best validation": _percent(figures.best),
        "Role": info.role,
        "Method": method(info),
        "Model": model_title(info.arch),
        "Data": dataset_title(info.dataset),
        "Seed": info.seed,
        "Parameters": parameters(info),
        "Minutes": minutes,
        "Created": info.created[:16].replace("T", " "),
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else numbers.percent_number(share)


def method(info: RunInfo) -> str:
    """Return the title of the method, as the table shows it."""
    if info.objective == "ce":
        return "CE (labels only)"
    return PRESETS[info.objective].title if info.objective in PRESETS else info.objective


def parameters(info: RunInfo) -> int | None:
    if info.cost is not None:
        return info.cost.parameters
    model = MODELS.get(info.arch)
    if model is None or info.in_channels is None:
        return None
    return model.parameters(info.num_classes, info.in_channels)


def size(info: RunInfo) -> Size | None:
    """Return the parameters and multiply-adds of a run's model, or None if unknown."""
    if info.cost is not None:
        return Size(info.cost.parameters, info.cost.macs)
    model, size = MODELS.get(info.arch), info.image_size
    if model is None or size is None or info.in_channels is None:
        return None
    shape = (info.num_classes, info.in_channels)
    return Size(model.parameters(*shape), model.macs(*shape, size))


def accuracies(records: Sequence[dict[str, Any]]) -> tuple[float | None, float | None]:
    """Return the validation accuracy of the last epoch and of the best one."""
    values = [
        record["validation_accuracy"] for record in records if "validation_accuracy" in record
    ]
    return (values[-1], max(values)) if values else (None, None)


def ordered(
    runs: Sequence[tuple[RunFolder, RunInfo]], which: str
) -> list[tuple[RunFolder, RunInfo]]:
    """Sort the user's own runs first, then the shared runs, the newest at the top of each, then the
    bundled runs by key.

    Args:
        which: "all", "own", "shared" or "bundled".
    """
    filtered = [pair for pair in runs if which in ("all", pair[0].origin)]
    newest = sorted(filtered, key=lambda pair: pair[1].created, reverse=True)
    trained = [pair for pair in newest if pair[0].origin != "bundled"]
    trained.sort(key=lambda pair: pair[0].origin != "own")
    return trained + [pair for pair in filtered if pair[0].origin == "bundled"]


def students_of(key: str, runs: Sequence[tuple[RunFolder, RunInfo]]) -> list[str]:
    """Return the keys of the runs whose teacher is this one."""
    return [run.key for run, info in runs if info.teacher is not None and info.teacher.key == key]


def needing(key: str, runs: Sequence[tuple[RunFolder, RunInfo]]) -> list[str]:
    """Return the keys of the unfinished runs that cannot be resumed without this one: its students,
    and runs that extend it and have not saved a state."""
    return [run.key for run, info in runs if _needs(run, info, key) and not _finished(run)]


def _needs(run: RunFolder, info: RunInfo, key: str) -> bool:
    if info.config is None:
        return False
    extends = info.extends == key and not run.resume_path.exists()
    return extends or (info.teacher is not None and info.teacher.key == key)


def _finished(run: RunFolder) -> bool:
    try:
        return run.status().state == "finished"
    except RunError:
        return False


def card_body(card: str) -> str:
    """Return a model card without its metadata block and title, with small headings."""
    lines = card.splitlines()
    if lines and lines[0] == "---" and "---" in lines[1:]:
        lines = lines[lines.index("---", 1) + 1 :]
    body = [
        f"#### {line.lstrip('# ')}" if line.startswith("#") else line
        for line in lines
        if line[:2] != "# "
    ]
    return "\n".join(body).strip()
