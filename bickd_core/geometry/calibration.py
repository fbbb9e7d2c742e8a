"""Whether confidence is what it says: reliability bins, and calibration errors over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.intervals import Interval, proportion_interval
from bickd_core.geometry.jackknife import jackknife_interval
from bickd_core.geometry.shards import checked_shard

Scheme = Literal["width", "mass"]
BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Top-1 confidence against accuracy in B bins.

    Attributes:
        edges: [B + 1], bin b holds confidences in (edges[b], edges[b + 1]]; the first also its lower edge.
        counts: [B] samples.
        confidence, accuracy: [B] means in the bin; 0 where it holds no sample.
        low, high: [B] Wilson's limits of the accuracy, the samples of a bin taken as alike; NaN where it holds none.
        error: expected calibration error, 0 to 1, lower is better.
        scheme: "width" or "mass".
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    low: np.ndarray
    high: np.ndarray
    error: float
    scheme: str


def confidence_bins(
    confidence: np.ndarray, bins: int, scheme: Scheme = "width"
) -> tuple[np.ndarray, np.ndarray]:
    """Edges and the bin [N] of each confidence; `mass` bins have near-equal counts, and ties stay
    together.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins!r}: try 15.")
    if scheme == "width":
        edges = np.linspace(0.0, 1.0, bins + 1)
    elif scheme == "mass":
        edges = np.unique(np.quantile(confidence, np.linspace(0.0, 1.0, bins + 1)))
        if len(edges) == 1:
            edges = np.repeat(edges, 2)
    else:
        raise ValueError(f"scheme must be 'width' or 'mass', got {scheme!r}.")
    return edges, np.searchsorted(edges[1:-1], confidence, side="left")


def reliability(
    P: np.ndarray, labels: np.ndarray, bins: int = BINS, scheme: Scheme = "width", *, level: float = 0.95
) -> Reliability:
    """Reliability of the top-1 class.

    Args:
        P: [N, C] probabilities; calibration is a matter of the temperature they were taken at.
        labels: [N] true classes.
        bins: at least 1; equal-mass bins can be fewer when confidences tie.
        scheme: "width" for equal width, "mass" for equal counts.
        level: nominal coverage of `low` and `high`.

    Raises:
        ValueError: bins below 1, another scheme, or labels that do not fit P.
    """
    confidence, hits = _confidence(P, labels)
    edges, index = confidence_bins(confidence, bins, scheme)
    n_bins = len(edges) - 1
    counts = np.bincount(index, minlength=n_bins)
    sums = np.bincount(index, weights=confidence, minlength=n_bins)
    right = np.bincount(index, weights=hits, minlength=n_bins)
    filled = np.maximum(counts, 1)
    limits = np.full((2, n_bins), np.nan)
    for b in np.flatnonzero(counts):
        found = proportion_interval(hits[index == b], level=level)
        limits[:, b] = found.low, found.high
    return Reliability(
        edges=edges,
        counts=counts,
        confidence=sums / filled,
        accuracy=right / filled,
        low=limits[0],
        high=limits[1],
        error=float(np.abs(sums - right).sum() / len(hits)),
        scheme=scheme,
    )


def expected_calibration_error(
    P: np.ndarray, labels: np.ndarray, bins: int = BINS, scheme: Scheme = "width"
) -> float:
    """`sum_b n_b / N |accuracy_b - confidence_b|` of the top-1 class (Guo et al. 2017), 0 to 1, lower is
    better.

    It depends on the bins: it rises with their number and with fewer samples, so compare at equal N and bins,
    and hold it against `chance_error`.

    >>> round(expected_calibration_error(np.array([[0.8, 0.2], [0.8, 0.2]]), np.array([0, 1])), 6)
    0.3
    """
    return reliability(P, labels, bins, scheme).error


def calibration_interval(
    P: np.ndarray,
    labels: np.ndarray,
    shard: np.ndarray,
    *,
    bins: int = BINS,
    scheme: Scheme = "width",
    level: float = 0.95,
) -> Interval:
    """Expected calibration error with its jackknife interval, from each shard's bin sums.

    Equal-mass edges are those of all samples, held fixed in the replicates. The absolute values bend the figure
    near 0, where the interval is rough.

    Args:
        P, labels, bins, scheme: as in `reliability`.
        shard: [N] from `stratified_shards`.
    """
    values, n = _replicates(P, labels, shard, bins, scheme)
    return _interval(values, n, level, (0.0, 1.0))


def calibration_difference(
    first: np.ndarray,
    second: np.ndarray,
    labels: np.ndarray,
    shard: np.ndarray,
    *,
    bins: int = BINS,
    scheme: Scheme = "width",
    level: float = 0.95,
) -> Interval:
    """Expected calibration error of the first model less that of the second, paired over the same shards; below 0
    the first is calibrated better.

    Args:
        first, second: [N, C] probabilities on the same samples.
    """
    checks.same_shape(np.asarray(first), np.asarray(second), "first and second")
    a, n = _replicates(first, labels, shard, bins, scheme)
    b, _ = _replicates(second, labels, shard, bins, scheme)
    return _interval(a - b, n, level, (-1.0, 1.0))


def chance_error(
    P: np.ndarray, bins: int = BINS, scheme: Scheme = "width", *, draws: int = 200, seed: int = 0
) -> float:
    """Mean expected calibration error of a perfectly calibrated model with these confidences: what chance alone
    shows on N samples.

    The hits are drawn `draws` times with the confidences as their probabilities.
    """
    confidence = checks.probabilities(P).max(axis=1)
    edges, index = confidence_bins(confidence, bins, scheme)
    member = np.zeros((len(confidence), len(edges) - 1))
    member[np.arange(len(confidence)), index] = 1.0
    generator = np.random.default_rng(seed)
    total = 0.0
    for start in range(0, draws, 20):
        hits = generator.random((min(20, draws - start), len(confidence))) < confidence
        total += float(np.abs((confidence - hits) @ member).sum())
    return total / draws / len(confidence)


@dataclass(frozen=True)
class ClassCalibration:
    """Calibration of each class's probability, whether or not it is the top one.

    Attributes:
        error: [C] `sum_b n_b / N |mean p_c - share of class c|` over equal-width bins of p_c; lower is better.
        low, high: [C] jackknife limits of `error`; NaN where there are none.
        bias: [C] mean p_c less the share of samples that are of class c; above 0 the class is said too often.
        mean: the mean of `error` over classes, with its jackknife interval.
    """

    error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    bias: np.ndarray
    mean: Interval


def class_calibration(
    P: np.ndarray, labels: np.ndarray, shard: np.ndarray, *, bins: int = BINS, level: float = 0.95
) -> ClassCalibration:
    """Class-wise calibration error (static calibration error: Nixon et al. 2019; Kull et al. 2019).

    A class's error is at most its share of the probability plus its share of the samples: with many classes the
    figures are small, and only comparable at equal C.

    Args:
        P: [N, C] probabilities.
        labels: [N] true classes.
        shard: [N] from `stratified_shards`.
        bins: of equal width, at least 1.
    """
    P = checks.probabilities(P)
    n, n_classes = P.shape
    labels = checks.labels_for(labels, n, n_classes, "calibration")
    shard = checked_shard(shard, n)
    values = np.empty((n_classes, shard.max() + 2 if shard.max() > 0 else 1))
    bias = np.empty(n_classes)
    for c in range(n_classes):
        gap = P[:, c] - (labels == c)
        values[c] = _leave_out(gap, confidence_bins(P[:, c], bins)[1], shard, bins)
        bias[c] = gap.mean()
    each = [_interval(row, n, level, (0.0, 2.0)) for row in values]
    limits = np.array([(i.low, i.high) for i in each], dtype=np.float64)
    mean = _interval(values.mean(axis=0), n, level, (0.0, 2.0))
    return ClassCalibration(values[:, 0], limits[:, 0], limits[:, 1], bias, mean)


def _confidence(P: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    P = checks.probabilities(P)
    labels = checks.labels_for(labels, len(P), P.shape[1], "calibration")
    return P.max(axis=1), P.argmax(axis=1) == labels


def _replicates(
    P: np.ndarray, labels: np.ndarray, shard: np.ndarray, bins: int, scheme: Scheme
) -> tuple[np.ndarray, int]:
    confidence, hits = _confidence(P, labels)
    shard = checked_shard(shard, len(hits))
    edges, index = confidence_bins(confidence, bins, scheme)
    return _leave_out(confidence - hits, index, shard, len(edges) - 1), len(hits)


def _leave_out(gap: np.ndarray, index: np.ndarray, shard: np.ndarray, bins: int) -> np.ndarray:
    """The error [1 + G] on all samples, then without each shard; of all samples alone where there is one shard."""
    groups = int(shard.max()) + 1
    sums = np.bincount(shard * bins + index, weights=gap, minlength=groups * bins).reshape(groups, bins)
    total = sums.sum(axis=0)
    whole = np.abs(total).sum() / len(gap)
    if groups == 1:
        return np.array([whole])
    left = len(gap) - np.bincount(shard)
    return np.concatenate([[whole], np.abs(total - sums).sum(axis=1) / left])


def _interval(values: np.ndarray, n: int, level: float, bounds: tuple[float, float]) -> Interval:
    found = jackknife_interval(float(values[0]), values[1:], n=n, level=level, bounds=bounds)
    assert found is not None, "these figures are always finite"
    return found
