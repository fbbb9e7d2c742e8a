"""Find out whether a model's classes are the labels' classes in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLEAR = 0.2
"""How much a change must raise the accuracy to be worth a hint."""
PERMUTED = 0.6
"""Smallest accuracy for a hint on the class order. The best order reaches about 0.4 by chance."""
DEVIATIONS = 3.0
"""An accuracy is at chance level if it is at most this many standard errors above 1 / classes."""
_SMALLEST_CLASS = 5
"""Samples for each class that are needed to judge the class order."""


@dataclass(frozen=True)
class OtherOrder:
    """An order of a model's classes with which clearly more of its answers are right.

    Attributes:
        accuracy: share of right answers in this order, in [0, 1].
        moved: pairs of an output and its class in this order, for outputs that change.
    """

    accuracy: float
    moved: tuple[tuple[int, int], ...]


def other_order(predicted: np.ndarray, truth: np.ndarray, classes: int) -> OtherOrder | None:
    """Return the order of the outputs with the most right answers; None if it is not clearly
    better, or if there are too few samples to tell.

    Args:
        predicted: int64 [N], the output with the highest score.
        truth: int64 [N], the true classes.

    >>> truth = np.arange(60) % 3
    >>> other_order((truth + 1) % 3, truth, 3)
    OtherOrder(accuracy=1.0, moved=((0, 2), (1, 0), (2, 1)))
    >>> other_order(truth, truth, 3)
    """
    from scipy.optimize import linear_sum_assignment

    if len(truth) < _SMALLEST_CLASS * classes:
        return None
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (predicted, truth), 1)
    outputs, labels = linear_sum_assignment(counts, maximize=True)
    best = float(counts[outputs, labels].sum() / len(truth))
    if best < max(PERMUTED, float((predicted == truth).mean()) + CLEAR):
        return None
    pairs = zip(outputs.tolist(), labels.tolist(), strict=True)
    return OtherOrder(best, tuple((output, label) for output, label in pairs if output != label))


def at_chance(right: float, samples: int, classes: int) -> bool:
    """Return whether an accuracy is at most three standard errors above 1 / classes.

    >>> at_chance(0.12, 500, 10), at_chance(0.2, 500, 10)
    (True, False)
    """
    share = 1 / classes
    return right <= share + DEVIATIONS * (share * (1 - share) / samples) ** 0.5
