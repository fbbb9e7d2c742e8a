"""Intervals over samples for figures that duplicates would bias: a delete-a-group jackknife over kept shards.

A bootstrap holds fewer distinct samples than there are, and with fewer samples columns look more parallel:
its overlaps come out too high, so that its interval can miss the estimate itself (copies likewise disturb
nearest neighbours and CKA). Here the samples are dealt once into shards, stratified by class; each shard's
sums (P'P, column sums) are kept, and a replicate is the total without one shard. The estimate is the figure
on all samples, with limits `estimate +- t_{G-1} se`, `se^2 = (G - 1) / G sum_g (f_g - mean f)^2` (Tukey
1958; Wolter 2007, ch. 4), so that the estimate is always inside.

At matched entropy the temperature is the one found on all samples, held fixed in the replicates: the
interval does not hold the small uncertainty of that temperature. Class weights are held fixed in the same
way.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy.special import stdtrit

from bickd_core.geometry import similarity
from bickd_core.geometry.intervals import Interval, check_level, interval
from bickd_core.geometry.shards import checked_shard


def jackknife_error(replicates: np.ndarray) -> np.ndarray:
    """Standard error from the G replicates along the first axis, `sqrt((G - 1) / G sum_g (f_g - mean f)^2)`."""
    groups = len(replicates)
    return np.sqrt((groups - 1) / groups * np.sum((replicates - replicates.mean(axis=0)) ** 2, axis=0))


def jackknife_interval(
    estimate: float | None,
    replicates: np.ndarray | None,
    *,
    n: int,
    level: float = 0.95,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Interval | None:
    """Interval from the G leave-one-shard-out replicates [G]; no limits when one of them is not defined or
    G < 2.
    """
    check_level(level)
    if estimate is None or not np.isfinite(estimate):
        return None
    replicates = np.zeros(0) if replicates is None else replicates
    groups = len(replicates)
    half = None
    if groups > 1 and np.isfinite(replicates).all():
        half = float(stdtrit(groups - 1, (1 + level) / 2) * jackknife_error(replicates))
    method = f"jackknife over {groups} shards"
    return interval(estimate, half, level=level, method=method, n=n, bounds=bounds)


@dataclass(frozen=True)
class Replicated:
    """A figure on all samples, and without each shard of them.

    Attributes:
        estimate: the figure on all samples.
        replicates: [G] the figure without shard g, from one result of `stratified_shards`; empty where too few
            samples are left.
        n: samples behind the estimate.
        bounds: range of the figure.
    """

    estimate: float
    replicates: np.ndarray
    n: int
    bounds: tuple[float, float]

    def interval(self, level: float = 0.95) -> Interval:
        """Jackknife interval over the shards; without limits where there are no replicates."""
        found = jackknife_interval(self.estimate, self.replicates, n=self.n, level=level, bounds=self.bounds)
        assert found is not None, "an estimate is finite"
        return found


def replicated_difference(
    first: Replicated | None, second: Replicated | None, *, level: float = 0.95
) -> Interval | None:
    """The first figure less the second, paired: both on the same shards of the same samples.

    Raises:
        ValueError: they have other numbers of samples or shards.
    """
    if first is None or second is None:
        return None
    if (first.n, len(first.replicates)) != (second.n, len(second.replicates)):
        raise ValueError(
            f"first and second must come from the same shards of the same samples, got {first.n} samples in "
            f"{len(first.replicates)} shards and {second.n} in {len(second.replicates)}: pass one result of "
            "stratified_shards to both."
        )
    return jackknife_interval(
        first.estimate - second.estimate, first.replicates - second.replicates, n=first.n, level=level
    )


def replicated_cka(X: np.ndarray, Y: np.ndarray, shard: np.ndarray) -> Replicated | None:
    """Debiased linear CKA and its replicates, from each shard's moments.

    Args:
        X, Y: [N, D], [N, E] on the same samples.
        shard: [N] from `stratified_shards`.

    Returns:
        Replicated, at most 1; None where CKA is not defined (fewer than 4 samples, or rows that do not vary).
    """
    X, Y = similarity.reduced_pair(X, Y)
    return cka_between(_side(X, shard), _side(Y, shard))


@dataclass(frozen=True)
class CkaSide:
    """One representation, ready to be compared with several others on the same shards.

    Attributes:
        rows: [N, D] centred, shard after shard.
        ends: where each shard ends.
        own: [1 + G] debiased HSIC with itself, of all samples and without each shard; NaN below 4 samples.
    """

    rows: np.ndarray
    ends: tuple[int, ...]
    own: np.ndarray


def cka_side(X: np.ndarray, shard: np.ndarray) -> CkaSide:
    """One side of a CKA: make the teacher's once for several students."""
    return _side(similarity.reduced_pair(X, X)[0], shard)


def cka_between(first: CkaSide, second: CkaSide) -> Replicated | None:
    """Debiased linear CKA of two sides that were made with the same shards, and its replicates."""
    if first.ends != second.ends:
        raise ValueError(
            f"both sides must come from the same shards, got {len(first.ends)} and {len(second.ends)} that end "
            "elsewhere: pass one result of stratified_shards to both."
        )
    n = len(first.rows)
    across = _hsics(first.rows, second.rows, first.ends)
    values = [similarity.ratio(*three) for three in zip(across, first.own, second.own, strict=True)]
    if n < 4 or values[0] is None:
        return None
    replicates = np.array([np.nan if value is None else value for value in values[1:]])
    if not np.isfinite(across).all():  # too few samples are left without some shard
        replicates = np.zeros(0)
    return Replicated(values[0], replicates, n, (-1.0, 1.0))


def _side(X: np.ndarray, shard: np.ndarray) -> CkaSide:
    """`X` is reduced already."""
    shard = checked_shard(shard, len(X))
    rows, ends = X[np.argsort(shard, kind="stable")], tuple(np.cumsum(np.bincount(shard)).tolist())
    return CkaSide(rows, ends, _hsics(rows, rows, ends))


def _hsics(X: np.ndarray, Y: np.ndarray, ends: tuple[int, ...]) -> np.ndarray:
    """Debiased HSIC of all samples, then without each shard [1 + G]; NaN below 4 samples."""
    parts = [similarity.moments(X[a:b], Y[a:b]) for a, b in zip((0, *ends), ends, strict=False)]
    whole = reduce(similarity.Moments.plus, parts)
    every = [whole, *(whole.minus(part) for part in parts)]
    return np.array([similarity.hsic(m) if m.n > 3 else np.nan for m in every])
