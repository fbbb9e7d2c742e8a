"""Calibration of each model, who is right of two, and the neighbours of a sample, cached."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from app.data.comparison import Comparison, Model, predictions_at
from app.data.figures import probabilities
from app.data.runs import Fingerprint, fingerprint
from bickd_core.geometry import (
    CalibrationSummary,
    ConfusionDifference,
    FittedTemperature,
    Interval,
    Outcomes,
    calibration_difference,
    class_accuracy_differences,
    confusion_difference,
    fit_temperature,
    hellinger,
    nearest_neighbours,
    nll,
    outcomes,
    paired_mean_difference,
    stratified_shards,
    summarise_calibration,
)
from bickd_core.runs.library import Split


def calibration(of: Comparison, model: Model, temperature: float) -> CalibrationSummary:
    """Needs labels."""
    return _calibration(of.key, model.key, temperature, of)


@st.cache_resource(max_entries=128, show_spinner=False)
def _calibration(key: str, model: str, T: float, _of: Comparison) -> CalibrationSummary:
    return summarise_calibration(_of.model(model).predictions.logits, _labels(_of), T)


@dataclass(frozen=True)
class BestTemperature:
    """A fitted temperature and the samples it was fitted on."""

    fitted: FittedTemperature
    split: Split
    n: int

    @property
    def shown(self) -> float:
        return self.fitted.shown


def best_temperature(model: Model) -> BestTemperature | None:
    """The temperature with the smallest NLL on the run's validation split; None without labelled predictions on it."""
    path = model.run.predictions_path("validation")
    return _best_temperature(fingerprint(path)) if path.exists() else None


@st.cache_resource(max_entries=128, show_spinner=False)
def _best_temperature(mark: Fingerprint) -> BestTemperature | None:
    found = predictions_at(mark)
    if found.labels is None or not len(found):
        return None
    shard = stratified_shards(len(found), found.labels)
    return BestTemperature(fit_temperature(found.logits, found.labels, shard), "validation", len(found))


@dataclass(frozen=True)
class CalibrationGap:
    """The first model's figures less the second's, paired over samples; below 0 the first is better."""

    ece_width: Interval
    ece_mass: Interval
    nll: Interval


def calibration_gap(of: Comparison, first: Model, second: Model, at: tuple[float, float]) -> CalibrationGap:
    """`at`: the temperature of each model."""
    return _calibration_gap(of.key, first.key, second.key, at, of)


@st.cache_resource(max_entries=128, show_spinner=False)
def _calibration_gap(
    key: str, first: str, second: str, at: tuple[float, float], _of: Comparison
) -> CalibrationGap:
    labels = _labels(_of)
    models = [_of.model(name).predictions for name in (first, second)]
    P, Q = (model.probabilities(T) for model, T in zip(models, at, strict=True))
    losses = [nll(model.logits, labels, T) for model, T in zip(models, at, strict=True)]
    shard = stratified_shards(len(labels), labels)
    return CalibrationGap(
        ece_width=calibration_difference(P, Q, labels, shard, scheme="width"),
        ece_mass=calibration_difference(P, Q, labels, shard, scheme="mass"),
        nll=paired_mean_difference(losses[0], losses[1], labels),
    )


@dataclass(frozen=True)
class Judged:
    """Two models on the same samples: who is right, what they confuse, and accuracy by class (None: no sample)."""

    outcomes: Outcomes
    confusion: ConfusionDifference
    by_class: tuple[Interval | None, ...]


def judged(of: Comparison, first: Model, second: Model) -> Judged:
    """Needs labels."""
    return _judged(of.key, first.key, second.key, of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _judged(key: str, first: str, second: str, _of: Comparison) -> Judged:
    a, b = (_of.model(name).predictions.predicted for name in (first, second))
    labels, count = _labels(_of), len(_of.class_names)
    return Judged(
        outcomes(a, b, labels),
        confusion_difference(a, b, labels, count),
        class_accuracy_differences(a, b, labels, count),
    )


def distance(of: Comparison, first: Model, second: Model, temperature: float) -> np.ndarray:
    """Hellinger distance between the two models' probabilities of each sample, float64 [N]."""
    return hellinger(probabilities(of, first, temperature), probabilities(of, second, temperature))


def neighbours(
    of: Comparison, model: Model, position: int, temperature: float, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Positions and Hellinger distances of the samples nearest to one in this model's space of probabilities."""
    return nearest_neighbours(probabilities(of, model, temperature), position, most)


def _labels(of: Comparison) -> np.ndarray:
    assert of.labels is not None, "pages ask only where there are labels"
    return of.labels
