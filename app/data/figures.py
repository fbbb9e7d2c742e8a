"""The geometry over a comparison, cached."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app.data.comparison import Comparison, Model
from bickd_core.geometry import (
    ClassGeometry,
    CrossGeometry,
    FixedFigures,
    Interval,
    Matched,
    Matching,
    RowSimilarity,
    Summary,
    TeacherSide,
    class_geometry,
    cluster_order,
    cross_gram,
    entropies_at,
    falls,
    fixed_figures,
    greatest_fall,
    hellinger,
    logit_grams,
    match,
    mean_interval,
    paired_mean_difference,
    paired_overlap_difference,
    rematched,
    row_similarity,
    stratified_shards,
    summarise,
    teacher_side,
)
from bickd_core.geometry import row_cosines as cosines

LARGE = 2_000_000
"""Probabilities (N x C) above which products are float32 and no matrix of them is kept."""


def summary(of: Comparison, model: Model, temperature: float) -> Summary:
    return _summary(of.key, model.key, temperature, of)


@st.cache_resource(max_entries=512, show_spinner=False)
def _summary(key: str, model: str, temperature: float, _of: Comparison) -> Summary:
    side = None if _of.n * len(_of.class_names) > LARGE else _teacher_side(key, temperature, _of)
    fixed = _fixed(key, model, _of, side)
    return summarise(
        _of.teacher.predictions, _of.model(model).predictions, T=temperature, side=side, fixed=fixed
    )


@st.cache_resource(max_entries=256, show_spinner=False)
def _fixed(key: str, model: str, _of: Comparison, _side: TeacherSide | None) -> FixedFigures:
    """What a change of the temperature leaves as it is."""
    return fixed_figures(_of.teacher.predictions, _of.model(model).predictions, side=_side)


@st.cache_resource(max_entries=4, show_spinner=False)
def _teacher_side(key: str, temperature: float, _of: Comparison) -> TeacherSide:
    """The teacher's part in every student's summary."""
    return teacher_side(_of.teacher.predictions, T=temperature)


@st.cache_resource(max_entries=256, show_spinner=False)
def _probabilities(key: str, model: str, temperature: float, _of: Comparison) -> np.ndarray:
    return _of.model(model).predictions.probabilities(temperature)


def probabilities(of: Comparison, model: Model, temperature: float) -> np.ndarray:
    """float64 [N, C] at this temperature; shared, do not change it."""
    return _probabilities(of.key, model.key, temperature, of)


def matched(of: Comparison, model: Model, temperature: float, matching: Matching) -> Matched:
    """Where this model stands when its entropy follows the teacher's at T by this rule."""
    if model.is_teacher or matching == "none":
        return Matched(temperature)
    return _matched(of.key, model.key, temperature, matching, of)


@st.cache_resource(max_entries=128, show_spinner=False)
def _matched(key: str, model: str, T: float, matching: Matching, _of: Comparison) -> Matched:
    return match(_of.model(model).predictions.logits, _teacher_entropies(key, T, _of), T, matching)


def teacher_entropies(of: Comparison, temperature: float) -> np.ndarray:
    """The teacher's entropy of each sample at T, in nats, [N]."""
    return _teacher_entropies(of.key, temperature, of)


@st.cache_resource(max_entries=16, show_spinner=False)
def _teacher_entropies(key: str, T: float, _of: Comparison) -> np.ndarray:
    return entropies_at(_of.teacher.predictions.logits, T)


def geometry(of: Comparison, model: Model, temperature: float, *, centred: bool = False) -> ClassGeometry:
    return _geometry(of.key, model.key, temperature, centred, of)


@st.cache_resource(max_entries=256, show_spinner=False)
def _geometry(key: str, model: str, T: float, centred: bool, _of: Comparison) -> ClassGeometry:
    return class_geometry(_probabilities(key, model, T, _of), centred=centred)


def cross(of: Comparison, model: Model, temperature: float) -> CrossGeometry:
    """Columns of the teacher (rows of the matrix) against those of `model`."""
    return _cross(of.key, model.key, temperature, of)


@st.cache_resource(max_entries=256, show_spinner=False)
def _cross(key: str, model: str, T: float, _of: Comparison) -> CrossGeometry:
    return cross_gram(_probabilities(key, _of.teacher.key, T, _of), _probabilities(key, model, T, _of))


def rows_similarity(of: Comparison, model: Model, temperature: float) -> RowSimilarity:
    """Needs labels. Cosines of the teacher's rows with the model's, binned by true class."""
    return _rows(of.key, model.key, temperature, of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _rows(key: str, model: str, T: float, _of: Comparison) -> RowSimilarity:
    assert _of.labels is not None, "pages ask only where there are labels"
    return row_similarity(
        _probabilities(key, _of.teacher.key, T, _of), _probabilities(key, model, T, _of), _of.labels
    )


def row_cosines(of: Comparison, model: Model, temperature: float) -> np.ndarray:
    """[N, N] cosines of the teacher's rows with the model's; for up to some hundred samples."""
    return _row_cosines(of.key, model.key, temperature, of)


@st.cache_resource(max_entries=32, show_spinner=False)
def _row_cosines(key: str, model: str, T: float, _of: Comparison) -> np.ndarray:
    return cosines(_probabilities(key, _of.teacher.key, T, _of), _probabilities(key, model, T, _of))


def class_order(of: Comparison, how: str) -> np.ndarray:
    """ "cluster": the teacher's clusters at T = 4, the same order for every matrix; "index"; "name"."""
    if how == "index":
        return np.arange(len(of.class_names))
    if how == "name":
        return np.argsort(np.array(of.class_names))
    return _cluster_order(of.key, of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _cluster_order(key: str, _of: Comparison) -> np.ndarray:
    return cluster_order(_geometry(key, _of.teacher.key, 4.0, False, _of).gram)


def displacement(of: Comparison, model: Model, temperature: float) -> np.ndarray:
    """Hellinger distance of the model's probabilities from the teacher's, float64 [N]."""
    return hellinger(probabilities(of, of.teacher, temperature), probabilities(of, model, temperature))


def displacement_by_agreement(
    of: Comparison, model: Model, temperature: float
) -> tuple[Interval | None, Interval | None]:
    """Mean displacement over the samples where the top-1 class differs from the teacher's, and over the others."""
    moved = displacement(of, model, temperature)
    same = of.teacher.predictions.predicted == model.predictions.predicted

    def mean(rows: np.ndarray) -> Interval | None:
        return mean_interval(moved[rows], bounds=(0.0, 1.0)) if rows.any() else None

    return mean(~same), mean(same)


def accuracy_difference(of: Comparison, a: Model, b: Model) -> Interval | None:
    """Accuracy of a minus that of b on the same samples."""
    if of.labels is None:
        return None
    right = [(m.predictions.predicted == of.labels).astype(np.float64) for m in (a, b)]
    return paired_mean_difference(right[0], right[1], of.labels)


def telling_pair(of: Comparison, student: Model, other: Model | None, temperature: float) -> tuple[int, int]:
    """The pair of classes whose cosine falls most from `other` (or the teacher) to the student; see `greatest_fall`."""
    return greatest_fall(geometry(of, other or of.teacher, temperature), geometry(of, student, temperature))


def separates(
    of: Comparison, student: Model, other: Model, pair: tuple[int, int], temperature: float
) -> bool:
    """Whether the student separates these two classes more than `other` does."""
    return falls(geometry(of, other, temperature), geometry(of, student, temperature), pair)


def overlap_difference(
    of: Comparison,
    a: Model,
    b: Model,
    temperature: float,
    *,
    matching: Matching = "none",
    centred: bool = False,
) -> Interval | None:
    """Overlap of a minus that of b, paired over the same shards of samples; None where one of them cannot be matched."""
    return _overlap_difference(of.key, a.key, b.key, temperature, matching, centred, of)


@st.cache_resource(max_entries=256, show_spinner=False)
def _overlap_difference(
    key: str, a: str, b: str, T: float, matching: Matching, centred: bool, _of: Comparison
) -> Interval | None:
    models = [_of.model(name) for name in (a, b)]
    at = [matched(_of, model, T, matching) for model in models]
    if any(one.unreached == _of.n for one in at):
        return None
    kept = logit_grams(
        [model.predictions.logits for model in models],
        [one.T for one in at],
        stratified_shards(_of.n, _of.labels),
        cross=False,
        dtype=np.float32 if _of.n * len(_of.class_names) > LARGE else np.float64,
    )
    grams = kept.models
    if matching == "mean":
        targets = teacher_entropies(_of, T)
        grams = tuple(
            rematched(one, model.predictions.logits, float(where.T), targets)
            for one, model, where in zip(grams, models, at, strict=True)
        )
    return paired_overlap_difference(*grams, centred=centred)
