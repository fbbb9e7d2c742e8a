"""Debiased CKA between every stage of a teacher and every stage of a student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.jackknife import Replicated, bias_corrected
from bickd_core.geometry.shards import checked_shard
from bickd_core.geometry.similarity import reduced

MOST_SAMPLES = 4_000
"""An N x N matrix is stored for each stage, so the probe set should have a few hundred samples."""


@dataclass(frozen=True)
class LayerCKA:
    """Debiased linear CKA of S teacher stages (rows) with R student stages (columns).

    Attributes:
        values: [S, R]; NaN where a stage does not vary.
        replicates: [G, S, R] without each shard.
        null: [B, S, R] with the student's samples shuffled, the same shuffles for every pair of
            stages.
        n: samples.
    """

    values: np.ndarray
    replicates: np.ndarray
    null: np.ndarray
    n: int

    @property
    def estimates(self) -> np.ndarray:
        """[S, R] corrected for the bias of few samples, as in `cell`. Pages show these numbers."""
        return bias_corrected(np.concatenate([self.values[None], self.replicates]), (-1.0, 1.0))

    @property
    def p_values(self) -> np.ndarray:
        """[S, R] (1 + shuffles at least as high) / (1 + B) for each cell; 1 if CKA is not
        defined."""
        return (1 + (~(self.null < self.values)).sum(axis=0)) / (1 + len(self.null))

    @property
    def chance(self) -> float:
        """In 95 % of the shuffles, the highest of all cells is below this value. This accounts for
        the number of cells. 0 if CKA is not defined for any cell.
        """
        highest = np.nanmax(np.nan_to_num(self.null, nan=-1.0), axis=(1, 2))
        return float(np.quantile(highest, 0.95)) if np.isfinite(self.values).any() else 0.0

    def cell(self, row: int, column: int) -> Replicated | None:
        """Return one pair of stages, for its interval and for paired differences; None if CKA is
        not defined."""
        if not np.isfinite(self.values[row, column]):
            return None
        return Replicated(
            float(self.values[row, column]), self.replicates[:, row, column], self.n, (-1.0, 1.0)
        )


def layer_cka(
    teacher: Sequence[np.ndarray],
    student: Sequence[np.ndarray],
    shard: np.ndarray,
    *,
    permutations: int = 200,
) -> LayerCKA:
    """Debiased CKA of every pair of stages, leave-one-shard-out replicates, and a permuted null.

    Each figure equals that of `cka`. One product of flattened kernels gives all pairs of stages.

    Args:
        teacher: S matrices [N, D_s] on the same samples. student: R matrices [N, E_r].
        shard: [N] from `stratified_shards`.
        permutations: B, at least 1.

    Raises:
        ValueError: no stage, other numbers of samples, fewer than 4 or more than 4,000 of them.
    """
    if permutations < 1:
        raise ValueError(f"permutations must be at least 1, got {permutations!r}: try 200.")
    layers = [checks.matrix(X, f"stage {i}") for i, X in enumerate((*teacher, *student))]
    n = len(layers[0]) if layers else 0
    if not teacher or not student or any(len(X) != n for X in layers) or not 4 <= n <= MOST_SAMPLES:
        raise ValueError(
            f"teacher and student must have a stage each, all on the same 4 to {MOST_SAMPLES:,}"
            f" samples, got {len(teacher)} and {len(student)} stages with"
            f" {sorted({len(X) for X in layers})} samples."
        )
    shard = checked_shard(shard, n)
    layers = [_scaled(X) for X in layers]
    kernels = np.stack([_kernel(X) for X in layers])
    S = len(teacher)
    own = _hsic(kernels, kernels)
    groups = int(shard.max()) + 1
    replicates = np.full((groups, S, len(student)), np.nan)
    for g in range(groups if groups > 1 else 0):
        others = np.flatnonzero(shard != g)
        if len(others) >= 4:
            rest = kernels[:, others[:, None], others]
            replicates[g] = _ratios(_hsic(rest, rest), S)
    null = _shuffled(layers, kernels, S, permutations) / _scale(own, S)
    return LayerCKA(_ratios(own, S), replicates, null, n)


def _shuffled(
    layers: list[np.ndarray], kernels: np.ndarray, S: int, permutations: int
) -> np.ndarray:
    """Return HSIC [B, S, R] with the samples of the last R layers in random order, from products of
    features."""
    n = kernels.shape[1]
    X, Y = np.hstack(layers[:S]), np.hstack(layers[S:])
    first = np.cumsum([0, *(layer.shape[1] for layer in layers[: S - 1])])
    second = np.cumsum([0, *(layer.shape[1] for layer in layers[S:-1])])
    lengths = np.stack([np.einsum("ij,ij->i", layer, layer) for layer in layers])
    rows = kernels.sum(axis=2)
    total = np.outer(rows[:S].sum(axis=1), rows[S:].sum(axis=1)) / ((n - 1) * (n - 2))
    random = np.random.default_rng(0)
    shuffled = np.empty((permutations, S, len(layers) - S))
    for b in range(permutations):
        order = random.permutation(n)
        cross = np.square(X.T @ Y[order])
        trace = np.add.reduceat(np.add.reduceat(cross, first, axis=0), second, axis=1)
        trace -= lengths[:S] @ lengths[S:, order].T  # the diagonals, which the kernels have not
        shuffled[b] = (trace + total - 2.0 / (n - 2) * rows[:S] @ rows[S:, order].T) / (n * (n - 3))
    return shuffled


def _scaled(X: np.ndarray) -> np.ndarray:
    """Centre the columns, scale them to unit mean length, and reduce them to at most N. This does
    not change debiased CKA."""
    X = X - X.mean(axis=0)
    X = X / max(float(np.sqrt(np.mean(np.einsum("ij,ij->i", X, X)))), 1e-300)
    return reduced(X)


def _kernel(X: np.ndarray) -> np.ndarray:
    """X X' without its diagonal."""
    K = X @ X.T
    np.fill_diagonal(K, 0.0)
    return K


def _hsic(K: np.ndarray, L: np.ndarray) -> np.ndarray:
    """Debiased HSIC (Song et al. 2012, eq. 5) of every kernel of K [S, n, n] with every one of L
    [R, n, n]: [S, R]."""
    n = K.shape[1]
    rows_k, rows_l = K.sum(axis=2), L.sum(axis=2)
    trace = K.reshape(len(K), -1) @ L.reshape(len(L), -1).T
    total = np.outer(rows_k.sum(axis=1), rows_l.sum(axis=1)) / ((n - 1) * (n - 2))
    return (trace + total - 2.0 / (n - 2) * rows_k @ rows_l.T) / (n * (n - 3))


def _scale(hsic: np.ndarray, S: int) -> np.ndarray:
    """[S, R] sqrt(HSIC(X, X) HSIC(Y, Y)), NaN where one of them has no spread of its own."""
    own = np.diag(hsic)
    own = np.where(own > 1e-12, own, np.nan)
    return np.sqrt(np.outer(own[:S], own[S:]))


def _ratios(hsic: np.ndarray, S: int) -> np.ndarray:
    return np.clip(hsic[:S, S:] / _scale(hsic, S), -1.0, 1.0)
