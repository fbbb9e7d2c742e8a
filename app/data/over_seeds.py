"""What students reach over their seeds, beside the runs of a comparison."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from app.data.comparison import Comparison, Model, predictions_at
from app.data.runs import Fingerprint, fingerprint, info, with_predictions
from bickd_core import over_seeds as core
from bickd_core.geometry import mean_entropy_at, point_figures
from bickd_core.over_seeds import ComparedOverSeeds, one_a_seed, recipe
from bickd_core.predictions import align
from bickd_core.runs import RunFolder, Split


@dataclass(frozen=True)
class OverSeeds:
    """Runs that differ from a student in their seeds alone: mean and standard deviation over them.

    Attributes:
        seeds: how many runs, the student's own among them.
        figures: field of Summary -> (mean, standard deviation); fields that a run lacks are left out.
    """

    seeds: int
    figures: dict[str, tuple[float, float]]


def over_seeds(of: Comparison, temperature: float) -> list[tuple[Model, OverSeeds]]:
    """The spread over seeds of every student that has several, once for students of one recipe."""
    alike = _by_recipe(of.split)
    found = []
    for own, model in {recipe(model.info): model for model in reversed(of.students)}.items():
        marks = _marks(model, alike.get(own, ()), of.split)
        if len(marks) > 1:
            found.append((model, _over_seeds(of.teacher.mark, marks, temperature)))
    return found[::-1]


def _by_recipe(split: Split) -> dict[object, list[RunFolder]]:
    alike: dict[object, list[RunFolder]] = {}
    for run in with_predictions(split):
        alike.setdefault(recipe(info(run)), []).append(run)
    return alike


def _marks(model: Model, alike: Iterable[RunFolder], split: Split) -> tuple[Fingerprint, ...]:
    """Of the predictions of a model and of the runs of its recipe, one a seed."""
    runs = one_a_seed([model.run, *alike], info)
    return tuple(sorted(fingerprint(run.predictions_path(split)) for run in runs))


def compare_over_seeds(of: Comparison, a: Model, b: Model) -> ComparedOverSeeds | None:
    """Accuracy and agreement of a's recipe and of b's over their seeds; None where one has a single run."""
    if a.is_teacher or b.is_teacher:
        return None
    alike = _by_recipe(of.split)
    ours, theirs = (_marks(model, alike.get(recipe(model.info), ()), of.split) for model in (a, b))
    return _compare_over_seeds(of.key, ours, theirs, of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _compare_over_seeds(
    key: str, ours: tuple[Fingerprint, ...], theirs: tuple[Fingerprint, ...], _of: Comparison
) -> ComparedOverSeeds | None:
    first, second = ([predictions_at(mark) for mark in marks] for marks in (ours, theirs))
    return core.compare_over_seeds(_of.teacher.predictions, first, second)


@st.cache_resource(max_entries=64, show_spinner=False)
def _over_seeds(teacher: Fingerprint, marks: tuple[Fingerprint, ...], T: float) -> OverSeeds:
    found = []
    entropy = mean_entropy_at(predictions_at(teacher).logits, T)
    for mark in marks:
        both = align([predictions_at(teacher), predictions_at(mark)]).predictions
        all_there = len(both[0]) == len(predictions_at(teacher))
        found.append(point_figures(*both, T=T, teacher_entropy=entropy if all_there else None))
    figures = {}
    for name in ("accuracy", "agreement", "overlap", "overlap_matched"):
        values = [value for one in found if (value := getattr(one, name)) is not None]
        if len(values) == len(marks):
            figures[name] = float(np.mean(values)), float(np.std(values, ddof=1))
    return OverSeeds(seeds=len(marks), figures=figures)
