"""All calibration figures of one model at one temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bickd_core.geometry.calibration import (
    ClassCalibration,
    Reliability,
    calibration_interval,
    chance_error,
    class_calibration,
    reliability,
)
from bickd_core.geometry.intervals import Interval, mean_interval
from bickd_core.geometry.proper_scores import SampleScores, sample_scores


@dataclass(frozen=True)
class CalibrationSummary:
    """The calibration figures of a model.

    Attributes:
        temperature: of the probabilities.
        width, mass: reliability in bins of equal width and of equal mass.
        ece_width, ece_mass: their expected calibration errors, corrected for chance. `raw` is the
            plain formula.
        excess: mean confidence minus accuracy; above 0 the model is overconfident.
        brier, nll: means over samples.
        by_class: calibration of each class's probability.
    """

    temperature: float
    width: Reliability
    mass: Reliability
    ece_width: Interval
    ece_mass: Interval
    chance_width: float
    chance_mass: float
    excess: Interval
    brier: Interval
    nll: Interval
    by_class: ClassCalibration


def summarise_calibration(
    logits: np.ndarray,
    labels: np.ndarray,
    T: float = 1.0,
    *,
    scores: SampleScores | None = None,
) -> CalibrationSummary:
    """Compute every figure of `CalibrationSummary` with its interval over samples, without an N x C
    matrix of probabilities.

    Args:
        logits: [N, C].
        labels: [N] true classes.
        T: temperature; 1 is the model as it is used.
        scores: `sample_scores(logits, labels, T)` if they are known.
    """
    scores = scores or sample_scores(logits, labels, T)
    sure, right = scores.confidence, scores.right
    return CalibrationSummary(
        temperature=float(T),
        width=reliability(sure, right, scheme="width"),
        mass=reliability(sure, right, scheme="mass"),
        ece_width=calibration_interval(sure, right, scheme="width"),
        ece_mass=calibration_interval(sure, right, scheme="mass"),
        chance_width=chance_error(sure, scheme="width"),
        chance_mass=chance_error(sure, scheme="mass"),
        excess=mean_interval(sure - right, labels, bounds=(-1.0, 1.0)),
        brier=mean_interval(scores.brier, labels, bounds=(0.0, 2.0)),
        nll=mean_interval(scores.nll, labels, bounds=(0.0, np.inf)),
        by_class=class_calibration(logits, labels, T),
    )
