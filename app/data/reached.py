"""What a run reached: its accuracies, read once for each content of its files."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.data.comparison import predictions_at
from app.data.runs import Fingerprint, fingerprint
from app.run_table import Figures, accuracies
from bickd_core.runs.library import RunFolder
from bickd_core.runs.predictions import PredictionsError


def reached(run: RunFolder) -> Figures:
    """Accuracy on test, and on validation after the last and the best epoch, where they are
    known."""
    last, best, problem = _accuracies(fingerprint(run.path / "metrics.jsonl"))
    test, why_not = _accuracy(fingerprint(run.predictions_path("test")))
    validation, nor = _accuracy(fingerprint(run.predictions_path("validation")))
    problems = tuple(one for one in (problem, why_not, nor) if one)
    return Figures(test, validation if last is None else last, best, problems)


@st.cache_data(max_entries=2000, show_spinner=False)
def _accuracies(mark: Fingerprint) -> tuple[float | None, float | None, str]:
    run = RunFolder(Path(mark[0]).parent)
    return *accuracies(run.metrics()), run.metrics_problem()


@st.cache_data(max_entries=2000, show_spinner=False)
def _accuracy(mark: Fingerprint) -> tuple[float | None, str]:
    """The accuracy where it is known, and why the file cannot be read."""
    if not mark[2]:  # there is no such file; an empty one is damaged
        return None, ""
    try:
        found = predictions_at(mark)
    except PredictionsError as error:
        return None, str(error)
    return (None if found.labels is None else float((found.predicted == found.labels).mean())), ""
