"""Orthogonal Procrustes distance of two representations, after the best rotation and scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.jackknife import Replicated, centred_by_shard
from bickd_core.geometry.probabilities import pass_dtype, row_blocks
from bickd_core.geometry.shards import checked_shard
from bickd_core.geometry.similarity import PermutedNull, reduced_pair, without_constants

EXACT_COLUMNS = 200
"""Columns up to which each replicate is decomposed; beyond, its change is expanded to second
order."""
SAMPLES_A_COLUMN = 10
"""Samples for each column of the narrower side from which Procrustes distance has an interval: with
fewer the bias no longer falls as 1 / N, so that the jackknife does not correct it."""


def procrustes(
    X: np.ndarray, Y: np.ndarray, shard: np.ndarray | None = None, *, logits: bool = False
) -> Replicated | None:
    """Normalised orthogonal Procrustes distance, 0 (the same up to rotation, scale and shift) to 1,
    with replicates.

        d = sqrt(1 - ||X'Y||_* / (||X||_F ||Y||_F))
          = min_Q ||X / ||X||_F - Y Q / ||Y||_F||_F / sqrt(2)

    The columns of X and Y are centred, the narrower one is padded with zeros, Q is orthogonal, and
    ||.||_* is the sum of singular values. The distance is a metric. Unrelated representations are
    below 1, especially with many columns for few samples, so compare it with `procrustes_null`. The
    jackknife corrects this bias from `SAMPLES_A_COLUMN` samples per column; with fewer there is no
    interval.

    Args:
        X: [N, D]; Y: [N, E], on the same samples.
        shard: [N] from `stratified_shards`; None makes no replicates.
        logits: whether both are logits, see `similarity.without_constants`.

    Returns:
        Replicated, `limited` where the samples are enough for an interval; None where the rows of
        one do not vary.

    Source: Schoenemann 1966 for the rotation; Williams, Kunz, Kornblith, Linderman 2021 for the
    distance on shapes.
    """
    n = len(X)
    shard = np.zeros(n, dtype=np.int64) if shard is None else checked_shard(shard, n)
    if len(X) != len(Y) or max(np.shape(X)[1:] + np.shape(Y)[1:]) > n:
        if logits:
            X, Y, logits = without_constants(X), without_constants(Y), False
        X, Y = reduced_pair(X, Y)
    parts = _sums(X, Y, shard, logits)
    groups = len(parts)
    total = _total(parts)
    norms = _nuclear_norms(total.inner(), _inner_without_each(total, parts))
    whole = _distance_of(next(norms), *total.squares())
    if whole is None:
        return None
    if groups < 2:
        return Replicated(whole, np.zeros(0), n, (0.0, 1.0))
    others = [
        _distance_of(norm, *total.squares_without(part))
        for norm, part in zip(norms, parts, strict=True)
    ]
    replicates = np.array([np.nan if value is None else value for value in others])
    limited = n >= SAMPLES_A_COLUMN * min(X.shape[1], Y.shape[1])
    return Replicated(whole, replicates, n, (0.0, 1.0), limited)


@dataclass(frozen=True)
class _Sums:
    """X'Y, the column sums and the squares of some samples."""

    cross: np.ndarray
    x: np.ndarray
    y: np.ndarray
    xx: float
    yy: float
    n: int

    def inner(self) -> np.ndarray:
        """X'Y of the centred columns."""
        return self.cross - np.outer(self.x, self.y / max(self.n, 1)).astype(self.cross.dtype)

    def squares(self) -> tuple[float, float]:
        """Squared norms of the centred matrices."""
        n = max(self.n, 1)
        return self.xx - float(self.x @ self.x) / n, self.yy - float(self.y @ self.y) / n

    def squares_without(self, part: _Sums) -> tuple[float, float]:
        """Squared norms of the centred matrices without some samples."""
        x, y, n = self.x - part.x, self.y - part.y, max(self.n - part.n, 1)
        return self.xx - part.xx - float(x @ x) / n, self.yy - part.yy - float(y @ y) / n


def _total(parts: list[_Sums]) -> _Sums:
    cross = parts[0].cross.copy()
    for part in parts[1:]:
        cross += part.cross
    return _Sums(
        cross,
        np.sum([part.x for part in parts], axis=0),
        np.sum([part.y for part in parts], axis=0),
        sum(part.xx for part in parts),
        sum(part.yy for part in parts),
        sum(part.n for part in parts),
    )


def _inner_without_each(total: _Sums, parts: list[_Sums]) -> Iterator[np.ndarray]:
    """Yield X'Y of the centred columns without each part, in one array that is used again."""
    inner, product = np.empty_like(total.cross), np.empty_like(total.cross)
    for part in parts:
        x, y = (total.x - part.x), (total.y - part.y) / max(total.n - part.n, 1)
        np.multiply(x.astype(inner.dtype)[:, None], y.astype(inner.dtype), out=product)
        np.subtract(total.cross, part.cross, out=inner)
        inner -= product
        yield inner


def _sums(X: np.ndarray, Y: np.ndarray, shard: np.ndarray, logits: bool) -> list[_Sums]:
    """The sums of each shard, of rows minus a mean that need not be exact."""
    dtype = pass_dtype(X if X.size > Y.size else Y)
    means = []
    for name, Z in (("X", X), ("Y", Y)):
        mean = np.zeros(Z.shape[1])
        for rows in row_blocks(*Z.shape):
            mean += (
                checks.matrix(Z[rows], name).sum(axis=0)
                if dtype is np.float64
                else Z[rows].sum(axis=0)
            )
        means.append((mean / len(Z)).astype(dtype))
    parts = []
    for x, y in zip(
        *(
            centred_by_shard(Z, mean, shard, logits=logits)
            for Z, mean in zip((X, Y), means, strict=True)
        ),
        strict=True,
    ):
        ones = np.ones(len(x), dtype)
        squares = [float(np.einsum("ij,ij->i", z, z).sum(dtype=np.float64)) for z in (x, y)]
        sums = [(ones @ z).astype(np.float64) for z in (x, y)]
        parts.append(_Sums(x.T @ y, sums[0], sums[1], squares[0], squares[1], len(x)))
    return parts


def _nuclear_norms(whole: np.ndarray, others: Iterable[np.ndarray]) -> Iterator[float]:
    """Yield the nuclear norms of a matrix and of others near it, which may be one array in turn.

    Above `EXACT_COLUMNS` columns only the first is decomposed, `M = U S V'`. With `E = U' (N - M)
    V`, that of N is `sum S + tr E + sum_{i < j} (sqrt((s_i + s_j)^2 + (E_ij - E_ji)^2) - s_i -
    s_j)`, exact for two columns and to second order for more.
    """
    if min(whole.shape) <= EXACT_COLUMNS:
        for M in chain([whole], others):
            yield float(np.linalg.svd(M, compute_uv=False).sum())
        return
    if whole.shape[0] < whole.shape[1]:
        yield from _nuclear_norms(whole.T, (other.T for other in others))
        return
    U, s, Vt = np.linalg.svd(whole, full_matrices=False)
    pairs, norm = s[:, None] + s, float(s.sum(dtype=np.float64))
    yield norm
    difference, E, turned = np.empty_like(whole), np.empty_like(pairs), np.empty_like(pairs)
    for other in others:
        np.subtract(other, whole, out=difference)
        change = difference @ Vt.T
        np.matmul(U.T, change, out=E)
        np.subtract(E, E.T, out=turned)
        np.hypot(pairs, turned, out=turned)
        turned -= pairs
        outside = np.einsum("ij,ij->j", change, change) - np.einsum("ij,ij->j", E, E)
        tall = np.hypot(s, np.sqrt(np.clip(outside, 0.0, None))) - s
        added = np.trace(E, dtype=np.float64) + turned.sum(dtype=np.float64) / 2 + tall.sum()
        yield norm + float(added)


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
        return PermutedNull.of(None)
    random = np.random.default_rng(seed)
    distances = [
        _distance(X.T @ Y[random.permutation(len(Y))], *squares) for _ in range(permutations)
    ]
    return PermutedNull.of(observed, np.array(distances, dtype=np.float64), lower=True)


def _distance(cross: np.ndarray, first: float, second: float) -> float | None:
    """The distance from X'Y and the two squared norms; None if a norm is 0."""
    return _distance_of(float(np.linalg.svd(cross, compute_uv=False).sum()), first, second)


def _distance_of(nuclear: float, first: float, second: float) -> float | None:
    if first <= 0 or second <= 0:
        return None
    return float(np.sqrt(np.clip(1.0 - nuclear / np.sqrt(first * second), 0.0, 1.0)))
