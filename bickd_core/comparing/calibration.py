"""Calibration of the models of a comparison, and which of two models is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bickd_core.comparing.cache import cached, cached_quick
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.measures import shards
from bickd_core.geometry.agreement import nearest_neighbours
from bickd_core.geometry.calibration import calibration_difference
from bickd_core.geometry.calibration_summary import CalibrationSummary, summarise_calibration
from bickd_core.geometry.disagreement import (
    ConfusionDifference,
    Outcomes,
    class_accuracy_differences,
    confusion_difference,
    outcomes,
)
from bickd_core.geometry.intervals import Interval, paired_mean_difference
from bickd_core.geometry.proper_scores import SampleScores, sample_scores


@cached
def calibration(comparison: Comparison, model: Model, temperature: float) -> CalibrationSummary:
    """Calibration of one model at T. The comparison has labels."""
    return summarise_calibration(
        model.predictions.logits,
        _labels(comparison),
        temperature,
        scores=scores(comparison, model, temperature),
    )


@dataclass(frozen=True)
class CalibrationGap:
    """The first model's figures minus the second's, paired over samples. Below 0 the first is
    better."""

    ece_width: Interval
    ece_mass: Interval
    nll: Interval


@cached_quick
def calibration_gap(
    comparison: Comparison, first: Model, second: Model, at: tuple[float, float]
) -> CalibrationGap:
    """Compare the calibration of two models. The comparison has labels.

    Args:
        at: the temperature of each model.
    """
    a, b = (scores(comparison, model, T) for model, T in zip((first, second), at, strict=True))
    pair, shard = ((a.confidence, a.right), (b.confidence, b.right)), shards(comparison)
    return CalibrationGap(
        ece_width=calibration_difference(*pair, shard, scheme="width"),
        ece_mass=calibration_difference(*pair, shard, scheme="mass"),
        nll=paired_mean_difference(a.nll, b.nll, _labels(comparison)),
    )


@cached_quick
def scores(comparison: Comparison, model: Model, temperature: float) -> SampleScores:
    """Confidence, hits and proper scores of each sample at T. The comparison has labels."""
    return sample_scores(model.predictions.logits, _labels(comparison), temperature)


@dataclass(frozen=True)
class Disagreement:
    """Two models on the same samples.

    Attributes:
        outcomes: on how many samples each of them is right.
        confusion: the difference of their confusion matrices.
        by_class: difference in accuracy of each class; None for a class without samples.
    """

    outcomes: Outcomes
    confusion: ConfusionDifference
    by_class: tuple[Interval | None, ...]


@cached_quick
def disagreement(comparison: Comparison, first: Model, second: Model) -> Disagreement:
    """Compare the answers of two models. The comparison has labels."""
    a, b = (model.predictions.predicted for model in (first, second))
    labels, count = _labels(comparison), len(comparison.class_names)
    return Disagreement(
        outcomes(a, b, labels),
        confusion_difference(a, b, labels, count),
        class_accuracy_differences(a, b, labels, count),
    )


def neighbours(
    comparison: Comparison, model: Model, position: int, temperature: float, most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions and Hellinger distances of the nearest samples by this model's
    probabilities."""
    return nearest_neighbours(model.predictions.logits, position, most, temperature)


def _labels(comparison: Comparison) -> np.ndarray:
    assert comparison.labels is not None, "callers ask only if there are labels"
    return comparison.labels
