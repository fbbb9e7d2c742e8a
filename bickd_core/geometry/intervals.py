"""Intervals over samples, stratified by class, for figures that are means over samples.

Means of any per-sample value (KL, displacement, cosine) and paired differences of them use the
normal approximation of the stratified mean with Student's t; shares (accuracy, agreement) use
Wilson's interval at the effective number of samples of the stratified design. Neither needs
resampling, so both are fast. `jackknife.py` has the intervals of figures that are not means, such
as overlap and CKA.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.scipy_functions import betaincinv, ndtri, stdtrit

LEVEL = 0.95
"""Nominal coverage of intervals."""
FEWEST = 100
"""Samples below which only shares (accuracy, agreement) have an interval: others would miss too
often."""


@dataclass(frozen=True)
class Interval:
    """A figure with its interval over samples.

    Attributes:
        estimate: the figure, always within [low, high], corrected for the bias of few samples.
            Pages show this number.
        low, high: limits; both None if there are too few samples.
        level: nominal coverage, for example 0.95.
        method: how the limits were made.
        n: number of samples.
        raw: the plain formula without a correction; None if the estimate is not corrected.
    """

    estimate: float
    low: float | None
    high: float | None
    level: float
    method: str
    n: int
    raw: float | None = None

    @property
    def plain(self) -> float:
        """The figure on these samples without a correction."""
        return self.estimate if self.raw is None else self.raw

    def without_limits(self) -> Interval:
        """The figure alone, without limits."""
        return replace(self, low=None, high=None)

    def text(self, digits: int = 3, scale: float = 1.0) -> str:
        """`"0.139 [0.130, 0.148]"`; `scale=100` for per cent; the figure alone where there are no
        limits."""
        if self.low is None or self.high is None:
            return f"{self.estimate * scale:.{digits}f}"
        limits = f"[{self.low * scale:.{digits}f}, {self.high * scale:.{digits}f}]"
        return f"{self.estimate * scale:.{digits}f} {limits}"


def interval(
    estimate: float,
    half_width: float | None,
    *,
    method: str,
    n: int,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    raw: float | None = None,
) -> Interval:
    """Return a symmetric interval, clipped to `bounds`. It has no limits if half_width is None."""
    estimate = float(estimate)
    if half_width is None:
        return Interval(estimate, None, None, LEVEL, method, n, raw)
    low, high = max(estimate - half_width, bounds[0]), min(estimate + half_width, bounds[1])
    return Interval(
        estimate, float(min(low, estimate)), float(max(high, estimate)), LEVEL, method, n, raw
    )


def check_level(level: float) -> float:
    """Return `level` if it lies strictly between 0 and 1, or raise ValueError."""
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}: try 0.95.")
    return float(level)


def stratified_variance(
    values: np.ndarray, labels: np.ndarray | None = None
) -> tuple[float, float] | None:
    """Variance of the mean, `sum_h (n_h / N)^2 s_h^2 / n_h`, and its degrees of freedom.

    Strata are the classes. The values of a class with few samples can be equal by chance, and would
    then add no variance. So each class gets the equivalent of one sample from the spread of all
    samples,
    `s_h^2 = (squares_h + s^2) / n_h` with `squares_h` about the class mean and `s^2` the variance
    of all values. A class with one sample has variance `s^2`. The added part vanishes with many
    samples. The degrees of freedom are Satterthwaite's (1946), at most N - 1.

    Args:
        values: [N].
        labels: [N] true classes; None for one stratum.

    Returns:
        The variance and its degrees of freedom; None for a single sample.
    """
    n = len(values)
    if n < 2:
        return None
    whole = float(np.var(values, ddof=1))
    if labels is None:
        return whole / n, float(n - 1)
    strata = np.unique(
        checks.labels_for(labels, n, None, "stratified intervals"), return_inverse=True
    )[1]
    counts = np.bincount(strata)
    residual = values - (np.bincount(strata, weights=values) / counts)[strata]
    parts = (np.bincount(strata, weights=residual**2) + whole) / n**2
    variance = float(parts.sum())
    spread = float((parts**2 / counts).sum())
    return variance, min(variance**2 / spread, n - 1.0) if spread > 0 else n - 1.0


def mean_interval(
    values: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Mean of per-sample values, `mean +- t sqrt(stratified variance)`.

    Args:
        values: [N] floats, one a sample.
        labels: [N] true classes, the strata; None for one stratum.
        bounds: range of the figure, for example (0, inf) for KL.

    Returns:
        Interval; without limits below `FEWEST` samples.
    """
    values = _vector(values, "values")
    method = (
        "normal approximation, stratified by class"
        if labels is not None
        else "normal approximation"
    )
    variance = stratified_variance(values, labels)
    half = None
    if variance is not None and len(values) >= FEWEST:
        half = float(stdtrit(variance[1], (1 + LEVEL) / 2) * np.sqrt(variance[0]))
    return interval(values.mean(), half, method=method, n=len(values), bounds=bounds)


def proportion_interval(hits: np.ndarray, labels: np.ndarray | None = None) -> Interval:
    """Share of true entries, with Wilson's interval at the effective number of samples `p (1 - p) /
    variance`.

    Wilson's interval has a width even at shares of 0 and 1. The variance is the stratified one. If
    it is zero or there are no labels, the effective number is the number of samples. It is at most
    four times that number.

    Args:
        hits: [N] bool.
        labels: [N] true classes, the strata; None for one stratum.
    """
    values = _vector(hits, "hits")
    n, share = len(values), float(values.mean())
    method = "Wilson, stratified by class" if labels is not None else "Wilson"
    effective = float(n)
    if labels is not None:
        variance = stratified_variance(values, labels)
        if variance is not None and variance[0] > 0:
            effective = min(share * (1 - share) / variance[0], 4.0 * n)
    z = float(ndtri((1 + LEVEL) / 2))
    centre = (share + z**2 / (2 * effective)) / (1 + z**2 / effective)
    half = (
        z
        / (1 + z**2 / effective)
        * np.sqrt(share * (1 - share) / effective + z**2 / (4 * effective**2))
    )
    low, high = max(float(centre - half), 0.0), min(float(centre + half), 1.0)
    return Interval(share, min(low, share), max(high, share), LEVEL, method, n)


def paired_mean_difference(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray | None = None
) -> Interval:
    """Mean of `first - second` on the same samples. Its interval is much narrower than two separate
    ones.

    Right or wrong answers (bool, or 0 and 1) are shares: see `paired_share_difference`.

    Args:
        first, second: [N] per-sample values (or bool) of two models, aligned.
        labels: [N] true classes, the strata; None for one stratum.
    """
    first, second = _pair(first, second)
    if all(np.isin(values, (0.0, 1.0)).all() for values in (first, second)):
        return paired_share_difference(first, second, labels)
    interval = mean_interval(first - second, labels)
    return replace(interval, method="paired, " + interval.method)


def paired_share_difference(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray | None = None, *, level: float = LEVEL
) -> Interval:
    """Share of hits of the first model minus that of the second, on the same samples.

    The interval has a width for any number of samples: as in Bonett and Price (2012), one sample is
    added on which only the first model is right, and one on which only the second is. The variance
    is the stratified one (`stratified_variance`).

    The interval never contradicts McNemar's exact test: it contains 0 exactly if `p >= 1 - level`.
    If the two would disagree, the limit nearer to 0 is taken from the exact interval of the test
    (Clopper and Pearson's, for the first model's share of the samples on which exactly one is
    right).

    Args:
        first, second: [N] hits of two models, bool, or shares of hits over several runs in [0, 1].
        labels: [N] true classes, the strata; None for one stratum.
        level: nominal coverage.

    Returns:
        Interval around `mean(first) - mean(second)`.
    """
    check_level(level)
    first, second = _pair(first, second)
    if min(first.min(), second.min()) < 0 or max(first.max(), second.max()) > 1:
        raise ValueError(
            "first and second must be shares between 0 and 1: pass hits, or use mean_interval."
        )
    gap = first - second
    n, estimate = len(gap), float(gap.mean())
    added = np.concatenate([gap, [1.0, -1.0]])
    centre, spread = float(added.mean()), float(added.var())
    squares = n * spread if labels is None else _class_squares(gap, labels, spread)
    half = float(ndtri((1 + level) / 2)) * np.sqrt(squares + 2.0 * spread) / (n + 2)
    low, high = max(min(centre - half, estimate), -1.0), min(max(centre + half, estimate), 1.0)
    if np.isin(gap, (-1.0, 0.0, 1.0)).all():
        low, high = _as_mcnemar(low, high, int((gap > 0).sum()), int((gap < 0).sum()), n, level)
    strata = "" if labels is None else ", stratified by class"
    return Interval(estimate, float(low), float(high), level, f"paired shares{strata}", n)


def _class_squares(gap: np.ndarray, labels: np.ndarray, spread: float) -> float:
    """Return the sum over classes of `n_h s_h^2`. Each class gets the equivalent of one sample of
    `spread`."""
    strata = np.unique(
        checks.labels_for(labels, len(gap), None, "stratified intervals"), return_inverse=True
    )[1]
    counts = np.bincount(strata)
    residual = gap - (np.bincount(strata, weights=gap) / counts)[strata]
    return float((np.bincount(strata, weights=residual**2) + spread).sum())


def _as_mcnemar(
    low: float, high: float, first_only: int, second_only: int, n: int, level: float
) -> tuple[float, float]:
    """Return limits that contain 0 exactly if McNemar's exact p of the two counts is not below 1 -
    level."""
    discordant = first_only + second_only
    tail = (1 - level) / 2
    least = betaincinv(first_only, second_only + 1, tail) if first_only else 0.0
    most = betaincinv(first_only + 1, second_only, 1 - tail) if second_only else 1.0
    exact_low, exact_high = ((2 * share - 1) * discordant / n for share in (least, most))
    seen = bool(discordant) and (exact_low > 0 or exact_high < 0)
    if seen == (low > 0 or high < 0):
        return low, high
    return (exact_low, high) if first_only > second_only else (low, exact_high)


def _pair(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = _vector(first, "first"), _vector(second, "second")
    if len(first) != len(second):
        raise ValueError(
            f"first and second must be values on the same samples, got {len(first)} and"
            f" {len(second)}: align them first."
        )
    return first, second


def _vector(values: np.ndarray, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < 1 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, one value a sample, got shape {array.shape}.")
    return array
