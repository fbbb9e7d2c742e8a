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


def cka_interval(X: np.ndarray, Y: np.ndarray, shard: np.ndarray, *, level: float = 0.95) -> Interval | None:
    """Debiased linear CKA with its jackknife interval, from each shard's moments.

    Args:
        X, Y: [N, D], [N, E] on the same samples.
        shard: [N] from `stratified_shards`.
        level: nominal coverage.

    Returns:
        Interval, at most 1; None where CKA is not defined (fewer than 4 samples, or rows that do not vary).
    """
    X, Y = similarity.reduced_pair(X, Y)
    n = len(X)
    shard = checked_shard(shard, n)
    if n < 4:
        return None
    order, ends = np.argsort(shard, kind="stable"), np.cumsum(np.bincount(shard)).tolist()
    X, Y = X[order], Y[order]
    parts, wholes = [], []
    for a, b in ((X, Y), (X, X), (Y, Y)):
        by_shard = [
            similarity.moments(a[start:end], b[start:end])
            for start, end in zip([0, *ends], ends, strict=False)
        ]
        parts.append(by_shard)
        wholes.append(reduce(similarity.Moments.plus, by_shard))
    estimate = similarity.ratio(*(similarity.hsic(m) for m in wholes))
    if estimate is None:
        return None
    if n - max(part.n for part in parts[0]) < 4:
        return jackknife_interval(estimate, None, n=n, level=level)
    replicates = []
    for g in range(len(ends)):
        rest = (whole.minus(part[g]) for whole, part in zip(wholes, parts, strict=True))
        value = similarity.ratio(*(similarity.hsic(m) for m in rest))
        replicates.append(np.nan if value is None else value)
    return jackknife_interval(estimate, np.array(replicates), n=n, level=level, bounds=(-1.0, 1.0))
