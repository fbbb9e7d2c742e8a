"""The accuracies of a run. Its files are read once, and again if they change."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.data.comparison import predictions_at
from app.data.runs import Fingerprint, fingerprint_of
from app.run_table import Figures, accuracies
from bickd_core.runs.library import RunFolder
from bickd_core.runs.predictions import PredictionsError


def reached(run: RunFolder) -> Figures:
    """Return the accuracy on test, and on validation after the last and the best epoch."""
    last, best, problem = _accuracies(fingerprint_of(run.path / "metrics.jsonl"))
    test, why_not = _accuracy(fingerprint_of(run.predictions_path("test")))
    validation, nor = _accuracy(fingerprint_of(run.predictions_path("validation")))
    problems = tuple(each for each in (problem, why_not, nor) if each)
    return Figures(test, validation if last is None else last, best, problems)


@st.cache_data(max_entries=2000, show_spinner=False)
def _accuracies(fingerprint: Fingerprint) -> tuple[float | None, float | None, str]:
    run = RunFolder(Path(fingerprint.path).parent)
    return *accuracies(run.metrics()), run.metrics_problem()


@st.cache_data(max_entries=2000, show_spinner=False)
def _accuracy(fingerprint: Fingerprint) -> tuple[float | None, str]:
    """Return the accuracy, or None if unknown, and an error message if the file cannot be read."""
    if not fingerprint.changed:  # there is no such file; an empty one is damaged
        return None, ""
    try:
        return predictions_at(fingerprint).accuracy, ""
    except PredictionsError as error:
        return None, str(error)
