"""All calibration figures of one model at one temperature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bickd_core.geometry.calibration import (
    BINS,
    ClassCalibration,
    Reliability,
    calibration_interval,
    chance_error,
    class_calibration,
    reliability,
)
from bickd_core.geometry.intervals import Interval, mean_interval
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.proper_scores import brier, nll


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
    logits: np.ndarray, labels: np.ndarray, T: float = 1.0, *, bins: int = BINS, level: float = 0.95
) -> CalibrationSummary:
    """Compute every figure of `CalibrationSummary` with its interval over samples.

    Args:
        logits: [N, C].
        labels: [N] true classes.
        T: temperature; 1 is the model as it is used.
    """
    P = softmax(logits, T)
    gap = P.max(axis=1) - (P.argmax(axis=1) == labels)
    return CalibrationSummary(
        temperature=float(T),
        width=reliability(P, labels, bins, "width", level=level),
        mass=reliability(P, labels, bins, "mass", level=level),
        ece_width=calibration_interval(P, labels, bins=bins, scheme="width", level=level),
        ece_mass=calibration_interval(P, labels, bins=bins, scheme="mass", level=level),
        chance_width=chance_error(P, bins, "width"),
        chance_mass=chance_error(P, bins, "mass"),
        excess=mean_interval(gap, labels, level=level, bounds=(-1.0, 1.0)),
        brier=mean_interval(brier(P, labels), labels, level=level, bounds=(0.0, 2.0)),
        nll=mean_interval(nll(logits, labels, T), labels, level=level, bounds=(0.0, np.inf)),
        by_class=class_calibration(P, labels, bins=bins),
    )
