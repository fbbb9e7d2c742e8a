"""Jackknife intervals over samples, for figures that a bootstrap would bias.

A bootstrap sample has fewer distinct samples, and with fewer samples columns look more parallel. So
its overlaps are too high, and its interval can miss the estimate itself. Copies also disturb
nearest neighbours and CKA. Here the samples are divided once into shards, stratified by class. The
sums of each shard (P'P, column sums) are stored, and a replicate is the total without one shard
(delete-a-group jackknife).

The same replicates show how the figure changes with the number of samples, so they also correct its
bias (Quenouille 1956): with `f` on all samples and `f_g` without shard g, the estimate is
`G f - (G - 1) mean_g f_g`, with limits `estimate +- t_{G-1} se` and
`se^2 = (G - 1) / G sum_g (f_g - mean f)^2` (Tukey 1958; Wolter 2007, ch. 4). Without the correction
the 95 % intervals of overlap held the right value in 63 to 80 % of simulated test sets of 1,208
images, since overlap comes out too high by about one standard error; `benchmarks/coverage.py`
measures what they hold now.

At matched mean entropy each replicate has its own temperature (`rematching.py`). If entropy is
matched per image, each temperature depends on one sample, so the replicates are exact. Class
weights and the temperature of a cross Gram are fixed in the replicates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bickd_core.geometry import checks, similarity
from bickd_core.geometry.intervals import FEWEST, LEVEL, Interval, interval
from bickd_core.geometry.probabilities import pass_dtype, row_blocks
from bickd_core.geometry.scipy_functions import stdtrit
from bickd_core.geometry.shards import checked_shard


def jackknife_error(replicates: np.ndarray) -> np.ndarray:
    """Standard error from the G replicates along the first axis, `sqrt((G - 1) / G sum_g (f_g -
    mean f)^2)`."""
    groups = len(replicates)
    return np.sqrt(
        (groups - 1) / groups * np.sum((replicates - replicates.mean(axis=0)) ** 2, axis=0)
    )


def bias_corrected(
    values: np.ndarray, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> np.ndarray:
    """The figure without its bias of order 1 / N: `G f - (G - 1) mean_g f_g`, clipped to `bounds`.

    Args:
        values: [1 + G, ...] the figure on all samples, then without each of the G shards.
        bounds: range of the figure.

    Returns:
        [...]; the figure on all samples where there are fewer than two shards or a replicate is not
        finite.

    >>> round(float(bias_corrected(np.array([1.0, 1.1, 1.1]))), 6)  # halving the samples added 0.1
    0.9
    """
    whole, replicates = values[0], values[1:]
    groups = len(replicates)
    if groups < 2:
        return np.clip(whole, *bounds)
    corrected = groups * whole - (groups - 1) * replicates.mean(axis=0)
    return np.clip(np.where(np.isfinite(replicates).all(axis=0), corrected, whole), *bounds)


def jackknife_interval(
    value: float | None,
    replicates: np.ndarray | None,
    *,
    n: int,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    correct: bool = True,
) -> Interval | None:
    """Interval around the bias-corrected estimate from the G leave-one-shard-out replicates.

    Args:
        value: the figure on all samples; it becomes `Interval.raw`.
        replicates: [G] the figure without each shard.
        n: samples.
        bounds: range of the figure.
        correct: False leaves the estimate as it is, for a figure that is hardly biased and is shown
            elsewhere as the formula gives it.

    Returns:
        Interval; without limits below `FEWEST` samples; without limits and correction when a
        replicate is not defined or G < 2; None when the figure itself is not defined.
    """
    if value is None or not np.isfinite(value):
        return None
    value = float(value)
    replicates = np.zeros(0) if replicates is None else replicates
    groups = len(replicates)
    half = None
    if groups > 1 and n >= FEWEST and np.isfinite(replicates).all():
        half = float(stdtrit(groups - 1, (1 + LEVEL) / 2) * jackknife_error(replicates))
    estimate = value
    if correct:
        estimate = float(bias_corrected(np.concatenate([[value], replicates]), bounds))
    method = f"jackknife over {groups} shards"
    return interval(estimate, half, method=method, n=n, bounds=bounds, raw=value)


@dataclass(frozen=True)
class Replicated:
    """A figure on all samples, and without each shard of them.

    Attributes:
        value: the figure on all samples, without a correction.
        replicates: [G] the figure without shard g; empty if too few samples would be left.
        n: number of samples.
        bounds: range of the figure.
        limited: False if the figure needs more samples for an interval.
    """

    value: float
    replicates: np.ndarray
    n: int
    bounds: tuple[float, float]
    limited: bool = True

    @property
    def estimate(self) -> float:
        """The bias-corrected figure, the centre of `interval`."""
        return float(bias_corrected(np.concatenate([[self.value], self.replicates]), self.bounds))

    def interval(self) -> Interval:
        """Return the jackknife interval over the shards. It has no limits without replicates, or if
        `limited` is False."""
        interval = jackknife_interval(self.value, self.replicates, n=self.n, bounds=self.bounds)
        assert interval is not None, "a value is finite"
        return interval if self.limited else interval.without_limits()


def mean_replicated(figures: Sequence[Replicated]) -> Replicated:
    """Return the mean of a figure over several models, computed on the same shards."""
    first = figures[0]
    return Replicated(
        float(np.mean([figure.value for figure in figures])),
        np.mean([figure.replicates for figure in figures], axis=0),
        first.n,
        first.bounds,
        all(figure.limited for figure in figures),
    )


def replicated_difference(first: Replicated | None, second: Replicated | None) -> Interval | None:
    """Return the first figure minus the second, paired over the same shards.

    Raises:
        ValueError: their numbers of samples or shards differ.
    """
    if first is None or second is None:
        return None
    if (first.n, len(first.replicates)) != (second.n, len(second.replicates)):
        raise ValueError(
            f"first and second must come from the same shards of the same samples, got {first.n}"
            f" samples in {len(first.replicates)} shards and {second.n} in"
            f" {len(second.replicates)}: pass one result of stratified_shards to both."
        )
    interval = jackknife_interval(
        first.value - second.value, first.replicates - second.replicates, n=first.n
    )
    if interval is None or (first.limited and second.limited):
        return interval
    return interval.without_limits()


@dataclass(frozen=True)
class CkaSide:
    """One representation, ready to be compared with several others on the same shards.

    Attributes:
        rows: [N, D] as they came, or with fewer columns where D > N.
        mean: [D] of the columns.
        shard: [N] from `stratified_shards`.
        dtype: of the products: float32 for large N x D.
        own: [1 + G] debiased HSIC with itself, of all samples and without each shard; NaN below 4
            samples.
        logits: whether the rows are logits.
    """

    rows: np.ndarray
    mean: np.ndarray
    shard: np.ndarray
    dtype: type[np.floating]
    own: np.ndarray
    logits: bool = False

    def by_shard(self) -> Iterator[np.ndarray]:
        """Yield the rows of each shard minus the mean, as `centred_by_shard` does."""
        mean = self.mean.astype(self.dtype)
        return centred_by_shard(self.rows, mean, self.shard, logits=self.logits)


def cka_side(
    X: np.ndarray,
    shard: np.ndarray,
    *,
    own: np.ndarray | None = None,
    logits: bool = False,
) -> CkaSide:
    """Prepare one side of a CKA. The teacher's side can be used for several students.

    Args:
        X: [N, D]; an array mapped from a file is read block by block.
        shard: [N] from `stratified_shards`.
        own: of an earlier side of these rows on these shards, if it is known.
        logits: whether the rows are logits, see `without_constants`.
    """
    X = np.asarray(X)
    shard = checked_shard(shard, len(X))
    dtype = pass_dtype(X)
    if X.ndim != 2 or X.shape[1] > X.shape[0]:
        if logits:
            X, logits = similarity.without_constants(X), False
        X = similarity.reduced_pair(X, X)[0]
    mean = np.zeros(X.shape[1])
    for rows in row_blocks(*X.shape):
        total = X[rows].astype(dtype, copy=False).sum(axis=0)
        if not np.isfinite(total).all():
            checks.matrix(X[rows], "X")
        mean += total
    known = np.zeros(0) if own is None else own
    side = CkaSide(X, mean / len(X), shard, dtype, known, logits)
    return replace(side, own=_hsics(side, side)) if own is None else side


def cka_between(first: CkaSide, second: CkaSide) -> Replicated | None:
    """Debiased linear CKA of two sides on the same shards, with its replicates."""
    if not np.array_equal(first.shard, second.shard):
        raise ValueError(
            "both sides must come from the same shards, got others: pass one result of"
            " stratified_shards to both."
        )
    n = len(first.rows)
    across = first.own if first is second else _hsics(first, second)
    values = [similarity.ratio(*three) for three in zip(across, first.own, second.own, strict=True)]
    if n < 4 or values[0] is None:
        return None
    replicates = np.array([np.nan if value is None else value for value in values[1:]])
    if not np.isfinite(across).all():  # too few samples are left without some shard
        replicates = np.zeros(0)
    return Replicated(values[0], replicates, n, (-1.0, 1.0))


def _hsics(first: CkaSide, second: CkaSide) -> np.ndarray:
    """Debiased HSIC of all samples, then without each shard [1 + G]; NaN below 4 samples."""
    if first is second:
        return similarity.without_each([similarity.moments(X, X) for X in first.by_shard()])
    both = zip(first.by_shard(), second.by_shard(), strict=True)
    return similarity.without_each([similarity.moments(X, Y) for X, Y in both])


def centred_by_shard(
    rows: np.ndarray, mean: np.ndarray, shard: np.ndarray, *, logits: bool = False
) -> Iterator[np.ndarray]:
    """Yield the rows [N, D] of each shard minus `mean` [D], in the type of the mean.

    Rows of logits are without their constants too, see `similarity.without_constants`. All are in
    one array: memory that is new for every shard would take longer than the rows.
    """
    order = np.argsort(shard, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(shard))[:-1])
    room = np.empty((max(map(len, members)), rows.shape[1]), mean.dtype)
    for positions in members:
        part = room[: len(positions)]
        if rows.dtype == part.dtype:
            np.take(rows, positions, axis=0, out=part, mode="clip")
        else:
            part[...] = rows[positions]
        part -= mean
        if logits:
            part -= part.mean(axis=1, keepdims=True)
        yield part
