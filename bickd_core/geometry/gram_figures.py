"""Figures of class and cross Grams with their intervals, from kept sums: no row is read again.

A jackknife replicate is the total without one shard. Its overlap, leakage and score follow from the products
of that total with two vectors, taken over strips of rows that stay in the processor's cache, so that 21 Grams
of 1,000 classes cost a fraction of a second and no Gram but the total is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import entr, stdtrit

from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.jackknife import jackknife_error, jackknife_interval
from bickd_core.geometry.kept import CrossGrams, ShardGrams
from bickd_core.geometry.orthogonality import (
    ClassGeometry,
    CrossGeometry,
    cross_geometry_of,
    empty_columns,
    geometry_of,
    unit_diagonal,
)

EXACT_RANK = 200
"""Classes up to which the effective rank of each replicate is taken anew; beyond, its change is linearised."""
_STRIP_BYTES = 1 << 19


@dataclass(frozen=True)
class Band:
    """One figure a class with its interval.

    Attributes:
        estimate: [C]; 0 for empty classes.
        low, high: [C] limits; equal to the estimate where the samples are too few.
        level, method, n: as in Interval.
    """

    estimate: np.ndarray
    low: np.ndarray
    high: np.ndarray
    level: float
    method: str
    n: int


@dataclass(frozen=True)
class ClassFigures:
    """Class-wise headline figures with intervals; None where fewer than two classes are usable."""

    overlap: Interval | None
    score: Interval | None
    effective_rank: Interval | None
    leakage: Band | None
    n_classes_used: int


@dataclass(frozen=True)
class CrossFigures:
    """Figures of a cross Gram: consistency (mean K_cc, higher is better) and overlap (mean K_cd, c != d)."""

    consistency: Interval | None
    overlap: Interval | None


@dataclass(frozen=True)
class _Side:
    """What scales one model's columns in each of R totals: all samples, then without each shard."""

    inverse: np.ndarray  # [R, C] one over the norm, 0 where empty
    sums: np.ndarray  # [R, C]
    weights: np.ndarray  # [R]

    @property
    def used(self) -> np.ndarray:
        return self.inverse > 0


def _side(grams: ShardGrams, centred: bool) -> _Side:
    squares = _left_out(np.einsum("gcc->gc", grams.products).astype(np.float64))
    sums, weights = _left_out(grams.sums), _left_out(grams.weights)
    if centred:
        squares = squares - sums**2 / weights[:, None]
    norms = np.sqrt(np.clip(squares, 0.0, None))
    empty = empty_columns(norms, weights[:, None])
    return _Side(np.where(empty, 0.0, 1.0 / np.where(empty, 1.0, norms)), sums, weights)


def _left_out(by_shard: np.ndarray) -> np.ndarray:
    """The total, then the total without each of the shards: [R, ...], R = 1 + G, or 1 for one shard."""
    total = by_shard.sum(axis=0)
    if len(by_shard) == 1:
        return total[None]
    return np.concatenate([total[None], total - by_shard])


@dataclass(frozen=True)
class _Sums:
    """Sums over the off-diagonal, usable cells of each of R scaled matrices.

    Attributes:
        rows: [R, C] of each row. squares: [R] of the squares. weighted: [R] of all cells times `functional`.
        diagonal: [R, C]. pairs: [R] how many cells. partners: [R, C] how many in a row.
    """

    rows: np.ndarray
    squares: np.ndarray
    weighted: np.ndarray
    diagonal: np.ndarray
    pairs: np.ndarray
    partners: np.ndarray

    @property
    def overlaps(self) -> np.ndarray:
        return _mean(self.rows.sum(axis=1), self.pairs)

    @property
    def scores(self) -> np.ndarray:
        return 1.0 - np.sqrt(np.clip(_mean(self.squares, self.pairs), 0.0, None))

    @property
    def leakages(self) -> np.ndarray:
        return np.where(self.partners > 0, self.rows / np.maximum(self.partners, 1), 0.0)


def _mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _sums(
    products: np.ndarray, left: _Side, right: _Side, centred: bool, functional: np.ndarray | None = None
) -> _Sums:
    count, n_classes = left.inverse.shape
    rows, diagonal = np.zeros((count, n_classes)), np.zeros((count, n_classes))
    squares, weighted = np.zeros(count), np.zeros(count)
    strip = max(1, _STRIP_BYTES // (8 * n_classes))
    for start in range(0, n_classes, strip):
        here = slice(start, min(start + strip, n_classes))
        own = np.arange(here.start, here.stop)
        total = products[:, here].sum(axis=0, dtype=np.float64)
        for r in range(count):
            part = total - products[r - 1, here] if r else total.copy()
            if centred:
                part -= np.outer(left.sums[r, here], right.sums[r]) / left.weights[r]
            scale = left.inverse[r, here]
            rows[r, here] = scale * (part @ right.inverse[r])
            diagonal[r, here] = scale * part[own - start, own] * right.inverse[r, own]
            if functional is not None:
                weighted[r] += scale @ ((part * functional[here]) @ right.inverse[r])
            part *= part
            squares[r] += scale**2 @ (part @ right.inverse[r] ** 2)
    usable_left, usable_right = left.used, right.used
    both = (usable_left & usable_right).astype(np.int64)
    partners = np.where(usable_left, usable_right.sum(axis=1, keepdims=True) - both, 0)
    return _Sums(
        rows=rows - diagonal,
        squares=squares - (diagonal**2).sum(axis=1),
        weighted=weighted,
        diagonal=diagonal,
        pairs=partners.sum(axis=1),
        partners=partners,
    )


def class_figures(
    grams: ShardGrams, *, centred: bool = False, level: float = 0.95, effective_rank: bool = True
) -> ClassFigures:
    """Overlap, orthogonality score, leakage and effective rank with jackknife intervals, from kept sums.

    Args:
        grams: from `shard_grams`, `stream_grams` or `logit_grams`.
        centred: Pearson correlations in place of cosines.
        level: nominal coverage.
        effective_rank: False saves its eigenvalues. Above EXACT_RANK classes its replicates are linearised,
            `H(G + dG) = H(G) - sum_k v_k' dG v_k log(l_k / sum l) / sum l`, at the cost of one decomposition.
    """
    side = _side(grams, centred)
    used = int(side.used[0].sum())
    if used < 2:
        return ClassFigures(None, None, None, None, used)
    few = grams.products.shape[1] <= EXACT_RANK
    functional, rank = (None, 0.0) if few or not effective_rank else _rank_gradient(grams, side, centred)
    sums = _sums(grams.products, side, side, centred, functional)
    low = -1.0 if centred else 0.0

    def made(values: np.ndarray, bounds: tuple[float, float]) -> Interval | None:
        return jackknife_interval(values[0], values[1:], n=grams.n, level=level, bounds=bounds)

    ranks = None
    if effective_rank:
        change = sums.weighted - sums.weighted[0]
        ranks = _ranks(grams, side, centred) if few else rank * np.exp(change)
    return ClassFigures(
        overlap=made(sums.overlaps, (low, 1.0)),
        score=made(sums.scores, (0.0, 1.0)),
        effective_rank=None if ranks is None else made(ranks, (1.0, float(grams.products.shape[1]))),
        leakage=_band(sums.leakages, grams.n, level, (low, 1.0)),
        n_classes_used=used,
    )


def cross_figures(cross: CrossGrams, *, centred: bool = False, level: float = 0.95) -> CrossFigures:
    """Consistency and overlap of a cross Gram with jackknife intervals; None without usable cells."""
    left, right = _side(cross.teacher, centred), _side(cross.student, centred)
    sums = _sums(cross.products, left, right, centred)
    both = left.used & right.used
    consistency = _mean((sums.diagonal * both).sum(axis=1), both.sum(axis=1))
    low = -1.0 if centred else 0.0
    n = cross.teacher.n
    return CrossFigures(
        jackknife_interval(consistency[0], consistency[1:], n=n, level=level, bounds=(low, 1.0)),
        jackknife_interval(sums.overlaps[0], sums.overlaps[1:], n=n, level=level, bounds=(low, 1.0)),
    )


def overlap_interval(grams: ShardGrams, *, centred: bool = False, level: float = 0.95) -> Interval | None:
    """Overlap (mean off-diagonal of the class Gram) with its jackknife interval; None below two usable
    classes.

    For matched entropy, make `grams` from probabilities at the temperature that `matched_temperature` found
    on all samples; it stays fixed in the replicates.
    """
    return class_figures(grams, centred=centred, level=level, effective_rank=False).overlap


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
        found = []
        for grams in group:
            side = _side(grams, centred)
            if side.used[0].sum() < 2:
                return None
            found.append(_sums(grams.products, side, side, centred).overlaps)
        means.append(np.mean(found, axis=0))
    gap = means[0] - means[1]
    return jackknife_interval(gap[0], gap[1:], n=reference.n, level=level)


def kept_geometry(grams: ShardGrams, *, centred: bool = False) -> ClassGeometry:
    """The class Gram of all samples and its figures, as `class_geometry` gives them, from kept sums."""
    side = _side(grams, centred)
    gram = unit_diagonal(_scaled(grams.products, side, side, centred), ~side.used[0])
    return geometry_of(gram, ~side.used[0], grams.n)


def kept_cross(cross: CrossGrams, *, centred: bool = False) -> CrossGeometry:
    """The cross Gram of all samples, as `cross_gram` gives it, from kept sums."""
    left, right = _side(cross.teacher, centred), _side(cross.student, centred)
    gram = np.clip(_scaled(cross.products, left, right, centred), -1.0, 1.0)
    return cross_geometry_of(gram, ~left.used[0], ~right.used[0])


def _scaled(products: np.ndarray, left: _Side, right: _Side, centred: bool, r: int = 0) -> np.ndarray:
    M = products.sum(axis=0, dtype=np.float64)
    if r:
        M -= products[r - 1]
    if centred:
        M -= np.outer(left.sums[r], right.sums[r]) / left.weights[r]
    M *= left.inverse[r][:, None]
    M *= right.inverse[r]
    return M


def _ranks(grams: ShardGrams, side: _Side, centred: bool) -> np.ndarray:
    every = [_scaled(grams.products, side, side, centred, r) for r in range(len(side.weights))]
    values = np.clip(np.linalg.eigvalsh(np.array(every)), 0.0, None)
    return np.exp(entr(values / np.maximum(values.sum(axis=1, keepdims=True), 1e-300)).sum(axis=1))


def _rank_gradient(grams: ShardGrams, side: _Side, centred: bool) -> tuple[np.ndarray, float]:
    """The matrix W with `d log(effective rank) = <W, dG>`, and the effective rank of all samples."""
    values, vectors = np.linalg.eigh(_scaled(grams.products, side, side, centred))
    shares = np.clip(values, 0.0, None) / np.clip(values, 0.0, None).sum()
    slopes = -np.log(np.maximum(shares, 1e-12)) / values.sum()
    return (vectors * slopes) @ vectors.T, float(np.exp(entr(shares).sum()))


def _band(values: np.ndarray, n: int, level: float, bounds: tuple[float, float]) -> Band:
    estimate, replicates = values[0], values[1:]
    groups = len(replicates)
    half = np.zeros_like(estimate)
    if groups > 1:
        half = stdtrit(groups - 1, (1 + level) / 2) * jackknife_error(replicates)
    return Band(
        estimate,
        np.minimum(np.clip(estimate - half, *bounds), estimate),
        np.maximum(np.clip(estimate + half, *bounds), estimate),
        level,
        f"jackknife over {groups} shards",
        n,
    )
