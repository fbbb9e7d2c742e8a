"""Calibration: reliability bins, and calibration errors over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.intervals import FEWEST, LEVEL, Interval, proportion_interval
from bickd_core.geometry.probabilities import probability_blocks
from bickd_core.geometry.scipy_functions import brentq, ndtr, ndtri
from bickd_core.geometry.shards import checked_shard

Scheme = Literal["width", "mass"]
BINS = 15
_MOST_DRAWN = 20_000_000
"""Probabilities that labels are drawn from, at most, for what chance gives class by class."""


@dataclass(frozen=True)
class Reliability:
    """Top-1 confidence against accuracy in B bins.

    Attributes:
        edges: [B + 1], bin b holds confidences in (edges[b], edges[b + 1]]; the first also its
            lower edge.
        counts: [B] samples.
        confidence, accuracy: [B] means in the bin; 0 for an empty bin.
        low, high: [B] Wilson's limits of the accuracy; NaN for an empty bin.
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
    """Return the edges of the bins, and the bin [N] of each confidence. `mass` bins have nearly
    equal counts; equal confidences are in the same bin.
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


def confidence_and_hits(P: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probability of the top-1 class [N], and whether it is the label [N].

    Args:
        P: [N, C] probabilities; calibration is a matter of the temperature they were taken at.
        labels: [N] true classes.
    """
    P = checks.probabilities(P)
    labels = checks.labels_for(labels, len(P), P.shape[1], "calibration")
    return P.max(axis=1), P.argmax(axis=1) == labels


def reliability(
    confidence: np.ndarray,
    hits: np.ndarray,
    bins: int = BINS,
    scheme: Scheme = "width",
) -> Reliability:
    """Reliability of the top-1 class.

    Its `error` is the expected calibration error, `sum_b n_b / N |accuracy_b - confidence_b|`
    (Guo et al. 2017). It rises with the number of bins and with fewer samples. So compare it at
    equal N and bins, and with `chance_error`.

    Args:
        confidence: [N] probability of the top-1 class.
        hits: [N] whether it is the label.
        bins: at least 1; equal-mass bins can be fewer when confidences tie.
        scheme: "width" for equal width, "mass" for equal counts.

    Raises:
        ValueError: bins below 1, or another scheme.

    >>> round(reliability(np.array([0.8, 0.8]), np.array([True, False])).error, 6)
    0.3
    """
    edges, index = confidence_bins(confidence, bins, scheme)
    n_bins = len(edges) - 1
    counts = np.bincount(index, minlength=n_bins)
    sums = np.bincount(index, weights=confidence, minlength=n_bins)
    right = np.bincount(index, weights=hits, minlength=n_bins)
    filled = np.maximum(counts, 1)
    limits = np.full((2, n_bins), np.nan)
    for b in np.flatnonzero(counts):
        interval = proportion_interval(hits[index == b])
        limits[:, b] = interval.low, interval.high
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


def calibration_interval(
    confidence: np.ndarray,
    hits: np.ndarray,
    *,
    bins: int = BINS,
    scheme: Scheme = "width",
) -> Interval:
    """Expected calibration error with an interval for its value on infinitely many samples.

    The formula adds up absolute gaps, so chance alone raises it, especially if the model is well
    calibrated. Resampling does not correct this, because the figure is not smooth at 0.

    Here the gap of each bin is assumed to be normal with its own variance, so its absolute value
    has a folded normal distribution. The limits invert a test: they are the errors `e` for which
    the observed figure would not be unusual if the true gaps summed to `e`, in the proportions of
    the observed gaps plus their standard errors. The estimate is the `e` whose expected figure
    equals the observed one, or 0 if a perfectly calibrated model is expected to show as much.

    Args:
        confidence, hits, bins, scheme: as in `reliability`.

    Returns:
        Interval; `raw` is the plain formula, which `chance_error` belongs to. Without limits below
        `FEWEST` samples, where most bins hold one or two.
    """
    return _unless_few(_folded(confidence, hits, bins, scheme))


def _unless_few(interval: Interval) -> Interval:
    return interval.without_limits() if interval.n < FEWEST else interval


def _folded(confidence: np.ndarray, hits: np.ndarray, bins: int, scheme: Scheme) -> Interval:
    """The interval of `calibration_interval`, for any number of samples."""
    gaps, errors = _bin_gaps(confidence, hits, bins, scheme)
    z = float(ndtri((1 + LEVEL) / 2))
    estimate, low, high = (_error_at(gaps, errors, shift) for shift in (0.0, z, -z))
    raw = float(gaps.sum())
    return Interval(estimate, low, min(high, 1.0), LEVEL, "folded normal bins", len(hits), raw)


def _bin_gaps(
    confidence: np.ndarray, hits: np.ndarray, bins: int, scheme: Scheme
) -> tuple[np.ndarray, np.ndarray]:
    """Return `n_b / N |accuracy_b - confidence_b|` and its standard error for each bin with
    samples.

    For the standard error, two samples are added whose accuracy equals the bin's confidence. So the
    error is above 0 even if all of a few samples are right.
    """
    n = len(hits)
    edges, index = confidence_bins(confidence, bins, scheme)
    counts = np.bincount(index, minlength=len(edges) - 1)
    held = counts > 0
    sure = np.bincount(index, weights=confidence, minlength=len(counts))[held]
    right = np.bincount(index, weights=hits, minlength=len(counts))[held]
    counts = counts[held]
    gap = (sure - right) / n
    share = (right + 2.0 * sure / counts) / (counts + 2.0)
    squares = counts * share * (1.0 - share) + (sure - right) ** 2 / counts
    return np.abs(gap), np.sqrt(np.clip(squares / n**2 - gap**2 / n, 1e-30, None))


def _error_at(gaps: np.ndarray, errors: np.ndarray, shift: float) -> float:
    """Return the sum of true gaps, in the proportions of `gaps + errors`, whose expected sum of
    absolute gaps is `shift` standard deviations below the observed one. It is 0 if even zero gaps
    are expected to show more.
    """
    observed = float(gaps.sum())
    if observed <= 0:
        return 0.0
    shape = (gaps + errors) / float((gaps + errors).sum())

    def surplus(total: float) -> float:
        true = total * shape
        ratio = true / errors
        mean = errors * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2) + true * (1 - 2 * ndtr(-ratio))
        variance = np.clip(true**2 + errors**2 - mean**2, 0.0, None)
        return observed - float(mean.sum()) - shift * float(np.sqrt(variance.sum()))

    if surplus(0.0) <= 0:
        return 0.0
    most = observed + 2.0 * abs(shift) * float(np.sqrt((errors**2).sum()))
    return float(brentq(surplus, 0.0, most, xtol=1e-9)) if surplus(most) < 0 else most


def calibration_difference(
    first: tuple[np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray],
    shard: np.ndarray,
    *,
    bins: int = BINS,
    scheme: Scheme = "width",
) -> Interval:
    """Return the expected calibration error of the first model minus that of the second, on the
    same samples. Below 0, the first model is better calibrated.

    The limits are combined from those of the two models (MOVER: Zou and Donner 2008), with the
    correlation of the two errors over leave-one-shard-out replicates.

    Args:
        first, second: each model's probability of the top-1 class [N] and whether it is the label
            [N], on the same samples.
        shard: [N] from `stratified_shards`.
    """
    a, b = (_folded(*side, bins, scheme) for side in (first, second))
    errors = [_replicates(*side, shard, bins, scheme)[1:] for side in (first, second)]
    return _unless_few(_apart(a, b, _correlation(*errors)))


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation; 0 if an input is constant or has fewer than three values."""
    if len(x) < 3:
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip(x @ y / scale, -1.0, 1.0)) if scale > 1e-24 else 0.0


def _apart(a: Interval, b: Interval, correlation: float) -> Interval:
    gap = a.estimate - b.estimate
    ends = [end for interval in (a, b) for end in (interval.low, interval.high) if end is not None]
    assert len(ends) == 4, "a calibration error always has limits"
    below, above = (
        (a.estimate - ends[0], ends[1] - a.estimate),
        (b.estimate - ends[2], ends[3] - b.estimate),
    )
    halves = []
    for first, second in (
        (below[0], above[1]),
        (below[1], above[0]),
    ):
        square = first**2 + second**2 - 2.0 * correlation * first * second
        halves.append(np.sqrt(max(square, 0.0)))
    low, high = max(gap - halves[0], -1.0), min(gap + halves[1], 1.0)
    raw = a.plain - b.plain
    return Interval(gap, float(low), float(high), a.level, "of two folded normals", a.n, raw)


def chance_error(
    confidence: np.ndarray, bins: int = BINS, scheme: Scheme = "width", *, draws: int = 200
) -> float:
    """Return the mean expected calibration error that a perfectly calibrated model with these
    confidences [N] shows on N samples by chance.

    The hits are drawn `draws` times. A hit has the probability of its confidence.
    """
    edges, index = confidence_bins(confidence, bins, scheme)
    member = np.zeros((len(confidence), len(edges) - 1))
    member[np.arange(len(confidence)), index] = 1.0
    generator = np.random.default_rng(0)
    total = 0.0
    for start in range(0, draws, 20):
        hits = generator.random((min(20, draws - start), len(confidence))) < confidence
        total += float(np.abs((confidence - hits) @ member).sum())
    return total / draws / len(confidence)


@dataclass(frozen=True)
class ClassCalibration:
    """Calibration of each class's probability, over all samples.

    There is no interval: a class has few samples, so most of its error is due to chance.

    Attributes:
        error: [C] `sum_b n_b / N |mean p_c - share of class c|` over equal-width bins of p_c; lower
            is better.
        chance: [C] the mean error of a perfectly calibrated model with these probabilities.
        bias: [C] mean p_c minus the share of samples of class c. Above 0, the class is predicted
            too often.
    """

    error: np.ndarray
    chance: np.ndarray
    bias: np.ndarray


def class_calibration(
    logits: np.ndarray,
    labels: np.ndarray,
    T: float = 1.0,
    *,
    bins: int = BINS,
    draws: int = 50,
) -> ClassCalibration:
    """Class-wise calibration error (static calibration error: Nixon et al. 2019; Kull et al. 2019),
    in one pass without an N x C matrix of probabilities.

    A class's error is at most its share of the probability plus its share of the samples. So the
    figures are small with many classes, and only comparable at equal C.

    A row has less than `bins` probabilities above the first edge, so only those are put into bins.

    Args:
        logits: [N, C].
        labels: [N] true classes.
        T: temperature.
        bins: of equal width, at least 1.
        draws: times that labels are drawn for `chance`; fewer where N x C is large.
    """
    n, n_classes = np.shape(logits)
    labels = checks.labels_for(labels, n, n_classes, "calibration")
    edges = confidence_bins(np.zeros(0), bins)[0][1:-1]
    draws = max(1, min(draws, _MOST_DRAWN // (n * n_classes)))
    chances = np.random.default_rng(0).random((draws, n))
    stated = np.zeros((n_classes, bins))
    hits = np.zeros((1 + draws, n_classes * bins))  # of the labels, then of each draw
    total = np.zeros(n_classes)
    for rows, P in probability_blocks(logits, checks.positive(T, "T")):
        total += P.sum(axis=0, dtype=np.float64)
        place, classes = np.nonzero(edges[0] < P) if bins > 1 else _NONE
        high = P[place, classes].astype(np.float64)
        index = np.searchsorted(edges, high, side="left")
        stated += np.bincount(
            classes * bins + index, weights=high, minlength=n_classes * bins
        ).reshape(n_classes, bins)
        steps = np.cumsum(P, axis=1, dtype=np.float64)
        here = np.arange(len(P))
        for k in range(1 + draws):
            if k:
                level = chances[k - 1, rows, None] * steps[:, -1:]
                true = np.minimum((steps < level).sum(axis=1), n_classes - 1)
            else:
                true = labels[rows]
            bin = np.searchsorted(edges, P[here, true].astype(np.float64), side="left")
            hits[k] += np.bincount(true * bins + bin, minlength=n_classes * bins)
    stated[:, 0] += total - stated.sum(axis=1)
    errors = np.abs(stated - hits.reshape(-1, n_classes, bins)).sum(axis=2) / n
    bias = (total - np.bincount(labels, minlength=n_classes)) / n
    return ClassCalibration(errors[0], errors[1:].mean(axis=0), bias)


_NONE = (np.zeros(0, np.int64), np.zeros(0, np.int64))


def _replicates(
    confidence: np.ndarray, hits: np.ndarray, shard: np.ndarray, bins: int, scheme: Scheme
) -> np.ndarray:
    """The error [1 + G] on all samples, then without each shard, the bins held fixed."""
    shard = checked_shard(shard, len(hits))
    edges, index = confidence_bins(confidence, bins, scheme)
    count, groups = len(edges) - 1, int(shard.max()) + 1
    gap = confidence - hits
    sums = np.bincount(shard * count + index, weights=gap, minlength=groups * count).reshape(
        groups, count
    )
    total = sums.sum(axis=0)
    if groups == 1:
        return np.array([np.abs(total).sum() / len(gap)])
    left = len(gap) - np.bincount(shard)
    return np.concatenate(
        [[np.abs(total).sum() / len(gap)], np.abs(total - sums).sum(axis=1) / left]
    )
