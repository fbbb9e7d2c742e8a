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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import entr, stdtrit

from bickd_core.geometry import checks, similarity
from bickd_core.geometry.calibration import confidence_bins
from bickd_core.geometry.intervals import Interval, check_level, interval
from bickd_core.geometry.orthogonality import class_weights, empty_columns
from bickd_core.geometry.shards import checked_shard


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
        error = np.sqrt((groups - 1) / groups * np.sum((replicates - replicates.mean()) ** 2))
        half = float(stdtrit(groups - 1, (1 + level) / 2) * error)
    method = f"jackknife over {groups} shards"
    return interval(estimate, half, level=level, method=method, n=n, bounds=bounds)


@dataclass(frozen=True)
class ShardGrams:
    """Sums of one model's probabilities by shard, from which class-wise figures and their intervals follow.

    Attributes:
        products: [G, C, C] weighted P'P of each shard.
        sums: [G, C] weighted column sums.
        weights: [G] sum of weights.
        shard: [N] the deal they were made with.
    """

    products: np.ndarray
    sums: np.ndarray
    weights: np.ndarray
    shard: np.ndarray

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.shard)


def shard_grams(
    P: np.ndarray, shard: np.ndarray, *, labels: np.ndarray | None = None, balanced: bool = False
) -> ShardGrams:
    """One pass over P: the sums of each shard, to be kept.

    Args:
        P: [N, C] probabilities.
        shard: [N] from `stratified_shards`.
        labels: [N] true classes, needed when balanced.
        balanced: weight each sample by one over the size of its class.
    """
    P = checks.probabilities(P)
    n, n_classes = P.shape
    shard = checked_shard(shard, n)
    weights = np.ones(n)
    if balanced:
        weights = class_weights(checks.labels_for(labels, n, n_classes, "class-balanced geometry"))
    order = np.argsort(shard, kind="stable")
    ends = np.cumsum(np.bincount(shard))
    rows, w = P[order], weights[order]
    products, sums = np.empty((len(ends), n_classes, n_classes)), np.empty((len(ends), n_classes))
    start = 0
    for g, end in enumerate(ends):
        part, weight = rows[start:end], w[start:end]
        weighted = part * weight[:, None] if balanced else part
        np.matmul(weighted.T, part, out=products[g])
        sums[g] = weight @ part
        start = end
    return ShardGrams(products, sums, np.bincount(shard, weights=weights), shard)


@dataclass(frozen=True)
class ClassFigures:
    """Class-wise headline figures with intervals; None where fewer than two classes are usable."""

    overlap: Interval | None
    score: Interval | None
    effective_rank: Interval | None
    n_classes_used: int


def class_figures(
    grams: ShardGrams, *, centred: bool = False, level: float = 0.95, effective_rank: bool = True
) -> ClassFigures:
    """Overlap, orthogonality score and effective rank with jackknife intervals, from kept sums.

    Args:
        grams: from `shard_grams`.
        centred: Pearson correlations in place of cosines.
        level: nominal coverage.
        effective_rank: False saves its eigenvalues (C^3 a replicate).
    """
    G, used = _replicated_grams(grams, centred)
    n_classes = G.shape[-1]
    values = {"overlap": _overlaps(G, used), "score": _scores(G, used)}
    if effective_rank:
        values["effective_rank"] = _ranks(G, used)
    bounds = {
        "overlap": (-1.0 if centred else 0.0, 1.0),
        "score": (0.0, 1.0),
        "effective_rank": (1.0, float(n_classes)),
    }
    made = {
        name: jackknife_interval(v[0], v[1:], n=grams.n, level=level, bounds=bounds[name])
        if used[0] > 1
        else None
        for name, v in values.items()
    }
    return ClassFigures(made["overlap"], made["score"], made.get("effective_rank"), int(used[0]))


def overlap_interval(grams: ShardGrams, *, centred: bool = False, level: float = 0.95) -> Interval | None:
    """Overlap (mean off-diagonal of the class Gram) with its jackknife interval; None below two usable
    classes.

    For matched entropy, make `grams` from probabilities at the temperature that `matched_temperature` found
    on all samples; it stays fixed in the replicates.
    """
    G, used = _replicated_grams(grams, centred)
    if used[0] < 2:
        return None
    values = _overlaps(G, used)
    return jackknife_interval(
        values[0], values[1:], n=grams.n, level=level, bounds=(-1.0 if centred else 0.0, 1.0)
    )


def paired_overlap_difference(
    first: ShardGrams, second: ShardGrams, *, centred: bool = False, level: float = 0.95
) -> Interval | None:
    """Overlap of the first model less that of the second, on the same shards; None below two usable classes.

    Raises:
        ValueError: the two were not made with the same deal of samples into shards.
    """
    return mean_overlap_difference([first], [second], centred=centred, level=level)


def mean_overlap_difference(
    first: Sequence[ShardGrams], second: Sequence[ShardGrams], *, centred: bool = False, level: float = 0.95
) -> Interval | None:
    """Mean overlap of some models (the seeds of one method) less that of others, on the same shards.

    Args:
        first, second: the models' shard Grams, at least one each, all from one result of `stratified_shards`.

    Returns:
        Interval over samples; None where a model has fewer than two usable classes. It does not hold the spread
        over seeds.

    Raises:
        ValueError: some were made with another deal of samples into shards.
    """
    reference = first[0]
    for grams in (*first, *second):
        if not np.array_equal(reference.shard, grams.shard):
            raise ValueError(
                f"first and second must come from the same shards of the same samples, got {reference.n} and "
                f"{grams.n} samples dealt otherwise: pass one result of stratified_shards to both."
            )
    means = []
    for group in (first, second):
        replicated = [_replicated_grams(grams, centred) for grams in group]
        if any(used[0] < 2 for _, used in replicated):
            return None
        means.append(np.mean([_overlaps(G, used) for G, used in replicated], axis=0))
    gap = means[0] - means[1]
    return jackknife_interval(gap[0], gap[1:], n=reference.n, level=level)


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
    pairs = ((X, Y), (X, X), (Y, Y))
    whole = [similarity.moments(a, b) for a, b in pairs]
    estimate = similarity.ratio(*(similarity.hsic(m) for m in whole))
    if estimate is None:
        return None
    replicates = []
    for g in range(shard.max() + 1):
        members = np.flatnonzero(shard == g)
        if n - len(members) < 4:
            return jackknife_interval(estimate, None, n=n, level=level)
        rest = [
            m.minus(similarity.moments(a[members], b[members]))
            for m, (a, b) in zip(whole, pairs, strict=True)
        ]
        value = similarity.ratio(*(similarity.hsic(m) for m in rest))
        replicates.append(np.nan if value is None else value)
    return jackknife_interval(estimate, np.array(replicates), n=n, level=level, bounds=(-1.0, 1.0))


def calibration_interval(
    P: np.ndarray, labels: np.ndarray, shard: np.ndarray, *, bins: int = 15, level: float = 0.95
) -> Interval | None:
    """Expected calibration error in equal-width bins with its jackknife interval, from each shard's bin sums.

    The absolute values bend the figure near 0, where the interval is rough.
    """
    P = checks.probabilities(P)
    n = len(P)
    labels = checks.labels_for(labels, len(P), P.shape[1], "calibration")
    shard = checked_shard(shard, n)
    confidence = P.max(axis=1)
    gap = confidence - (P.argmax(axis=1) == labels)
    index = confidence_bins(confidence, bins, "width")[1]
    groups = shard.max() + 1
    sums = np.bincount(shard * bins + index, weights=gap, minlength=groups * bins).reshape(groups, bins)
    total = sums.sum(axis=0)
    left = n - np.bincount(shard)
    replicates = np.abs(total - sums).sum(axis=1) / left if groups > 1 else None
    return jackknife_interval(float(np.abs(total).sum() / n), replicates, n=n, level=level, bounds=(0.0, 1.0))


def _replicated_grams(grams: ShardGrams, centred: bool) -> tuple[np.ndarray, np.ndarray]:
    """Grams [1 + G, C, C], first of all samples, then without each shard; and their usable classes [1 +
    G].
    """
    product, total = grams.products.sum(axis=0), grams.sums.sum(axis=0)
    M = (
        np.concatenate([product[None], product - grams.products])
        if len(grams.weights) > 1
        else product[None].copy()
    )
    sums = np.concatenate([total[None], total - grams.sums])[: len(M)]
    weight = np.concatenate([[grams.weights.sum()], grams.weights.sum() - grams.weights])[: len(M)]
    if centred:
        M -= sums[:, :, None] * sums[:, None, :] / weight[:, None, None]
    norms = np.sqrt(np.clip(np.einsum("gcc->gc", M), 0.0, None))
    empty = empty_columns(norms, weight[:, None])
    scale = np.where(empty, 0.0, 1.0 / np.where(empty, 1.0, norms))
    M *= scale[:, :, None]
    M *= scale[:, None, :]
    return M, (~empty).sum(axis=1)


def _overlaps(G: np.ndarray, used: np.ndarray) -> np.ndarray:
    return _per_pair(G.sum(axis=(1, 2)) - used, used)


def _scores(G: np.ndarray, used: np.ndarray) -> np.ndarray:
    return 1.0 - np.sqrt(np.clip(_per_pair(np.einsum("gcd,gcd->g", G, G) - used, used), 0.0, None))


def _ranks(G: np.ndarray, used: np.ndarray) -> np.ndarray:
    values = np.clip(np.linalg.eigvalsh(G), 0.0, None)
    return np.exp(entr(values / np.maximum(values.sum(axis=1, keepdims=True), 1e-300)).sum(axis=1))


def _per_pair(total: np.ndarray, used: np.ndarray) -> np.ndarray:
    pairs = used * (used - 1)
    return np.where(pairs > 0, total / np.maximum(pairs, 1), np.nan)
