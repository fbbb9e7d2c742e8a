"""Figures of class and cross Grams with their intervals, computed from the stored sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bickd_core.geometry.gram_sums import CrossGrams, ShardGrams
from bickd_core.geometry.intervals import FEWEST, LEVEL, Interval
from bickd_core.geometry.jackknife import (
    Replicated,
    bias_corrected,
    jackknife_error,
    jackknife_interval,
    replicated_difference,
)
from bickd_core.geometry.orthogonality import (
    ClassGeometry,
    CrossGeometry,
    geometry_of,
    unit_diagonal,
)
from bickd_core.geometry.replicates import Side, cell_sums, mean_of, scaled, side_of
from bickd_core.geometry.scipy_functions import entr, stdtrit

SAMPLES_A_CLASS = 5
"""Samples for each class that is used from which overlap, score and effective rank have an
interval: with two of them the bias no longer falls as 1 / N, so that the jackknife does not correct
it."""
EXACT_RANK = 200
"""Classes up to which the effective rank of each replicate is taken anew; beyond, its change is
linearised."""


@dataclass(frozen=True)
class Band:
    """A figure for each class, with intervals.

    Attributes:
        estimate: [C], corrected for the bias of few samples; 0 for empty classes.
        low, high: [C] limits; NaN if there are too few samples.
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
    """Class-wise headline figures with intervals; None where fewer than two classes are usable.

    `replicated` is the overlap of all samples and without each shard.
    """

    overlap: Interval | None
    score: Interval | None
    effective_rank: Interval | None
    class_overlap: Band | None
    n_classes: int
    n_classes_used: int
    replicated: Replicated | None = None


@dataclass(frozen=True)
class CrossFigures:
    """Figures of a cross Gram: consistency (mean K_cc, higher is better) and overlap (mean K_cd, c
    != d)."""

    consistency: Interval | None
    overlap: Interval | None


def class_figures(
    grams: ShardGrams,
    *,
    centred: bool = False,
    effective_rank: bool = True,
    correct: bool = True,
) -> ClassFigures:
    """Compute overlap, of all classes and of each, orthogonality score and effective rank, with
    jackknife intervals.

    Args:
        grams: from `shard_grams`, `stream_grams` or `logit_grams`.
        centred: Pearson correlations in place of cosines.
        effective_rank: False saves its eigenvalues. Above EXACT_RANK classes its replicates are
            linearised, `H(G + dG) = H(G) - sum_k v_k' dG v_k log(l_k / sum l) / sum l`, at the cost
            of one decomposition.
        correct: False leaves overlap, score and rank as the formulas give them on these samples.
    """
    side = side_of(grams, centred)
    used, n_classes = int(side.used[0].sum()), grams.products.shape[1]
    if used < 2:
        return ClassFigures(None, None, None, None, n_classes, used)
    few = n_classes <= EXACT_RANK
    functional, rank = (
        (None, 0.0) if few or not effective_rank else _rank_gradient(grams, side, centred)
    )
    sums = cell_sums(grams.products, side, side, centred, functional, grams.rematch)
    low = -1.0 if centred else 0.0

    def interval(values: np.ndarray, bounds: tuple[float, float]) -> Interval | None:
        limits = jackknife_interval(
            values[0], values[1:], n=grams.n, bounds=bounds, correct=correct
        )
        return _unless_few(limits, grams.n, used)

    ranks = None
    if effective_rank:
        change = sums.weighted - sums.weighted[0]
        ranks = _ranks(grams, side, centred) if few else rank * np.exp(change)
    return ClassFigures(
        overlap=interval(sums.overlaps, (low, 1.0)),
        score=interval(sums.scores, (0.0, 1.0)),
        effective_rank=None if ranks is None else interval(ranks, (1.0, float(n_classes))),
        class_overlap=_band(sums.class_overlaps, grams.n, (low, 1.0)),
        n_classes=n_classes,
        n_classes_used=used,
        replicated=_overlap(sums.overlaps, grams.n, used, centred),
    )


def cross_figures(cross: CrossGrams, *, centred: bool = False) -> CrossFigures:
    """Compute consistency and overlap of a cross Gram, with jackknife intervals; None without
    usable cells."""
    left, right = side_of(cross.teacher, centred), side_of(cross.student, centred)
    sums = cell_sums(cross.products, left, right, centred)
    both = left.used & right.used
    consistency = mean_of((sums.diagonal * both).sum(axis=1), both.sum(axis=1))
    low = -1.0 if centred else 0.0
    n, used = cross.teacher.n, int(both[0].sum())

    def with_limits(values: np.ndarray) -> Interval | None:
        interval = jackknife_interval(values[0], values[1:], n=n, bounds=(low, 1.0))
        return _unless_few(interval, n, used)

    return CrossFigures(with_limits(consistency), with_limits(sums.overlaps))


def overlap_interval(
    grams: ShardGrams, *, centred: bool = False, correct: bool = True
) -> Interval | None:
    """Overlap (mean off-diagonal of the class Gram) with its jackknife interval; None below two
    usable classes.

    For matched mean entropy, compute `grams` from probabilities at the temperature of
    `matched_temperature` and pass them through `rematched`. Otherwise that temperature is fixed in
    the replicates. Each temperature of `matched_temperatures` depends on one sample, so its
    replicates are exact.
    """
    return class_figures(grams, centred=centred, effective_rank=False, correct=correct).overlap


def replicated_overlap(grams: ShardGrams) -> Replicated | None:
    """Overlap of all samples and without each shard; None below two usable classes."""
    side = side_of(grams, False)
    used = int(side.used[0].sum())
    if used < 2:
        return None
    overlaps = cell_sums(grams.products, side, side, False, rematch=grams.rematch).overlaps
    return _overlap(overlaps, grams.n, used, False)


def _overlap(overlaps: np.ndarray, n: int, used: int, centred: bool) -> Replicated:
    bounds = (-1.0 if centred else 0.0, 1.0)
    return Replicated(float(overlaps[0]), overlaps[1:], n, bounds, enough(n, used))


def enough(n: int, used: int) -> bool:
    """Whether so many samples give an interval for the overlap of so many classes."""
    return n >= SAMPLES_A_CLASS * used


def _unless_few(interval: Interval | None, n: int, used: int) -> Interval | None:
    """Return the interval, without limits if there are too few samples for each class."""
    return interval if interval is None or enough(n, used) else interval.without_limits()


def paired_overlap_difference(first: ShardGrams, second: ShardGrams) -> Interval | None:
    """Return the overlap of the first model minus that of the second, on the same shards; None with
    fewer than two usable classes.

    Raises:
        ValueError: the two were not computed with the same shards.
    """
    if not np.array_equal(first.shard, second.shard):
        raise ValueError(
            "first and second must come from the same shards of the same samples, got"
            f" {first.n} and {second.n} samples dealt otherwise: pass one result of"
            " stratified_shards to both."
        )
    return replicated_difference(replicated_overlap(first), replicated_overlap(second))


def geometry_from_sums(
    grams: ShardGrams, *, centred: bool = False, rank: float | None = None
) -> ClassGeometry:
    """Return the class Gram of all samples and its figures. `class_geometry` computes the same from
    probabilities.

    Args:
        rank: its effective rank if it is known, which saves the eigenvalues.
    """
    side = side_of(grams, centred)
    gram = unit_diagonal(scaled(grams.products, side, side, centred), ~side.used[0])
    return geometry_of(gram, ~side.used[0], rank=rank)


def cross_geometry_from_sums(cross: CrossGrams, *, centred: bool = False) -> CrossGeometry:
    """Return the cross Gram of all samples."""
    left, right = side_of(cross.teacher, centred), side_of(cross.student, centred)
    gram = np.clip(scaled(cross.products, left, right, centred), -1.0, 1.0)
    return CrossGeometry(gram, ~left.used[0], ~right.used[0])


LEAST_FALL = 0.005
"""A smaller fall of a cosine does not count: it is not visible with two decimals."""


def greatest_fall(before: ClassGeometry, after: ClassGeometry) -> tuple[int, int]:
    """Return the two classes whose cosine falls most from one Gram to another. Classes that are
    empty in one of them are left out.

    If no cosine falls by `LEAST_FALL`, return the two with the greatest cosine in the second Gram.
    """
    off = np.triu(np.ones_like(before.gram, dtype=bool), k=1)
    empty = before.empty | after.empty
    off[empty], off[:, empty] = False, False
    if not off.any():
        return 0, min(1, len(off) - 1)
    fall = np.where(off, before.gram - after.gram, -np.inf)
    sought = fall if fall.max() >= LEAST_FALL else np.where(off, after.gram, -np.inf)
    row, column = np.unravel_index(int(sought.argmax()), sought.shape)
    return int(row), int(column)


def falls(before: ClassGeometry, after: ClassGeometry, pair: tuple[int, int]) -> bool:
    """Return whether the cosine of two classes falls by at least `LEAST_FALL` from one Gram to
    another."""
    return bool(before.gram[pair] - after.gram[pair] >= LEAST_FALL)


def _ranks(grams: ShardGrams, side: Side, centred: bool) -> np.ndarray:
    every = [
        scaled(grams.products, side, side, centred, r, grams.rematch)
        for r in range(len(side.weights))
    ]
    values = np.clip(np.linalg.eigvalsh(np.array(every)), 0.0, None)
    return np.exp(entr(values / np.maximum(values.sum(axis=1, keepdims=True), 1e-300)).sum(axis=1))


def _rank_gradient(grams: ShardGrams, side: Side, centred: bool) -> tuple[np.ndarray, float]:
    """The matrix W with `d log(effective rank) = <W, dG>`, and the effective rank of all
    samples."""
    values, vectors = np.linalg.eigh(scaled(grams.products, side, side, centred))
    shares = np.clip(values, 0.0, None) / np.clip(values, 0.0, None).sum()
    slopes = -np.log(np.maximum(shares, 1e-12)) / values.sum()
    return (vectors * slopes) @ vectors.T, float(np.exp(entr(shares).sum()))


def _band(values: np.ndarray, n: int, bounds: tuple[float, float]) -> Band:
    replicates = values[1:]
    estimate = bias_corrected(values, bounds)
    groups = len(replicates)
    half = np.full_like(estimate, np.nan)
    if groups > 1 and n >= FEWEST:
        half = stdtrit(groups - 1, (1 + LEVEL) / 2) * jackknife_error(replicates)
    return Band(
        estimate,
        np.minimum(np.clip(estimate - half, *bounds), estimate),
        np.maximum(np.clip(estimate + half, *bounds), estimate),
        LEVEL,
        f"jackknife over {groups} shards",
        n,
    )
