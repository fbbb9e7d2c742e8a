"""A teacher and its students on the samples that all of them have."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import streamlit as st

from app.data.pictures import pictures, samples_mark
from app.data.runs import Fingerprint, fingerprint, info, library
from app.state import ViewState
from bickd_core.comparing.comparison import Aligned, check_same_data, sample_noun, shown_names
from bickd_core.runs.library import RunError, RunFolder, RunInfo, Split
from bickd_core.runs.predictions import Predictions, PredictionsError, align


@dataclass(frozen=True)
class Model:
    """One model of the comparison."""

    key: str
    name: str
    kind: str
    run: RunFolder
    info: RunInfo
    predictions: Predictions
    mark: Fingerprint

    @property
    def is_teacher(self) -> bool:
        return self.kind == "teacher"

    @property
    def called(self) -> str:
        """Its name in a sentence."""
        return "the teacher" if self.is_teacher else self.name


@dataclass(frozen=True)
class Comparison(Aligned[Model]):
    """A teacher and its students, as every page shows them.

    Attributes:
        key: stands for the whole content in cache keys; short, because Streamlit hashes it at every cached call.
    """

    key: str

    @property
    def complete(self) -> bool:
        return all(n == self.n for n in self.n_each)

    def model(self, key: str) -> Model:
        """The model with this key; the last student for a key that is not of the comparison."""
        return next((model for model in self.models if model.key == key), self.models[-1])


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
                f"run '{run.key}' has no predictions on {view.split} yet; take it out or let it finish."
            )
        marks.append(fingerprint(path))
    samples = samples_mark(runs, view.split)
    return _comparison(tuple(run.key for run in runs), tuple(marks), samples, view.split)


@st.cache_resource(max_entries=32, show_spinner=False)
def _comparison(
    keys: tuple[str, ...], marks: tuple[Fingerprint, ...], samples: Fingerprint | None, split: Split
) -> Comparison:
    runs = [library().find(key) for key in keys]
    names = shown_names([info(run) for run in runs], [not run.read_only for run in runs])
    check_same_data([info(run) for run in runs])
    aligned = align([predictions_at(mark) for mark in marks], names)
    models = tuple(
        Model(
            key=run.key,
            name=name,
            kind="teacher" if i == 0 else info(run).objective,
            run=run,
            info=info(run),
            predictions=predictions,
            mark=mark,
        )
        for i, (run, name, predictions, mark) in enumerate(
            zip(runs, names, aligned.predictions, marks, strict=True)
        )
    )
    key = hashlib.sha256(repr(marks).encode()).hexdigest()[:20]
    infos = [model.info for model in models]
    noun = sample_noun(pictures(runs, infos[0].dataset, split), infos)
    return Comparison(key=key, split=split, models=models, n_each=aligned.n_each, noun=noun)


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
