"""Figures of the students of a comparison over the seeds of their recipes."""

from __future__ import annotations

import streamlit as st

from app.data.comparison import file_of, predictions_at
from app.data.runs import Fingerprint, fingerprint_of, info, with_predictions
from bickd_core.comparing import seeds as core
from bickd_core.comparing.cache import cached_in_memory
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.seeds import Recipes, Scored, on_other_data, one_run_per_seed
from bickd_core.npz import content_key
from bickd_core.runs.library import RunFolder
from bickd_core.runs.predictions import PredictionsError, align


def recipes(comparison: Comparison, temperature: float) -> Recipes:
    """Score every model of a comparison together with the runs that differ from it only in seeds.

    Runs that cannot be read or that lack some of the samples are left out; see `left_out`. If two
    students have the same recipe, each is used without other seeds.
    """
    fingerprints = {
        model.key: tuple(file_of(comparison, run) for run in siblings(comparison, model))
        for model in comparison.students
    }
    return _recipes(comparison, tuple(fingerprints.items()), temperature)


def siblings(comparison: Comparison, model: Model) -> list[RunFolder]:
    """Return the other runs of a student's recipe with readable predictions on the split, one for
    each seed."""
    alike = [run for run in _alike(comparison, model) if _reason(file_of(comparison, run)) is None]
    return one_run_per_seed([model.run, *alike], info)[1:]


def _alike(comparison: Comparison, model: Model) -> list[RunFolder]:
    own = _recipe(model.run)
    if sum(_recipe(other.run) == own for other in comparison.students) > 1:
        return []
    return [
        run
        for run in with_predictions(comparison.split)
        if run.key not in (model.key, comparison.teacher.key) and _recipe(run) == own
    ]


def left_out(comparison: Comparison, temperature: float) -> list[str]:
    """Return a sentence for each reason why runs are not counted as seeds of the students."""
    infos = [info(run) for run in with_predictions(comparison.split)]
    changed = {name for model in comparison.students for name in on_other_data(model.info, infos)}
    reasons = [core.images_changed(changed)] if changed else []
    for run in (run for model in comparison.students for run in _alike(comparison, model)):
        fingerprint = file_of(comparison, run)
        reason = _reason(fingerprint)
        if reason is None and _scored(comparison, fingerprint, temperature) is None:
            reason = _why_not(comparison, fingerprint, run.key)
        reasons += [] if reason is None else [reason]
    return list(dict.fromkeys(reasons))


def _why_not(comparison: Comparison, fingerprint: Fingerprint, key: str) -> str:
    """Return why predictions cannot be scored on the comparison's samples."""
    try:
        align([comparison.teacher.predictions, predictions_at(fingerprint)], ["the teacher", key])
    except PredictionsError as error:
        return f"{key} is left out: {error}"
    return f"{key} lacks some of the samples shown."


def _recipe(run: RunFolder) -> tuple[object, ...]:
    return _recipe_at(fingerprint_of(run.path / "run.yaml"), run)


@st.cache_resource(max_entries=2000, show_spinner=False)
def _recipe_at(fingerprint: Fingerprint, _run: RunFolder) -> tuple[object, ...]:
    return core.recipe(info(_run))


@cached_in_memory
def _recipes(
    comparison: Comparison, fingerprints: tuple[tuple[str, tuple[Fingerprint, ...]], ...], T: float
) -> Recipes:
    teacher = comparison.teacher
    runs: dict[str, tuple[Scored, ...]] = {teacher.key: (core.scored(comparison, teacher, T),)}
    for key, others in fingerprints:
        scored = [_scored(comparison, fingerprint, T) for fingerprint in others]
        own = core.scored(comparison, comparison.model(key), T)
        runs[key] = (own, *(run for run in scored if run is not None))
    return Recipes(teacher.key, runs, comparison.labels)


def _scored(comparison: Comparison, fingerprint: Fingerprint, T: float) -> Scored | None:
    return core.scored_file(comparison, fingerprint.path, content_key(fingerprint.path), T)


def _reason(fingerprint: Fingerprint) -> str | None:
    """Return why predictions cannot be read, or None if they can."""
    try:
        predictions_at(fingerprint)
    except PredictionsError as error:
        return str(error)
    return None
