"""Intervals over samples, stratified by class, for figures that are means over samples.

Means of any per-sample value (KL, displacement, cosine) and paired differences of them use the normal
approximation of the stratified mean with Student's t; shares (accuracy, agreement) use Wilson's interval at
the effective number of samples of the stratified design. Neither resamples, so each costs microseconds.
Figures that are not means (overlap, CKA, calibration error) stand in `jackknife.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from bickd_core.geometry import checks


@dataclass(frozen=True)
class Interval:
    """A figure with its interval over samples.

    Attributes:
        estimate: the figure on all samples, always within [low, high].
        low, high: limits; both None when the samples are too few to say anything.
        level: nominal coverage, for example 0.95.
        method: how the limits were made.
        n: samples behind it.
    """

    estimate: float
    low: float | None
    high: float | None
    level: float
    method: str
    n: int

    def text(self, digits: int = 3, scale: float = 1.0) -> str:
        """`"0.139 [0.130, 0.148]"`; `scale=100` for per cent; the figure alone where there are no limits."""
        if self.low is None or self.high is None:
            return f"{self.estimate * scale:.{digits}f}"
        limits = f"[{self.low * scale:.{digits}f}, {self.high * scale:.{digits}f}]"
        return f"{self.estimate * scale:.{digits}f} {limits}"


def interval(
    estimate: float,
    half_width: float | None,
    *,
    level: float,
    method: str,
    n: int,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """A symmetric interval cut to `bounds`, the range that the figure can take; no limits for half_width
    None.
    """
    estimate = float(estimate)
    if half_width is None:
        return Interval(estimate, None, None, level, method, n)
    low, high = max(estimate - half_width, bounds[0]), min(estimate + half_width, bounds[1])
    return Interval(estimate, float(min(low, estimate)), float(max(high, estimate)), level, method, n)


def check_level(level: float) -> float:
    """Return `level` if it lies strictly between 0 and 1, or raise ValueError."""
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}: try 0.95.")
    return float(level)


def stratified_variance(values: np.ndarray, labels: np.ndarray | None = None) -> tuple[float, int] | None:
    """Variance of the mean, `sum_h (n_h / N)^2 s_h^2 / n_h`, and its degrees of freedom.

    Strata are the classes. A class of one sample has no variance of its own and gets the pooled one. With
    labels None there is one stratum. None when no stratum holds two samples.
    """
    n = len(values)
    strata = np.zeros(n, dtype=np.int64)
    if labels is not None:
        strata = np.unique(checks.labels_for(labels, n, None, "stratified intervals"), return_inverse=True)[1]
    counts = np.bincount(strata)
    freedom = n - len(counts)
    if freedom < 1:
        return None
    residual = values - (np.bincount(strata, weights=values) / counts)[strata]
    squares = np.bincount(strata, weights=residual**2)
    spread = np.where(counts > 1, squares / np.maximum(counts - 1, 1), squares.sum() / freedom)
    return float((counts * spread).sum() / n**2), freedom


def mean_interval(
    values: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    level: float = 0.95,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Mean of per-sample values, `mean +- t sqrt(stratified variance)`.

    Args:
        values: [N] floats, one a sample.
        labels: [N] true classes, the strata; None for one stratum.
        level: nominal coverage.
        bounds: range of the figure, for example (0, inf) for KL.

    Returns:
        Interval; without limits when every class has a single sample.
    """
    check_level(level)
    values = _vector(values, "values")
    method = "normal approximation, stratified by class" if labels is not None else "normal approximation"
    found = stratified_variance(values, labels)
    half = None if found is None else stdtrit(found[1], (1 + level) / 2) * np.sqrt(found[0])
    return interval(values.mean(), half, level=level, method=method, n=len(values), bounds=bounds)


def proportion_interval(
    hits: np.ndarray, labels: np.ndarray | None = None, *, level: float = 0.95
) -> Interval:
    """Share of true entries, Wilson's interval at the effective number of samples `p (1 - p) / variance`.

    Wilson's interval keeps its width at shares of 0 and 1, where the normal one has none. The variance is the
    stratified one; where it is zero, and for no labels, the number of samples itself is used, and never
    more than four times that.

    Args:
        hits: [N] bool.
        labels: [N] true classes, the strata; None for one stratum.
        level: nominal coverage.
    """
    check_level(level)
    values = _vector(hits, "hits")
    n, share = len(values), float(values.mean())
    method = "Wilson, stratified by class" if labels is not None else "Wilson"
    effective = float(n)
    if labels is not None:
        found = stratified_variance(values, labels)
        if found is not None and found[0] > 0:
            effective = min(share * (1 - share) / found[0], 4.0 * n)
    z = float(ndtri((1 + level) / 2))
    centre = (share + z**2 / (2 * effective)) / (1 + z**2 / effective)
    half = z / (1 + z**2 / effective) * np.sqrt(share * (1 - share) / effective + z**2 / (4 * effective**2))
    low, high = max(float(centre - half), 0.0), min(float(centre + half), 1.0)
    return Interval(share, min(low, share), max(high, share), level, method, n)


def paired_mean_difference(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray | None = None, *, level: float = 0.95
) -> Interval:
    """Mean of `first - second` on the same samples: far narrower than two separate intervals suggest.

    Args:
        first, second: [N] per-sample values (or bool) of two models, aligned.
        labels: [N] true classes, the strata; None for one stratum.
        level: nominal coverage.
    """
    first, second = _vector(first, "first"), _vector(second, "second")
    if len(first) != len(second):
        raise ValueError(
            f"first and second must be values on the same samples, got {len(first)} and {len(second)}: "
            "align them first."
        )
    found = mean_interval(first - second, labels, level=level)
    return Interval(found.estimate, found.low, found.high, level, "paired, " + found.method, found.n)


def _vector(values: np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < 1 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, one value a sample, got shape {array.shape}.")
    return array
