"""All calibration figures of one model at one temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bickd_core.geometry.calibration import (
    BINS,
    ClassCalibration,
    Reliability,
    calibration_interval_of,
    chance_error_of,
    logit_class_calibration,
    reliability_of,
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
    bins: int = BINS,
    level: float = 0.95,
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
        width=reliability_of(sure, right, bins, "width", level=level),
        mass=reliability_of(sure, right, bins, "mass", level=level),
        ece_width=calibration_interval_of(sure, right, bins=bins, scheme="width", level=level),
        ece_mass=calibration_interval_of(sure, right, bins=bins, scheme="mass", level=level),
        chance_width=chance_error_of(sure, bins, "width"),
        chance_mass=chance_error_of(sure, bins, "mass"),
        excess=mean_interval(sure - right, labels, level=level, bounds=(-1.0, 1.0)),
        brier=mean_interval(scores.brier, labels, level=level, bounds=(0.0, 2.0)),
        nll=mean_interval(scores.nll, labels, level=level, bounds=(0.0, np.inf)),
        by_class=logit_class_calibration(logits, labels, T, bins=bins),
    )
