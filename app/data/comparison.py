"""The comparison that the view names, loaded once for each content of its files."""

from __future__ import annotations

import hashlib

import streamlit as st

from app.data.cache import figures_cache
from app.data.pictures import pictures, samples_mark
from app.data.runs import Fingerprint, fingerprint, info, library
from app.state import ViewState
from bickd_core.comparing.comparison import Comparison, Model, assemble
from bickd_core.runs.library import RunError, Split
from bickd_core.runs.predictions import Predictions, PredictionsError


def comparison(view: ViewState) -> Comparison:
    """Load and align what the view names.

    Raises:
        RunError, PredictionsError: one sentence on why these cannot be compared.
    """
    shelf = library()
    if not view.teacher:
        raise RunError("there is no run to show yet; train one on Distill or load weights on Runs.")
    runs = [shelf.find(key) for key in (view.teacher, *view.students)]
    marks = []
    for run in runs:
        path = run.predictions_path(view.split)
        if not path.exists():
            raise RunError(
                f"run '{run.key}' has no predictions on {view.split} yet; take it out or let it"
                " finish."
            )
        marks.append(fingerprint(path))
    samples = samples_mark(runs, view.split)
    return _comparison(tuple(run.key for run in runs), tuple(marks), samples, view.split)


@st.cache_resource(max_entries=32, show_spinner=False)
def _comparison(
    keys: tuple[str, ...], marks: tuple[Fingerprint, ...], samples: Fingerprint | None, split: Split
) -> Comparison:
    runs = [library().find(key) for key in keys]
    infos = [info(run) for run in runs]
    return assemble(
        runs,
        infos,
        [predictions_at(mark) for mark in marks],
        split,
        pictures(runs, infos[0].dataset, split),
        key=hashlib.sha256(repr(marks).encode()).hexdigest()[:20],
        cache=figures_cache,
    )


def file_of(comparison: Comparison, model: Model) -> Fingerprint:
    """The file that holds the predictions of one model."""
    return fingerprint(model.run.predictions_path(comparison.split))


def predictions_at(mark: Fingerprint) -> Predictions:
    """The predictions of one file; read once for each content.

    Raises:
        PredictionsError: the file cannot be read; the message names it.
    """
    found = _predictions_at(mark)
    if isinstance(found, PredictionsError):
        raise PredictionsError(str(found))
    return found


@st.cache_resource(max_entries=128, show_spinner=False)
def _predictions_at(mark: Fingerprint) -> Predictions | PredictionsError:
    """A value or the reason, so that a damaged file is not read again at every click."""
    try:
        return Predictions.load(mark[0])
    except PredictionsError as error:
        return error
