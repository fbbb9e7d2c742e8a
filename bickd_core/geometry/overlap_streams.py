"""Overlap with its jackknife replicates from logits, in two passes and without a Gram.

With the unit columns Q of C' usable classes, `overlap = (|Q 1|^2 - C') / (C' (C' - 1))`. The first
pass adds up the squares of each column by shard, which give the column norms of all samples and of
each replicate. The second adds up the squared lengths `(p_i' u_r)^2`, u_r the inverse norms of
replicate r: a product with 21 columns in place of C. So a pass costs little more than its softmax,
and several temperatures share it.

At matched mean entropy, replicates have their own temperatures as in `rematching.py`: the change of
`P'P` enters as `2 step_r sum_i (p_i' u_r)(dp_i' u_r)`, dp the derivative in log T.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.gram_figures import enough
from bickd_core.geometry.jackknife import Replicated
from bickd_core.geometry.orthogonality import empty_columns
from bickd_core.geometry.probabilities import pass_dtype, row_blocks, shifted
from bickd_core.geometry.rematching import rematch_steps
from bickd_core.geometry.replicates import left_out, mean_of
from bickd_core.geometry.shards import checked_shard


@dataclass(frozen=True)
class OverlapAt:
    """The overlap of one model at one temperature, None below two usable classes, and its mean
    entropy in nats."""

    overlap: Replicated | None
    entropy: float


def streamed_overlap(
    logits: np.ndarray,
    T: float | np.ndarray,
    shard: np.ndarray,
    *,
    centred: bool = False,
    targets: np.ndarray | None = None,
) -> Replicated | None:
    """Overlap of `softmax(logits / T)` with its replicates: that of `replicated_overlap`, without
    the Gram. The arguments are those of `streamed_overlaps`."""
    return streamed_overlaps(logits, [T], shard, centred=centred, targets=targets)[0].overlap


def streamed_overlaps(
    logits: np.ndarray,
    temperatures: Sequence[float | np.ndarray],
    shard: np.ndarray,
    *,
    centred: bool = False,
    targets: np.ndarray | None = None,
) -> list[OverlapAt]:
    """Overlap of one model at several temperatures.

    Args:
        logits: [N, C]; they may be memory-mapped. Large ones are read in float32.
        temperatures: each T, or [N] with one for each sample.
        shard: [N] from `stratified_shards`.
        centred: Pearson correlations in place of cosines.
        targets: [N] entropies in nats whose mean the model has at these temperatures, for
            replicates that are matched anew. None if temperatures are fixed in the replicates.

    Raises:
        ValueError: other numbers of samples.
    """
    if targets is not None and len(targets) != len(logits):
        raise ValueError(
            f"targets must be on the {len(logits)} samples of the logits, got {len(targets)}:"
            " align them first."
        )
    shard = checked_shard(shard, len(logits))
    passes = [
        _Pass(logits, checks.temperature(T, len(logits)), shard, centred, targets)
        for T in temperatures
    ]
    for g, positions in _blocks(shard, logits.shape[1]):
        block = shifted(logits[positions], pass_dtype(logits))
        for each in passes:
            each.add_squares(g, positions, block)
    for each in passes:
        each.take_norms()
    for g, positions in _blocks(shard, logits.shape[1]):
        block = shifted(logits[positions], pass_dtype(logits))
        for each in passes:
            each.add_lengths(g, positions, block)
    return [OverlapAt(each.overlap(), float(each.entropies.mean())) for each in passes]


def _blocks(shard: np.ndarray, n_classes: int) -> Iterator[tuple[int, np.ndarray]]:
    """The positions of each shard, in parts that stay in the processor's cache."""
    order = np.argsort(shard, kind="stable")
    for g, members in enumerate(np.split(order, np.cumsum(np.bincount(shard))[:-1])):
        for part in row_blocks(len(members), n_classes):
            yield g, members[part]


class _Pass:
    """The sums of one temperature."""

    def __init__(
        self,
        logits: np.ndarray,
        T: float | np.ndarray,
        shard: np.ndarray,
        centred: bool,
        targets: np.ndarray | None,
    ) -> None:
        n, n_classes = logits.shape
        groups = int(shard.max()) + 1
        self.shard, self.centred, self.targets = shard, centred, targets
        self.inverse_T = (1.0 / np.broadcast_to(T, (n, 1))).astype(pass_dtype(logits))
        self.plain = not centred and targets is None
        self.entropies, self.slopes, self.shares = np.empty(n), np.empty(n), np.empty(n)
        self.squares, self.sums = np.zeros((groups, n_classes)), np.zeros((groups, n_classes))
        self.moved_squares, self.moved_sums = np.zeros(n_classes), np.zeros(n_classes)
        self.steps = np.zeros(groups)
        self.origin: np.ndarray | None = None  # near the mean, so that centring loses no digits

    def rows(
        self, positions: np.ndarray, block: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Probabilities of these rows, minus `origin` if centred, and their derivatives in log
        T."""
        scaled = block * self.inverse_T[positions]
        P = np.exp(scaled)
        total = P.sum(axis=1)
        P *= (1.0 / total)[:, None]
        mean = np.einsum("ij,ij->i", P, scaled)
        self.entropies[positions] = np.log(total.astype(np.float64)) - mean
        moved = None
        if self.targets is not None:
            np.subtract(mean[:, None], scaled, out=scaled)
            moved = P * scaled
            self.slopes[positions] = np.einsum("ij,ij->i", moved, scaled)
        if self.centred:
            if self.origin is None:
                self.origin = P.mean(axis=0)
            P -= self.origin
        return P, moved

    def add_squares(self, g: int, positions: np.ndarray, block: np.ndarray) -> None:
        if self.plain:  # P = exp(z / T) / total, divided where there is less to divide
            scaled = block * self.inverse_T[positions]
            rows = np.exp(scaled)
            total = rows.sum(axis=1).astype(np.float64)
            self.entropies[positions] = np.log(total) - np.einsum("ij,ij->i", rows, scaled) / total
            self.shares[positions] = 1.0 / total
            rows *= rows
            self.squares[g] += (1.0 / total**2).astype(rows.dtype) @ rows
            return
        P, moved = self.rows(positions, block)
        ones = np.ones(len(P), P.dtype)
        if self.centred:
            self.sums[g] += ones @ P
        if moved is not None:
            self.moved_sums += ones @ moved
            self.moved_squares += 2.0 * (ones @ (P * moved))
        P *= P
        self.squares[g] += ones @ P

    def take_norms(self) -> None:
        squares, self.totals = left_out(self.squares), left_out(self.sums)
        self.sizes = left_out(np.bincount(self.shard).astype(np.float64))
        if self.targets is not None and len(squares) > 1:
            self.steps = rematch_steps(self.entropies - self.targets, self.slopes, self.shard)
            squares[1:] += self.steps[:, None] * self.moved_squares
            self.totals[1:] += self.steps[:, None] * self.moved_sums
        if self.centred:
            squares = squares - self.totals**2 / self.sizes[:, None]
        norms = np.sqrt(np.clip(squares, 0.0, None))
        self.empty = empty_columns(norms, self.sizes[:, None])
        self.inverse = np.where(self.empty, 0.0, 1.0 / np.where(self.empty, 1.0, norms))
        self.units = np.ascontiguousarray(self.inverse.T, dtype=self.inverse_T.dtype)
        self.lengths = np.zeros((len(self.squares), len(squares)))
        self.moved_lengths = np.zeros(len(squares))

    def add_lengths(self, g: int, positions: np.ndarray, block: np.ndarray) -> None:
        if self.plain:
            rows = block * self.inverse_T[positions]
            along = (np.exp(rows, out=rows) @ self.units).astype(np.float64)
            self.lengths[g] += self.shares[positions] ** 2 @ along**2
            return
        P, moved = self.rows(positions, block)
        along = (P @ self.units).astype(np.float64)
        self.lengths[g] += (along**2).sum(axis=0)
        if moved is not None:
            self.moved_lengths += (along * (moved @ self.units)).sum(axis=0)

    def overlap(self) -> Replicated | None:
        used = (~self.empty).sum(axis=1)
        if used[0] < 2:
            return None
        total, groups = self.lengths.sum(axis=0), len(self.lengths)
        if groups > 1:
            total[1:] -= self.lengths[np.arange(groups), np.arange(1, 1 + groups)]
            total[1:] += 2.0 * self.steps * self.moved_lengths[1:]
        if self.centred:
            total -= np.einsum("rc,rc->r", self.totals, self.inverse) ** 2 / self.sizes
        values = mean_of(total - used, used * (used - 1))
        n, bounds = len(self.shard), (-1.0 if self.centred else 0.0, 1.0)
        return Replicated(values[0], values[1:], n, bounds, enough(n, int(used[0])))
