"""Groups of runs that differ only in their seeds, with mean and standard deviation of their
figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from app.data.comparison import predictions_at
from app.data.runs import Fingerprint, fingerprint_of, info, library
from bickd_core.comparing.seeds import one_run_per_seed, recipe, recipe_on_any_data
from bickd_core.geometry.overlap_streams import streamed_overlap
from bickd_core.geometry.shards import stratified_shards
from bickd_core.runs.library import RunError, RunFolder, RunInfo
from bickd_core.runs.predictions import PredictionsError, align
from bickd_core.runs.teachers import recorded_teacher

TEMPERATURE = 4.0
Spread = tuple[float, float] | None
"""Mean and standard deviation (n - 1) over seeds; None if a run lacks the figure."""


@dataclass(frozen=True)
class SeedGroup:
    """Runs of one recipe with two or more seeds, on test, with their last weights.

    Attributes:
        first: info of the first run.
        keys, seeds: of each run, in ascending order of seeds.
        shared_augmentation: whether some runs share their augmentation stream, which makes the
            deviation too small.
        n: number of test images.
        accuracy, agreement: as fractions.
        overlap: at T = 4.
        minutes: time of the workers.
    """

    first: RunInfo
    keys: tuple[str, ...]
    seeds: tuple[int, ...]
    shared_augmentation: bool
    n: int
    accuracy: Spread
    agreement: Spread
    overlap: Spread
    minutes: Spread


def seed_groups(runs: Iterable[RunFolder]) -> list[SeedGroup]:
    """Return the recipes with two or more seeds among runs with predictions on test, in the order
    of their first runs."""
    by_recipe: dict[tuple[object, ...], list[RunFolder]] = {}
    for run in runs:
        if run.has_predictions("test") and info(run).seed is not None:
            by_recipe.setdefault(recipe(info(run)), []).append(run)
    groups = [one_run_per_seed(alike, info) for alike in by_recipe.values()]
    return [_group(group) for group in groups if len(group) > 1]


def changed_between(runs: Iterable[RunFolder]) -> list[str]:
    """Return the names of runs that are not grouped because their images changed between them."""
    by_recipe: dict[tuple[object, ...], dict[str | None, list[str]]] = {}
    for run in runs:
        run_info = info(run)
        if run.has_predictions("test") and run_info.config is not None:
            by_recipe.setdefault(recipe_on_any_data(run_info), {}).setdefault(
                run_info.data_content, []
            ).append(run_info.name)
    return sorted(
        name
        for group in by_recipe.values()
        if len(group) > 1
        for names in group.values()
        for name in names
    )


def _group(runs: list[RunFolder]) -> SeedGroup:
    runs = sorted(runs, key=lambda run: info(run).seed or 0)
    infos = [info(run) for run in runs]
    figures = [
        _figures(fingerprint_of(run.predictions_path("test")), _teacher_fingerprint(run_info))
        for run, run_info in zip(runs, infos, strict=True)
    ]
    streams = [each.config.seeds.augmentation for each in infos if each.config is not None]
    return SeedGroup(
        first=infos[0],
        keys=tuple(run.key for run in runs),
        seeds=tuple(each.seed or 0 for each in infos),
        shared_augmentation=len(set(streams)) < len(streams),
        n=figures[0].n,
        accuracy=_spread([run_figures.accuracy for run_figures in figures]),
        agreement=_spread([run_figures.agreement for run_figures in figures]),
        overlap=_spread([run_figures.overlap for run_figures in figures]),
        minutes=_spread([_minutes(run) for run in runs]),
    )


def _spread(values: list[float | None]) -> Spread:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return float(np.mean(known)), float(np.std(known, ddof=1))


def _minutes(run: RunFolder) -> float | None:
    try:
        return run.status().seconds / 60 or None
    except RunError:
        return None


def _teacher_fingerprint(info: RunInfo) -> Fingerprint | None:
    try:
        teacher = recorded_teacher(info, library().find)
    except (RunError, OSError):
        return None
    if teacher is None or not teacher.has_predictions("test"):
        return None
    return fingerprint_of(teacher.predictions_path("test"))


@dataclass(frozen=True)
class _Figures:
    n: int = 0
    accuracy: float | None = None
    agreement: float | None = None
    overlap: float | None = None


@st.cache_data(max_entries=2000, show_spinner=False)
def _figures(fingerprint: Fingerprint, teacher: Fingerprint | None) -> _Figures:
    try:
        own = predictions_at(fingerprint)
        agreement = None
        if teacher is not None:
            shared_teacher, shared = align(
                [predictions_at(teacher), own], [Path(teacher[0]).parent.name, "run"]
            ).predictions
            agreement = float((shared_teacher.predicted == shared.predicted).mean())
    except PredictionsError:
        return _Figures()
    shard = stratified_shards(len(own), own.labels)
    overlap = streamed_overlap(own.logits, TEMPERATURE, shard)
    return _Figures(
        len(own),
        own.accuracy,
        agreement,
        None if overlap is None else overlap.estimate,
    )
