"""Runs that differ in their seeds alone, over all run folders: mean and standard deviation of what
they reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from app.data.comparison import predictions_at
from app.data.runs import Fingerprint, fingerprint, info, library
from bickd_core.comparing.seeds import one_a_seed, recipe, recipe_on_any_data
from bickd_core.geometry.gram_figures import corrected_overlap
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.shards import stratified_shards
from bickd_core.runs.library import RunError, RunFolder, RunInfo
from bickd_core.runs.predictions import PredictionsError, align

TEMPERATURE = 4.0
Spread = tuple[float, float] | None
"""Mean and standard deviation (n - 1) over seeds; None where a run lacks the figure."""


@dataclass(frozen=True)
class SeedGroup:
    """Runs of one recipe with two seeds or more, on test, with their last weights.

    Attributes:
        first: what the first of them is.
        keys, seeds: of each, in ascending order of the seeds of their weights.
        shared_augmentation: some share their augmentation stream, which makes the deviation too
            small.
        n: test images.
        accuracy, agreement: shares. overlap: at T = 4. minutes: time of their workers.
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
    """Every recipe with two seeds or more among runs that have predictions on test, in the order of
    the first ones."""
    by_recipe: dict[tuple[object, ...], list[RunFolder]] = {}
    for run in runs:
        if run.has_predictions("test") and info(run).config is not None:
            by_recipe.setdefault(recipe(info(run)), []).append(run)
    groups = [one_a_seed(alike, info) for alike in by_recipe.values()]
    return [_group(group) for group in groups if len(group) > 1]


def changed_between(runs: Iterable[RunFolder]) -> list[str]:
    """Names of runs that would be seeds of one recipe, had their images not changed in between."""
    found: dict[tuple[object, ...], dict[str | None, list[str]]] = {}
    for run in runs:
        about = info(run)
        if run.has_predictions("test") and about.config is not None:
            found.setdefault(recipe_on_any_data(about), {}).setdefault(
                about.data_content, []
            ).append(about.name)
    return sorted(
        name
        for group in found.values()
        if len(group) > 1
        for names in group.values()
        for name in names
    )


def _group(runs: list[RunFolder]) -> SeedGroup:
    runs = sorted(runs, key=lambda run: info(run).seed or 0)
    infos = [info(run) for run in runs]
    teacher = _teacher_mark(infos[0])
    found = [_figures(fingerprint(run.predictions_path("test")), teacher) for run in runs]
    streams = {about.config.seeds.augmentation for about in infos if about.config is not None}
    return SeedGroup(
        first=infos[0],
        keys=tuple(run.key for run in runs),
        seeds=tuple(about.seed or 0 for about in infos),
        shared_augmentation=len(streams) < len(runs),
        n=found[0].n,
        accuracy=_spread([one.accuracy for one in found]),
        agreement=_spread([one.agreement for one in found]),
        overlap=_spread([one.overlap for one in found]),
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


def _teacher_mark(info: RunInfo) -> Fingerprint | None:
    if info.teacher is None:
        return None
    try:
        path = library().find(info.teacher.key).predictions_path("test")
    except RunError:
        return None
    return fingerprint(path) if path.exists() else None


@dataclass(frozen=True)
class _Figures:
    n: int = 0
    accuracy: float | None = None
    agreement: float | None = None
    overlap: float | None = None


@st.cache_data(max_entries=2000, show_spinner=False)
def _figures(mark: Fingerprint, teacher: Fingerprint | None) -> _Figures:
    try:
        own = predictions_at(mark)
        agreement = None
        if teacher is not None:
            theirs, ours = align(
                [predictions_at(teacher), own], [Path(teacher[0]).parent.name, "run"]
            ).predictions
            agreement = float((theirs.predicted == ours.predicted).mean())
    except PredictionsError:
        return _Figures()
    accuracy = None if own.labels is None else float((own.predicted == own.labels).mean())
    return _Figures(
        len(own),
        accuracy,
        agreement,
        corrected_overlap(
            softmax(own.logits, TEMPERATURE), stratified_shards(len(own), own.labels)
        ),
    )
