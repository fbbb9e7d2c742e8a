"""Sums over samples by shard, from which all class-wise figures and their intervals are computed.

One pass over the rows computes `P'P` and the column sums for each of G shards and each model, and
`P_t'P_s` between the first model and each other one. A product takes G C^2 numbers for any number
of samples. `GramPass` takes the rows in blocks, so the N x C matrix need not fit into memory.

Accuracy. Products are float32 over at most ROWS rows at a time (float64 when asked), added up in
the same type within a shard and in float64 over shards. All terms are at least 0, so a sum of k of
them, then of b blocks, is off by at most `(k + b) u / (1 - (k + b) u)` of itself, u = 6e-8: 1.3e-4
for ROWS rows and 100 blocks (Higham 2002, eq. 3.5). Rounding is random in practice: on 50,000 x
1,000 cosines differed from float64 by less than 1e-6. Centring subtracts nearly equal numbers where
a column hardly varies: use float64 there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bickd_core.geometry.shards import SHARDS

ROWS = 2048
"""Most rows of one product: enough for full speed, few enough for float32."""


@dataclass(frozen=True)
class Rematch:
    """How a model's total moves in each replicate, because its temperature is matched without that
    shard.

    Attributes:
        steps: [G] the change of log T without shard g.
        products: [C, C] derivative of P'P of all samples in log T.
        sums: [C] derivative of the column sums.
    """

    steps: np.ndarray
    products: np.ndarray
    sums: np.ndarray


@dataclass(frozen=True)
class ColumnSums:
    """Sums of one model's probabilities by shard, without products of different columns.

    Attributes:
        squares: [G, C] sums of the squares of each column.
        sums, weights, shard: as in ShardGrams.
    """

    squares: np.ndarray
    sums: np.ndarray
    weights: np.ndarray
    shard: np.ndarray
    rematch: None = None

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.shard)


@dataclass(frozen=True)
class ShardGrams:
    """Sums of one model's probabilities by shard.

    Attributes:
        products: [G, C, C] P'P of each shard.
        sums: [G, C] column sums.
        weights: [G] samples.
        shard: [N] the shard of each sample.
        rematch: from `rematched`, for matched mean entropy. With None, T is fixed in the
            replicates.
    """

    products: np.ndarray
    sums: np.ndarray
    weights: np.ndarray
    shard: np.ndarray
    rematch: Rematch | None = None

    @property
    def squares(self) -> np.ndarray:
        """[G, C] sums of the squares of each column."""
        return np.einsum("gcc->gc", self.products)

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.shard)


@dataclass(frozen=True)
class CrossGrams:
    """Sums of two models on the same samples: `products` [G, C, C] are P_t'P_s of each
    shard."""

    products: np.ndarray
    teacher: ShardGrams | ColumnSums
    student: ShardGrams | ColumnSums


@dataclass(frozen=True)
class GramSums:
    """The sums of several models from one pass over their rows.

    Attributes:
        models: in the order of the rows.
        crosses: the first model against each of the others.
    """

    models: tuple[ShardGrams, ...]
    crosses: tuple[CrossGrams, ...]


class GramPass:
    """Add up the sums of several models, block by block; `finish` returns them.

    Args:
        models: how many; the first is the teacher of the cross Grams.
        n_classes: C.
        shards: G, at least 2.
        dtype: of the products; np.float32 (see the module's note on accuracy) or np.float64.
    """

    def __init__(
        self,
        models: int,
        n_classes: int,
        *,
        shards: int = SHARDS,
        dtype: type[np.floating] = np.float32,
    ) -> None:
        if models < 1 or n_classes < 1 or shards < 1:
            raise ValueError(
                f"models, n_classes and shards must be at least 1, got {models}, {n_classes} and"
                f" {shards}."
            )
        self._dtype = dtype
        self._pairs = [(k, k) for k in range(models)] + [(0, k) for k in range(1, models)]
        self._products = [np.zeros((shards, n_classes, n_classes), dtype) for _ in self._pairs]
        self._sums = np.zeros((models, shards, n_classes))
        self._weights = np.zeros(shards)
        self._scratch = np.empty((n_classes, n_classes), dtype)
        self._shard: list[np.ndarray] = []
        self._waiting: list[list[tuple[np.ndarray, ...]]] = [[] for _ in range(shards)]
        self._waiting_rows = np.zeros(shards, dtype=np.int64)

    def add(self, rows: Sequence[np.ndarray], shard: np.ndarray) -> None:
        """Take the next block of samples.

        Args:
            rows: for each model [B, C] probabilities of these samples.
            shard: [B] the shard of each, 0 .. G - 1.

        Raises:
            ValueError: a shape does not fit, or a value is negative, NaN or infinite.
        """
        shard = np.asarray(shard)
        models, shards, n_classes = self._sums.shape
        if len(rows) != models or any(np.shape(part) != (len(shard), n_classes) for part in rows):
            raise ValueError(
                f"rows must hold {models} blocks of {len(shard)} x {n_classes} probabilities, got"
                f" shapes {[np.shape(part) for part in rows]}: hand over the same samples of every"
                " model."
            )
        if len(shard) == 0:
            return
        if shard.min() < 0 or shard.max() >= shards:
            raise ValueError(
                f"shard must lie between 0 and {shards - 1}, got {shard.min()} to {shard.max()}."
            )
        ready = [self._ready(part) for part in rows]
        self._shard.append(shard.astype(np.int64))
        order = np.argsort(shard, kind="stable")
        in_order = bool((order[1:] > order[:-1]).all())
        ends = np.flatnonzero(np.append(np.diff(shard[order]), 1)) + 1
        start = 0
        for end in ends.tolist():
            g = int(shard[order[start]])
            members: slice | np.ndarray = slice(start, end) if in_order else order[start:end]
            self._weights[g] += end - start
            self._take(g, tuple(part[members] for part in ready))
            start = end

    def add_shard(self, rows: Sequence[np.ndarray], g: int) -> None:
        """Take many samples of one shard, whose values are known to be probabilities in the type of
        the products. They are multiplied at once.

        Args:
            rows: as in `add`.
            g: the shard.
        """
        self._shard.append(np.full(len(rows[0]), g))
        self._weights[g] += len(rows[0])
        self._sum(g, rows)
        self._multiply(g, rows)

    def finish(self) -> GramSums:
        """Return the sums of all blocks.

        Raises:
            ValueError: a shard got no sample.
        """
        for g in range(len(self._weights)):
            self._flush(g)
        shard = np.concatenate(self._shard) if self._shard else np.zeros(0, dtype=np.int64)
        counts = np.bincount(shard, minlength=len(self._weights))
        if counts.min() == 0:
            raise ValueError(
                f"every one of {len(counts)} shards must get a sample, got none in shard"
                f" {int(counts.argmin())}: use fewer shards, or stratified_shards."
            )
        models = tuple(
            ShardGrams(self._products[k], self._sums[k], self._weights, shard)
            for k in range(len(self._sums))
        )
        crosses = tuple(
            CrossGrams(self._products[i], models[first], models[second])
            for i, (first, second) in enumerate(self._pairs)
            if first != second
        )
        return GramSums(models, crosses)

    def _ready(self, part: np.ndarray) -> np.ndarray:
        """Convert the rows to the type of the products."""
        if not (part.min() >= 0 and np.isfinite(part.max())):
            raise ValueError(
                f"rows must hold finite probabilities of at least 0, got {part.min():.3g} to"
                f" {part.max():.3g}: pass softmax(logits, T), not the logits."
            )
        return np.asarray(part, dtype=self._dtype)

    def _take(self, g: int, rows: tuple[np.ndarray, ...]) -> None:
        self._sum(g, rows)
        if len(rows[0]) >= ROWS // 2:
            self._multiply(g, rows)
            return
        self._waiting[g].append(
            tuple(part.copy() for part in rows) if rows[0].base is not None else rows
        )
        self._waiting_rows[g] += len(rows[0])
        if self._waiting_rows[g] >= ROWS // 2:
            self._flush(g)

    def _sum(self, g: int, rows: Sequence[np.ndarray]) -> None:
        ones = np.ones(len(rows[0]), self._dtype)
        for k, part in enumerate(rows):
            self._sums[k, g] += ones @ part

    def _flush(self, g: int) -> None:
        if self._waiting[g]:
            self._multiply(
                g, tuple(np.concatenate(parts) for parts in zip(*self._waiting[g], strict=True))
            )
            self._waiting[g], self._waiting_rows[g] = [], 0

    def _multiply(self, g: int, rows: Sequence[np.ndarray]) -> None:
        for start in range(0, len(rows[0]), ROWS):
            for products, (first, second) in zip(self._products, self._pairs, strict=True):
                left, right = rows[first][start : start + ROWS], rows[second][start : start + ROWS]
                np.matmul(left.T, right, out=self._scratch)
                products[g] += self._scratch
