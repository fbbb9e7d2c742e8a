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


def recipes(of: Comparison, temperature: float) -> Recipes:
    """Every model of a comparison with all runs of the library that differ from it in seeds alone.

    Runs that cannot be read or that lack some of the samples are left out; see `left_out`. Students of one recipe stand for
    themselves: each has its own run alone.
    """
    marks = {model.key: (file_of(of, model), *map(_mark(of), siblings(of, model))) for model in of.students}
    return _recipes(of, tuple(marks.items()), temperature)


def siblings(of: Comparison, model: Model) -> list[RunFolder]:
    """The other runs of a student's recipe that have predictions on the split which can be read, one a seed."""
    alike = [run for run in _alike(of, model) if _reason(_mark(of)(run)) is None]
    return one_a_seed([model.run, *alike], info)[1:]


def _alike(of: Comparison, model: Model) -> list[RunFolder]:
    own = _recipe(model.run)
    if sum(_recipe(other.run) == own for other in of.students) > 1:
        return []
    return [run for run in with_predictions(of.split) if run.key != model.key and _recipe(run) == own]


def left_out(of: Comparison, temperature: float) -> list[str]:
    """A sentence for each reason why runs are not counted as seeds of the students that are shown."""
    infos = [info(run) for run in with_predictions(of.split)]
    changed = {name for model in of.students for name in on_other_data(model.info, infos)}
    reasons = [core.images_changed(changed)] if changed else []
    for run in (run for model in of.students for run in _alike(of, model)):
        mark = _mark(of)(run)
        reason = _reason(mark)
        if reason is None and _score(of, mark, temperature) is None:
            reason = f"{run.key} lacks some of the samples shown."
        reasons += [] if reason is None else [reason]
    return list(dict.fromkeys(reasons))


def _mark(of: Comparison) -> Callable[[RunFolder], Fingerprint]:
    return lambda run: fingerprint(run.predictions_path(of.split))


def _recipe(run: RunFolder) -> tuple[object, ...]:
    return _recipe_at(fingerprint(run.path / "run.yaml"), run)


@st.cache_resource(max_entries=2000, show_spinner=False)
def _recipe_at(mark: Fingerprint, _run: RunFolder) -> tuple[object, ...]:
    return core.recipe(info(_run))


@cached
def _recipes(of: Comparison, marks: tuple[tuple[str, tuple[Fingerprint, ...]], ...], T: float) -> Recipes:
    runs: dict[str, tuple[Scored, ...]] = {of.teacher.key: (_teacher(of, T),)}
    for model, own in marks:
        scored = [_score(of, mark, T) for mark in own]
        runs[model] = tuple(one for one in scored if one is not None)
    return Recipes(of.teacher.key, runs, of.labels)


@cached
def _teacher(of: Comparison, T: float) -> Scored:
    scored = core.score(of.teacher.predictions, of.teacher.predictions, T)
    assert scored is not None, "a teacher has its own samples"
    return scored


@cached
def _score(of: Comparison, mark: Fingerprint, T: float) -> Scored | None:
    return core.score(of.teacher.predictions, predictions_at(mark), T)


def _reason(mark: Fingerprint) -> str | None:
    """Why predictions cannot be read; None where they can."""
    try:
        predictions_at(mark)
    except PredictionsError as error:
        return str(error)
    return None
