"""What students reach over their seeds, beside the runs of a comparison."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.data.comparison import file_of, predictions_at
from app.data.runs import Fingerprint, fingerprint, info, with_predictions
from bickd_core.comparing import seeds as core
from bickd_core.comparing.cache import cached
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.seeds import Recipes, Scored, on_other_data, one_a_seed
from bickd_core.runs.library import RunFolder
from bickd_core.runs.predictions import PredictionsError


def recipes(comparison: Comparison, temperature: float) -> Recipes:
    """Every model of a comparison with all runs of the library that differ from it in seeds alone.

    Runs that cannot be read or that lack some of the samples are left out; see `left_out`. Students
    of one recipe stand for
    themselves: each has its own run alone.
    """
    marks = {
        model.key: (
            file_of(comparison, model),
            *map(_mark(comparison), siblings(comparison, model)),
        )
        for model in comparison.students
    }
    return _recipes(comparison, tuple(marks.items()), temperature)


def siblings(comparison: Comparison, model: Model) -> list[RunFolder]:
    """The other runs of a student's recipe that have predictions on the split which can be read,
    one a seed."""
    alike = [run for run in _alike(comparison, model) if _reason(_mark(comparison)(run)) is None]
    return one_a_seed([model.run, *alike], info)[1:]


def _alike(comparison: Comparison, model: Model) -> list[RunFolder]:
    own = _recipe(model.run)
    if sum(_recipe(other.run) == own for other in comparison.students) > 1:
        return []
    return [
        run
        for run in with_predictions(comparison.split)
        if run.key != model.key and _recipe(run) == own
    ]


def left_out(comparison: Comparison, temperature: float) -> list[str]:
    """A sentence for each reason why runs are not counted as seeds of the students that are
    shown."""
    infos = [info(run) for run in with_predictions(comparison.split)]
    changed = {name for model in comparison.students for name in on_other_data(model.info, infos)}
    reasons = [core.images_changed(changed)] if changed else []
    for run in (run for model in comparison.students for run in _alike(comparison, model)):
        mark = _mark(comparison)(run)
        reason = _reason(mark)
        if reason is None and _score(comparison, mark, temperature) is None:
            reason = f"{run.key} lacks some of the samples shown."
        reasons += [] if reason is None else [reason]
    return list(dict.fromkeys(reasons))


def _mark(comparison: Comparison) -> Callable[[RunFolder], Fingerprint]:
    return lambda run: fingerprint(run.predictions_path(comparison.split))


def _recipe(run: RunFolder) -> tuple[object, ...]:
    return _recipe_at(fingerprint(run.path / "run.yaml"), run)


@st.cache_resource(max_entries=2000, show_spinner=False)
def _recipe_at(mark: Fingerprint, _run: RunFolder) -> tuple[object, ...]:
    return core.recipe(info(_run))


@cached
def _recipes(
    comparison: Comparison, marks: tuple[tuple[str, tuple[Fingerprint, ...]], ...], T: float
) -> Recipes:
    runs: dict[str, tuple[Scored, ...]] = {comparison.teacher.key: (_teacher(comparison, T),)}
    for model, own in marks:
        scored = [_score(comparison, mark, T) for mark in own]
        runs[model] = tuple(one for one in scored if one is not None)
    return Recipes(comparison.teacher.key, runs, comparison.labels)


@cached
def _teacher(comparison: Comparison, T: float) -> Scored:
    scored = core.score(comparison.teacher.predictions, comparison.teacher.predictions, T)
    assert scored is not None, "a teacher has its own samples"
    return scored


@cached
def _score(comparison: Comparison, mark: Fingerprint, T: float) -> Scored | None:
    return core.score(comparison.teacher.predictions, predictions_at(mark), T)


def _reason(mark: Fingerprint) -> str | None:
    """Why predictions cannot be read; None where they can."""
    try:
        predictions_at(mark)
    except PredictionsError as error:
        return str(error)
    return None
