"""Orthogonal Procrustes distance of two representations, after the best rotation and scale."""

from __future__ import annotations

import numpy as np

from bickd_core.geometry.jackknife import Replicated
from bickd_core.geometry.shards import checked_shard
from bickd_core.geometry.similarity import PermutedNull, reduced_pair

SAMPLES_A_COLUMN = 10
"""Samples for each column of the narrower side from which Procrustes distance has an interval: with
fewer the bias no longer falls as 1 / N, so that the jackknife does not correct it."""


def procrustes(X: np.ndarray, Y: np.ndarray, shard: np.ndarray | None = None) -> Replicated | None:
    """Normalised orthogonal Procrustes distance, 0 (the same up to rotation, scale and shift) to 1,
    with replicates.

        d = sqrt(1 - ||X'Y||_* / (||X||_F ||Y||_F)) = min_Q ||X / ||X||_F - Y Q / ||Y||_F||_F /
        sqrt(2)

    The columns of X and Y are centred, the narrower one is padded with zeros, Q is orthogonal, and
    ||.||_* is the sum of singular values. The distance is a metric. Unrelated representations are
    below 1, especially with many columns for few samples, so compare it with `procrustes_null`. The
    jackknife corrects this bias from `SAMPLES_A_COLUMN` samples per column; with fewer there is no
    interval.

    Args:
        X: [N, D]; Y: [N, E], on the same samples.
        shard: [N] from `stratified_shards`; None makes no replicates.

    Returns:
        Replicated, `limited` where the samples are enough for an interval; None where the rows of
        one do not vary.

    Source: Schoenemann 1966 for the rotation; Williams, Kunz, Kornblith, Linderman 2021 for the
    distance on shapes.
    """
    X, Y = reduced_pair(X, Y)
    n = len(X)
    shard = np.zeros(n, dtype=np.int64) if shard is None else checked_shard(shard, n)
    groups = int(shard.max()) + 1
    cross = np.empty((groups, X.shape[1], Y.shape[1]))
    for g in range(groups):
        rows = shard == g
        cross[g] = X[rows].T @ Y[rows]
    whole = _distance(cross.sum(axis=0), *(np.sum(A**2) for A in (X, Y)))
    if whole is None:
        return None
    if groups < 2:
        return Replicated(whole, np.zeros(0), n, (0.0, 1.0))
    replicates = np.full(groups, np.nan)
    total = cross.sum(axis=0)
    for g in range(groups):
        others = shard != g
        means = [A[others].mean(axis=0) for A in (X, Y)]
        inner = total - cross[g] - others.sum() * np.outer(*means)
        squares = [np.sum((A[others] - mean) ** 2) for A, mean in zip((X, Y), means, strict=True)]
        without = _distance(inner, *squares)
        replicates[g] = np.nan if without is None else without
    limited = n >= SAMPLES_A_COLUMN * min(X.shape[1], Y.shape[1])
    return Replicated(whole, replicates, n, (0.0, 1.0), limited)


def procrustes_null(
    X: np.ndarray, Y: np.ndarray, *, permutations: int = 50, seed: int = 0
) -> PermutedNull:
    """The distance with the samples of Y shuffled. p_value counts shuffles with at most the
    observed distance.

    Args:
        permutations: B, at least 1; the smallest p value is 1 / (1 + B).
        seed: of the shuffles.
    """
    if permutations < 1:
        raise ValueError(f"permutations must be at least 1, got {permutations!r}: try 50.")
    X, Y = reduced_pair(X, Y)
    squares = [float(np.sum(A**2)) for A in (X, Y)]
    observed = _distance(X.T @ Y, *squares)
    if observed is None:
        return PermutedNull(None, np.zeros(0), 1.0, seed)
    random = np.random.default_rng(seed)
    distances = [
        _distance(X.T @ Y[random.permutation(len(Y))], *squares) for _ in range(permutations)
    ]
    values = np.sort(np.array(distances, dtype=np.float64))
    p_value = float((1 + (values <= observed).sum()) / (1 + permutations))
    return PermutedNull(observed, values, p_value, seed)


def _distance(cross: np.ndarray, first: float, second: float) -> float | None:
    """The distance from X'Y and the two squared norms; None if a norm is 0."""
    if first <= 0 or second <= 0:
        return None
    nuclear = float(np.linalg.svd(cross, compute_uv=False).sum())
    return float(np.sqrt(np.clip(1.0 - nuclear / np.sqrt(first * second), 0.0, 1.0)))
