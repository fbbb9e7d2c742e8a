"""Representational similarity analysis (RSA): do two models have the same near and far pairs of
samples?

RSA is Spearman's correlation of the two models' distances over all pairs of samples. Monotone
changes of the distances do not affect it (Kriegeskorte, Mur, Bandettini 2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.jackknife import Replicated
from bickd_core.geometry.shards import checked_shard
from bickd_core.geometry.similarity import PermutedNull

EXACT_UP_TO = 1_500
"""Samples up to which all pairs are ranked (1.1 million); above, `rsa_sample` draws that many."""
_STEPS = 2**31
"""Squared distances are told apart in this many steps of the greatest: what differs by less is
rounding, and a tie."""


@dataclass(frozen=True)
class RankedDistances:
    """The distances of one model's samples as ranks.

    Attributes:
        codes: int32 [M] for the M = n (n - 1) / 2 pairs i < j in order: place of the pair's
            distance among the distinct distances.
        grades: float64 [M] (average rank - 1/2) / M, in (0, 1) with mean 1/2.
        own: float64 [M] influence of each pair on the variance of the grades: 0 but for ties.
        n: samples.
    """

    codes: np.ndarray
    grades: np.ndarray
    own: np.ndarray
    n: int

    @property
    def variance(self) -> float:
        """Variance of the grades; 0 if all distances are equal."""
        return float(self.grades @ self.grades) / len(self.grades) - 0.25


def rsa_sample(n: int, labels: np.ndarray | None = None, *, most: int = EXACT_UP_TO) -> np.ndarray:
    """Return the positions of the samples to use: all n, or a stratified draw of `most`.

    Args:
        n: samples.
        labels: [n] true classes; None draws from all alike.
        most: at least 4.

    Returns:
        Sorted positions, int64 [min(n, most)].
    """
    if n < 1 or most < 4:
        raise ValueError(f"n must be at least 1 and most at least 4, got {n!r} and {most!r}.")
    if n <= most:
        return np.arange(n)
    keys = np.random.default_rng(0).random(n)
    strata = (
        np.zeros(n) if labels is None else checks.labels_for(labels, n, None, "a stratified draw")
    )
    by_class = np.lexsort((keys, strata))
    return np.sort(by_class[np.arange(most) * n // most])


def ranked_distances(
    rows: np.ndarray, metric: Literal["hellinger", "euclidean"] = "hellinger"
) -> RankedDistances:
    """Rank the distances between all pairs of rows.

    Args:
        rows: [n, C] probabilities for Hellinger's distance, or [n, D] features for the Euclidean
            one.

    Raises:
        ValueError: another metric, fewer than 3 rows, or negative probabilities.
    """
    if metric == "hellinger":
        roots = np.sqrt(checks.probabilities(rows, "rows"))
        squared, size = 1.0 - roots @ roots.T, 1.0
    elif metric == "euclidean":
        X = checks.matrix(rows, "rows")
        size = max(float(np.einsum("ij,ij->", X, X)) / len(X), 1e-200)
        X = X - X.mean(axis=0)
        lengths = np.einsum("ij,ij->i", X, X)
        squared = lengths[:, None] + lengths[None, :] - 2.0 * (X @ X.T)
    else:
        raise ValueError(f"metric must be hellinger or euclidean, got {metric!r}.")
    n = len(squared)
    if n < 3:
        raise ValueError(f"rows must be at least 3 for distances to be ranked, got {n}.")
    values = np.clip(squared[_upper(n)], 0.0, None)
    top = max(
        float(values.max()), _STEPS * 1e-15 * size
    )  # no finer than the rounding of the products
    steps = np.rint(values * (_STEPS / top)).astype(np.uint32)
    order = _argsort(steps)
    ordered = steps[order]
    codes = np.empty(len(steps), dtype=np.int32)
    codes[order] = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])])
    counts = np.bincount(codes)
    grades = (np.cumsum(counts) - 0.5 * counts) / len(steps)
    square = float(counts @ grades**2) / len(steps)
    influence = grades**2 - square + 2.0 * (_farther(counts * grades) / len(steps) - square)
    return RankedDistances(codes, grades[codes], influence[codes], n)


def _upper(n: int) -> np.ndarray:
    """bool [n, n], True above the diagonal."""
    return np.triu(np.ones((n, n), dtype=bool), k=1)


def _argsort(keys: np.ndarray) -> np.ndarray:
    """The order of uint32 keys: key and place in one number, which is sorted as it is."""
    places = np.arange(len(keys), dtype=np.uint64)
    return np.sort(keys.astype(np.uint64) << np.uint64(32) | places) & np.uint64(0xFFFFFFFF)


def _farther(sums: np.ndarray) -> np.ndarray:
    """For each distinct distance, the total of `sums` over the greater ones and half of its own."""
    return sums.sum() - np.cumsum(sums) + 0.5 * sums


def rsa(first: RankedDistances, second: RankedDistances, shard: np.ndarray) -> Replicated | None:
    """Spearman's correlation of two models' distances on the same samples, -1 to 1, with
    replicates.

    `rho = (mean u v - 1/4) / sqrt((mean u^2 - 1/4) (mean v^2 - 1/4))` over pairs, u and v their
    grades.

    The figure without shard g is taken to first order, `rho - N / (N - N_g) sum_{i in g} d rho / d
    w_i` with a weight w_i on each sample and w_i w_j on each pair (the infinitesimal jackknife:
    Jaeckel 1972), so that no ranking per shard is needed. The derivative includes the effect of a
    pair on the ranks of all others.

    Args:
        first, second: from `ranked_distances`.
        shard: [n] from `stratified_shards`.

    Returns:
        Replicated; None where the distances of a model are all the same.
    """
    _check_same(first, second)
    shard = checked_shard(shard, first.n)
    spread = first.variance * second.variance
    if spread <= 0:
        return None
    u, v = first.grades, second.grades
    mixed = float(u @ v) / len(u)
    rho = (mixed - 0.25) / np.sqrt(spread)
    joint = u * v - mixed + _owed(first, v) - mixed + _owed(second, u) - mixed
    influence = joint / np.sqrt(spread)
    for model in (first, second):
        influence -= rho / (2.0 * model.variance) * model.own
    pairs = np.zeros((first.n, first.n))
    pairs[_upper(first.n)] = influence
    derivative = (pairs.sum(axis=0) + pairs.sum(axis=1)) / len(u)
    sizes = np.bincount(shard)
    if len(sizes) < 2:
        return Replicated(float(rho), np.zeros(0), first.n, (-1.0, 1.0))
    part = np.bincount(shard, weights=derivative)
    return Replicated(float(rho), rho - first.n / (first.n - sizes) * part, first.n, (-1.0, 1.0))


def _owed(model: RankedDistances, other: np.ndarray) -> np.ndarray:
    """For each pair l, the sum of `other` over the pairs that are farther than l, ties by half,
    over M: [M]."""
    return (_farther(np.bincount(model.codes, weights=other)) / len(other))[model.codes]


def rsa_null(
    first: RankedDistances, second: RankedDistances, *, permutations: int = 50, seed: int = 0
) -> PermutedNull:
    """Permutation null of RSA (Mantel 1967), with the samples of the second model in random order.

    Args:
        permutations: B, at least 1; the smallest p value is 1 / (1 + B).
        seed: of the shuffles.
    """
    _check_same(first, second)
    if permutations < 1:
        raise ValueError(f"permutations must be at least 1, got {permutations!r}: try 50.")
    spread = first.variance * second.variance
    if spread <= 0:
        return PermutedNull.of(None)
    scale = len(first.grades) * np.sqrt(spread)
    observed = float((first.grades - 0.5) @ (second.grades - 0.5) / scale)
    A, B = _square(first), _square(second)
    random = np.random.default_rng(seed)
    values = []
    for _ in range(permutations):
        order = random.permutation(first.n)
        values.append(float(np.vdot(A, B.take(order, axis=0).take(order, axis=1))) / 2.0 / scale)
    return PermutedNull.of(observed, values)


def _square(ranked: RankedDistances) -> np.ndarray:
    """Centred grades as a symmetric [n, n], 0 on the diagonal; single precision is enough for a
    null."""
    square = np.zeros((ranked.n, ranked.n), dtype=np.float32)
    square[_upper(ranked.n)] = ranked.grades - 0.5
    return square + square.T


def _check_same(first: RankedDistances, second: RankedDistances) -> None:
    if first.n != second.n:
        raise ValueError(
            f"first and second must be distances of the same samples, got {first.n} and {second.n}:"
            " align them first."
        )
