"""Brier score, negative log likelihood, and the temperature that minimises the latter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.jackknife import jackknife_interval
from bickd_core.geometry.probabilities import pass_dtype, shifted_blocks, within_bracket
from bickd_core.geometry.shards import checked_shard

_BOUNDS = (1e-3, 1e3)
"""The range of 1 / T that is searched."""


def nll(logits: np.ndarray, labels: np.ndarray, T: float = 1.0) -> np.ndarray:
    """`-log p_y` of each sample at temperature T, in nats [N], at least 0, lower is better. It is
    always finite.

    >>> nll(np.array([[0.0, 0.0]]), np.array([0])).round(4).tolist()  # log(2)
    [0.6931]
    """
    T = checks.positive(T, "T")
    if not len(logits):
        return np.zeros(0)
    labels = checks.labels_for(labels, len(logits), np.shape(logits)[1], "the likelihood")
    losses = np.empty(len(logits))
    for rows, scaled in shifted_blocks(logits):
        scaled *= scaled.dtype.type(1.0 / T)
        own = scaled[np.arange(len(scaled)), labels[rows]].astype(np.float64)
        np.exp(scaled, out=scaled)
        losses[rows] = np.log(scaled.sum(axis=1).astype(np.float64)) - own
    return np.maximum(losses, 0.0)


@dataclass(frozen=True)
class SampleScores:
    """How well each sample's stated probabilities fit its label.

    Attributes:
        confidence: [N] probability of the top-1 class.
        right: bool [N], whether it is the label.
        brier: [N] `sum_c (p_c - [c = y])^2` (Brier 1950), 0 to 2, lower is better.
        nll: [N], as of the function of this name.
    """

    confidence: np.ndarray
    right: np.ndarray
    brier: np.ndarray
    nll: np.ndarray


def sample_scores(logits: np.ndarray, labels: np.ndarray, T: float = 1.0) -> SampleScores:
    """All scores of each sample in one pass, without an N x C matrix of probabilities.

    Args:
        logits: [N, C].
        labels: [N] true classes.
        T: temperature.
    """
    T = checks.positive(T, "T")
    n, n_classes = np.shape(logits)
    labels = checks.labels_for(labels, n, n_classes, "calibration")
    confidence, squares, own = np.empty(n), np.empty(n), np.empty(n)
    losses, right = np.empty(n), np.empty(n, dtype=bool)
    for rows, scaled in shifted_blocks(logits):
        at = np.arange(len(scaled)), labels[rows]
        right[rows] = scaled.argmax(axis=1) == labels[rows]
        scaled *= scaled.dtype.type(1.0 / T)
        log_own = scaled[at].astype(np.float64)
        np.exp(scaled, out=scaled)
        total = scaled.sum(axis=1).astype(np.float64)
        losses[rows] = np.log(total) - log_own
        confidence[rows] = 1.0 / total
        own[rows] = scaled[at] / total
        squares[rows] = np.einsum("ij,ij->i", scaled, scaled) / total**2
    return SampleScores(confidence, right, squares - 2.0 * own + 1.0, np.maximum(losses, 0.0))


@dataclass(frozen=True)
class FittedTemperature:
    """The temperature with the smallest mean negative log likelihood on the samples it was fitted
    on.

    Attributes:
        temperature: the minimum, with its jackknife interval over those samples; above 1 the model
            is overconfident.
        nll: mean negative log likelihood at the minimum, in nats. It is too low, because it is on
            the same samples.
        reached: False if the minimum is outside the search range, because every sample is right or
            the model is worse than chance. `temperature` is then the nearer end.
    """

    temperature: Interval
    nll: float
    reached: bool

    @property
    def shown(self) -> float:
        """The temperature with three decimals, or three digits below 0.1. Pages show it, and
        compute figures "at the fitted temperature" with it.

        More decimals are not significant, but would move single samples over the edges of bins.
        """
        T = self.temperature.estimate
        return round(T, 3) if T >= 0.1 else float(f"{T:.3g}")


def fit_temperature(
    logits: np.ndarray,
    labels: np.ndarray,
    shard: np.ndarray,
) -> FittedTemperature:
    """Minimise `mean_i -log softmax(z_i / T)_{y_i}` over T (temperature scaling, Guo et al. 2017),
    from 0.001 to 1,000.

    The likelihood is convex in 1 / T, with slope `mean_i (E_{p_i} z_i - z_iy)` and curvature
    `mean_i Var_{p_i} z_i`: Newton's method inside a bracket finds the minimum. A replicate of the
    jackknife is one Newton step from there, without its shard. The limits are computed for 1 / T,
    because T is skewed with few samples. Fit on one split and evaluate on another, because a fit is
    too good on its own samples.

    Args:
        logits: [N, C].
        labels: [N] true classes.
        shard: [N] from `stratified_shards`.

    Raises:
        ValueError: labels or shards that do not fit.
    """
    n = len(logits)
    labels = checks.labels_for(labels, n, logits.shape[1], "fitting a temperature")
    shard = checked_shard(shard, n)
    beta, reached = _minimum(logits, labels, *_BOUNDS)
    replicates = None
    if reached and shard.max() > 0:
        slope, curve = _derivatives(logits, labels, beta)
        rest = [total.sum() - np.bincount(shard, weights=total) for total in (slope, curve)]
        moved = beta - rest[0] / np.where(rest[1] > 0, rest[1], np.inf)
        replicates = np.clip(moved, *_BOUNDS)
    T = 1.0 / beta
    inverse = jackknife_interval(beta, replicates, n=n, bounds=_BOUNDS, correct=False)
    assert inverse is not None
    low, high = (None if end is None else 1.0 / end for end in (inverse.high, inverse.low))
    interval = Interval(T, low, high, inverse.level, inverse.method, n, T)
    return FittedTemperature(interval, float(nll(logits, labels, T).mean()), reached)


def _minimum(logits: np.ndarray, labels: np.ndarray, low: float, high: float) -> tuple[float, bool]:
    """Return 1 / T of the minimum, and whether it is inside [low, high].

    If every sample's own class is on top, sharper is always better, so there is no minimum. Slopes
    of large margins underflow, so this is not left to the steps.
    """
    if _all_right(logits, labels):
        return high, False
    ends = (low, high)
    near = 1e-12 if pass_dtype(logits) is np.float64 else 1e-7
    beta = min(max(1.0, low), high)
    for _ in range(200):
        slope, curve = (float(values.mean()) for values in _derivatives(logits, labels, beta))
        if slope == 0.0 or high - low <= 0.1 * near * high:
            return beta, True
        if (beta == ends[0] and slope > 0) or (beta == ends[1] and slope < 0):
            return beta, False
        low, high = (low, beta) if slope > 0 else (beta, high)
        proposal = beta - slope / curve if curve > 0 else -np.sign(slope) * np.inf
        if abs(proposal - beta) <= near * beta:
            return beta, True
        beta = within_bracket(float(proposal), low, high, ends)
    return beta, True


def _all_right(logits: np.ndarray, labels: np.ndarray) -> bool:
    """Whether every sample's own class has the largest logit, and some logits differ."""
    differ = False
    for rows, shifted in shifted_blocks(logits):
        if (shifted[np.arange(len(shifted)), labels[rows]] < 0).any():
            return False
        differ = differ or bool((shifted < 0).any())
    return differ


def _derivatives(
    logits: np.ndarray, labels: np.ndarray, beta: float
) -> tuple[np.ndarray, np.ndarray]:
    """Slope and curvature [N] of each sample's negative log likelihood in 1 / T."""
    slopes, curves = np.empty(len(logits)), np.empty(len(logits))
    for rows, shifted in shifted_blocks(logits):
        weights = np.exp(shifted.dtype.type(beta) * shifted)
        total = weights.sum(axis=1).astype(np.float64)
        weights *= shifted
        first = weights.sum(axis=1) / total
        second = np.einsum("ij,ij->i", weights, shifted) / total
        slopes[rows] = first - shifted[np.arange(len(shifted)), labels[rows]]
        curves[rows] = np.maximum(second - first**2, 0.0)
    return slopes, curves
