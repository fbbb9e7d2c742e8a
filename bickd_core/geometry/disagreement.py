"""Two models on the same samples: which one is right, which classes they confuse, and whether the
difference is statistically clear.

"first" and "second" are any two aligned models: a teacher and a student, or two students.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.intervals import LEVEL, Interval, paired_share_difference
from bickd_core.geometry.scipy_functions import bdtr, ndtri


@dataclass(frozen=True)
class Outcomes:
    """The table of which model is right.

    Attributes:
        both, first, second, neither: samples that both, only the first, only the second, or none
            got right.
        p_value: McNemar's exact two-sided p (see `mcnemar_exact`), which decides whether a
            difference is seen.
        mid_p: McNemar's mid-p (see `mcnemar_mid_p`).
        difference: accuracy of the first minus that of the second, paired. Its interval contains 0
            exactly if `p_value` is not below 0.05.
    """

    both: int
    first: int
    second: int
    neither: int
    p_value: float
    mid_p: float
    difference: Interval

    @property
    def n(self) -> int:
        """Samples."""
        return self.both + self.first + self.second + self.neither

    @property
    def accuracies(self) -> tuple[float, float]:
        """Of the first and of the second model."""
        return (self.both + self.first) / self.n, (self.both + self.second) / self.n


def outcomes(first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> Outcomes:
    """Count which model is right, from the two models' predicted classes.

    Args:
        first, second: [N] predicted classes on the same samples.
        labels: [N] true classes.

    Raises:
        ValueError: arrays of another length than labels, or that hold no class indices.
    """
    first, second, labels = _three(first, second, labels)
    a, b = first == labels, second == labels
    only_first, only_second = int((a & ~b).sum()), int((~a & b).sum())
    return Outcomes(
        both=int((a & b).sum()),
        first=only_first,
        second=only_second,
        neither=int((~a & ~b).sum()),
        p_value=mcnemar_exact(only_first, only_second),
        mid_p=mcnemar_mid_p(only_first, only_second),
        difference=paired_share_difference(a, b, labels),
    )


def mcnemar_exact(first_only: int, second_only: int) -> float:
    """McNemar's exact two-sided p: `min(1, 2 P(X <= min(b, c)))`, X binomial of b + c trials at 1/2
    (McNemar 1947).

    If two models are equally often right, each sample on which exactly one is right is a fair coin.
    Other samples carry no information. The result is 1 without such samples.

    >>> mcnemar_exact(0, 5)  # 2 / 32
    0.0625
    """
    if first_only < 0 or second_only < 0:
        raise ValueError(f"counts must be at least 0, got {first_only!r} and {second_only!r}.")
    n = first_only + second_only
    return min(1.0, 2.0 * float(bdtr(min(first_only, second_only), n, 0.5))) if n else 1.0


def mcnemar_mid_p(first_only: int, second_only: int) -> float:
    """McNemar's two-sided mid-p: the exact p with the observed split counted by half (Lancaster
    1961).

    The exact test rejects too seldom, because counts are whole numbers. The mid-p test is closer to
    its nominal level and exceeds it only slightly (Fagerland, Lydersen, Laake 2013). The result is
    1 for equal counts.

    >>> mcnemar_mid_p(0, 5)  # 1 / 32
    0.03125
    """
    exact = mcnemar_exact(first_only, second_only)
    n, fewer = first_only + second_only, min(first_only, second_only)
    if 2 * fewer == n:
        return 1.0
    observed = float(bdtr(fewer, n, 0.5)) - (float(bdtr(fewer - 1, n, 0.5)) if fewer else 0.0)
    return exact - observed


def confusion(predicted: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts int64 [C, C]: row the true class, column the predicted one.

    >>> confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    labels = checks.labels_for(labels, len(predicted), n_classes, "a confusion matrix")
    predicted = checks.labels_for(predicted, len(labels), n_classes, "a confusion matrix")
    flat = np.bincount(labels * n_classes + predicted, minlength=n_classes**2)
    return flat.reshape(n_classes, n_classes)


def row_shares(counts: np.ndarray) -> np.ndarray:
    """Divide each row of a confusion matrix by its sum. Rows of classes without samples are NaN."""
    sums = counts.sum(axis=1, keepdims=True)
    return np.where(sums > 0, counts / np.maximum(sums, 1), np.nan)


@dataclass(frozen=True)
class ConfusionDifference:
    """Two confusion matrices on the same samples, and the first minus the second.

    Attributes:
        first, second: int64 [C, C] counts, row the true class.
        counts: int64 [C, C] `first - second`; every row sums to 0, since both have the same
            samples.
        shares: [C, C] the same of row-normalised matrices; rows of classes without samples are
            NaN.
    """

    first: np.ndarray
    second: np.ndarray
    counts: np.ndarray
    shares: np.ndarray


def confusion_difference(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray, n_classes: int
) -> ConfusionDifference:
    """Which confusions the first model makes more often (above 0) or less often than the second.

    Args:
        first, second: [N] predicted classes on the same samples.
        labels: [N] true classes.
    """
    first, second, labels = _three(first, second, labels)
    a, b = (confusion(predicted, labels, n_classes) for predicted in (first, second))
    return ConfusionDifference(a, b, a - b, row_shares(a) - row_shares(b))


def class_accuracy_differences(
    first: np.ndarray,
    second: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
) -> tuple[Interval | None, ...]:
    """For each class, the first model's accuracy minus the second's; None for a class without
    samples.

    If only the first model is right on b samples of n and only the second on c, the limits are
    Bonett and Price's (2012): `d~ +- z sqrt((p1 + p2 - d~^2) / (n + 2))`, `p1 = (b + 1) / (n + 2)`,
    `p2 = (c + 1) / (n + 2)`, `d~ = p1 - p2`. They have a width even if the models never differ, and
    are valid for the ten samples that a class may have. The estimate is `(b - c) / n`.

    One interval in twenty excludes 0 by chance, so expect C / 20 of them over C classes.
    """
    first, second, labels = _three(first, second, labels)
    labels = checks.labels_for(labels, len(labels), n_classes, "accuracy by class")
    z = float(ndtri((1 + LEVEL) / 2))
    gains = [
        np.bincount(labels[mask], minlength=n_classes) for mask in _just_one(first, second, labels)
    ]
    sizes = np.bincount(labels, minlength=n_classes)
    intervals: list[Interval | None] = []
    for n, b, c in zip(sizes.tolist(), gains[0].tolist(), gains[1].tolist(), strict=True):
        if not n:
            intervals.append(None)
            continue
        p1, p2 = (b + 1) / (n + 2), (c + 1) / (n + 2)
        centre, half = p1 - p2, z * np.sqrt((p1 + p2 - (p1 - p2) ** 2) / (n + 2))
        estimate = (b - c) / n
        low, high = max(min(centre - half, estimate), -1.0), min(max(centre + half, estimate), 1.0)
        intervals.append(
            Interval(estimate, float(low), float(high), LEVEL, "Bonett-Price, paired", n)
        )
    return tuple(intervals)


def _just_one(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    a, b = first == labels, second == labels
    return a & ~b, ~a & b


def _three(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels = checks.labels_for(labels, len(first), None, "who is right")
    if len(labels) < 1:
        raise ValueError("first must hold at least one sample, got none.")
    for name, values in (("first", first), ("second", second)):
        values = np.asarray(values)
        if values.shape != labels.shape or values.dtype.kind not in "iu":
            raise ValueError(
                f"{name} must be {len(labels)} predicted classes, got shape {values.shape} of type "
                f"{values.dtype}: pass predictions on the same samples."
            )
    return np.asarray(first), np.asarray(second), labels
