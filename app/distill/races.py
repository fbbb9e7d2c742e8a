"""Races, without Streamlit: which runs belong together, their progress and their results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.distill.form_values import Phase
from app.distill.plan import METHODS, method_of
from bickd_core.comparing.names import SHORT, short_method
from bickd_core.runs.library import RunError, RunFolder, RunInfo
from bickd_core.runs.status import Status, Worker
from bickd_viz.text import numbers


def groups(runs: Iterable[RunFolder]) -> list[list[RunFolder]]:
    """Group runs by their last worker, in the order given. A run without a worker is a group of its
    own."""
    by_worker: dict[Worker | str, list[RunFolder]] = {}
    for run in runs:
        try:
            worker = run.status().worker
        except RunError:
            worker = None
        by_worker.setdefault(worker or run.key, []).append(run)
    return list(by_worker.values())


def names(infos: Mapping[str, RunInfo]) -> dict[str, str]:
    """Name the runs of a race by their methods, with the run's name added if two have the same
    method.

    Args:
        infos: by key.
    """
    short = {key: method_name(info) for key, info in infos.items()}
    return {
        key: name if list(short.values()).count(name) == 1 else f"{name} ({infos[key].name})"
        for key, name in short.items()
    }


def method_name(info: RunInfo) -> str:
    """Return the short name of a run's method or of its named setting."""
    if info.config is None:
        return short_method(info)
    method = method_of(info.config.objective)
    return (
        METHODS[method].title
        if method in METHODS and method not in SHORT
        else SHORT[info.objective]
    )


@dataclass(frozen=True)
class Standing:
    """The progress of several runs on one worker: the share done in [0, 1], and the text of the
    progress bar."""

    fraction: float
    text: str
    seconds_left: float | None


def standing(statuses: Sequence[Status], epochs: int, stopping: Sequence[bool] = ()) -> Standing:
    """Return the progress of a race. Each run counts its share of the time, so their remaining
    times add up.

    Args:
        epochs: the largest number of epochs; a status does not know it before the first step.
        stopping: for each run, whether a stop was requested. It has no remaining time then.
    """
    stops = stopping or [False] * len(statuses)
    at_work = [status for status in statuses if status.active] or list(statuses)
    first = min(at_work, key=lambda status: status.progress.fraction).progress
    left = [
        status.progress.seconds_left
        for status, stops_now in zip(statuses, stops, strict=True)
        if status.active and not stops_now
    ]
    seconds = sum(s for s in left if s is not None) if left and None not in left else None
    if not first.epochs:
        return Standing(0.0, next((s.message for s in at_work if s.message), ""), None)
    text = f"epoch {min(first.epoch + 1, first.epochs)} of {max(first.epochs, epochs)}"
    if first.epoch >= first.epochs:
        text = next(
            (s.message for s in at_work if s.message not in ("", "training")),
            f"all {numbers.counted(epochs, 'epoch')} done, finishing",
        )
        seconds = None  # the last measurements take a while, and nobody knows how long
    elif first.steps:
        text += f" · step {first.step} of {first.steps}"
    if seconds is not None:
        text += f" · {numbers.duration(seconds)} left"
    fraction = sum(status.progress.fraction for status in statuses) / len(statuses)
    return Standing(fraction, text, seconds)


def heading(infos: Sequence[RunInfo], phases: Sequence[Phase], data_title: str) -> str:
    """Return the title of a race's page."""
    students = numbers.counted(len(infos), "student")
    if any(phase.live for phase in phases):
        return (
            f"{students} race on {data_title}" if len(infos) > 1 else f"One student on {data_title}"
        )
    done = sum(phase.name == "finished" for phase in phases)
    return (
        f"{students} raced on {data_title}"
        if done == len(infos)
        else f"{done} of {students} finished on {data_title}"
    )


FIELDS = {
    "validation_accuracy": "Accuracy",
    "validation_agreement": "Agreement",
    "validation_overlap": "Overlap",
}


def result_row(name: str, records: Sequence[Mapping[str, Any]], status: Status) -> dict[str, Any]:
    """Return a row of the results: figures of the last epoch on validation, shares in per cent."""
    last = records[-1] if records else {}
    row: dict[str, Any] = {"Student": name, "Epochs": len(records)}
    for field, title in FIELDS.items():
        value = last.get(field)
        if value is not None and title != "Overlap":
            value = numbers.percent_number(value)
        row[title] = value
    return row | {"Minutes": status.seconds / 60 if status.seconds else None}
