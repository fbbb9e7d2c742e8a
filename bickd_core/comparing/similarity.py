"""Similarity of each student to the teacher: CKA, RSA and Procrustes distance, which rotations do
not change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bickd_core.comparing import measures
from bickd_core.comparing.cache import cached
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.jackknife import CkaSide, Replicated, replicated_difference
from bickd_core.geometry.probabilities import pass_dtype, softmax
from bickd_core.geometry.procrustes import procrustes, procrustes_null
from bickd_core.geometry.rsa import RankedDistances, ranked_distances, rsa, rsa_null, rsa_sample
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.shuffles import (
    LEAST_SAMPLES,
    column_spectrum,
    limit_cka_null,
    limit_procrustes_null,
)
from bickd_core.geometry.similarity import PermutedNull, cka_null, without_constants

MEASURES = ("cka", "rsa", "procrustes")
BASES = ("outputs", "features")
"""What is compared. Outputs are the logits, or for RSA the probabilities at T. Features are those
of the penultimate layer."""
_SHUFFLES = 50
_RANKED = 800
"""Images that RSA uses. With all 1,208 images of caltech95, intervals would be a twelfth narrower
and take three times as long."""


def similarity(
    comparison: Comparison, model: Model, measure: str, basis: str, temperature: float
) -> Replicated | None:
    """The measure between the teacher and `model`; None if it is not defined, or a model has no
    features."""
    return _similarity(comparison, model, measure, basis, _relevant(measure, basis, temperature))


def similarity_difference(
    comparison: Comparison, a: Model, b: Model, measure: str, basis: str, temperature: float
) -> Interval | None:
    """The measure of a minus that of b, paired on the same images."""
    return replicated_difference(
        *(similarity(comparison, model, measure, basis, temperature) for model in (a, b))
    )


@dataclass(frozen=True)
class Chance:
    """The result of shuffled images.

    Attributes:
        student: the one whose similarity to the teacher is nearest to that of shuffled images.
    """

    student: Model
    null: PermutedNull

    @property
    def nearness(self) -> tuple[float, float]:
        """The p value, and in a tie how near the figure is to those of the shuffles, in their
        standard deviations."""
        assert self.null.observed is not None
        away = abs(self.null.observed - self.null.values.mean())
        return self.null.p_value, -float(away / (self.null.values.std() or 1.0))


def chance(comparison: Comparison, measure: str, basis: str, temperature: float) -> Chance | None:
    """Return the permuted null of the student nearest to chance.

    For students with rows of one width, this is the least similar one. Chance depends on the width,
    so students of several widths are all compared with theirs.
    """
    values = [
        (similarity(comparison, m, measure, basis, temperature), m) for m in comparison.students
    ]
    known = [(value.estimate, model) for value, model in values if value is not None]
    if not known:
        return None
    relevant = _relevant(measure, basis, temperature)
    worst = max if measure == "procrustes" else min
    if len({_width(model, basis) for _, model in known}) == 1:
        known = [worst(known, key=lambda pair: pair[0])]
    nulls = [
        Chance(model, null)
        for _, model in known
        if (null := _chance(comparison, model, measure, basis, relevant)).observed is not None
    ]
    return max(nulls, key=lambda found: found.nearness, default=None)


def _width(model: Model, basis: str) -> int:
    rows = measures.rows_of(model, basis)
    return 0 if rows is None else rows.shape[1]


def sampled(comparison: Comparison) -> np.ndarray:
    """Positions of the images whose pairs RSA ranks: all of them, or a seeded, stratified draw."""
    return rsa_sample(comparison.n, comparison.labels, most=_RANKED)


def _relevant(measure: str, basis: str, temperature: float) -> float:
    """The temperature if the figure depends on it, else 0, so that it is computed once for all."""
    return temperature if (measure, basis) == ("rsa", "outputs") else 0.0


@cached
def _similarity(
    comparison: Comparison, model: Model, measure: str, basis: str, temperature: float
) -> Replicated | None:
    if measure == "cka":
        return measures.cka(comparison, model, basis)
    X, Y = measures.rows_of(comparison.teacher, basis), measures.rows_of(model, basis)
    if X is None or Y is None or comparison.n < 4:
        return None
    labels = comparison.labels
    if measure == "rsa":
        positions = sampled(comparison)
        shard = stratified_shards(len(positions), None if labels is None else labels[positions])
        teacher, own = (
            _ranked(comparison, side, basis, temperature) for side in (comparison.teacher, model)
        )
        return rsa(teacher, own, shard)
    return procrustes(X, Y, measures.shards(comparison), logits=basis == "outputs")


@cached
def _spectrum(comparison: Comparison, model: Model, basis: str) -> np.ndarray:
    return column_spectrum(_side(comparison, model, basis))


def _side(comparison: Comparison, model: Model, basis: str) -> CkaSide:
    side = measures.side_of_cka(comparison, model, basis)
    assert side is not None, "callers ask only if the measure is defined"
    return side


@cached
def _ranked(
    comparison: Comparison, model: Model, basis: str, temperature: float
) -> RankedDistances:
    positions = sampled(comparison)
    if basis == "outputs":
        rows = softmax(model.predictions.logits[positions], temperature)
        return ranked_distances(rows, "hellinger")
    features = model.predictions.features
    assert features is not None, "callers ask only if there are features"
    return ranked_distances(features[positions], "euclidean")


@cached
def _chance(
    comparison: Comparison, model: Model, measure: str, basis: str, temperature: float
) -> PermutedNull:
    if measure == "rsa":
        teacher, own = (
            _ranked(comparison, side, basis, temperature) for side in (comparison.teacher, model)
        )
        return rsa_null(teacher, own, permutations=_SHUFFLES)
    X, Y = measures.rows_of(comparison.teacher, basis), measures.rows_of(model, basis)
    assert X is not None, "callers ask only if the measure is defined"
    assert Y is not None, "callers ask only if the measure is defined"
    if pass_dtype(X) is np.float32 and len(X) >= LEAST_SAMPLES:
        found = _similarity(comparison, model, measure, basis, temperature)
        assert found is not None, "callers ask only if the measure is defined"
        both = comparison.teacher, model
        spectra = _spectrum(comparison, both[0], basis), _spectrum(comparison, both[1], basis)
        if measure == "procrustes":
            return limit_procrustes_null(found.value, len(X), spectra, permutations=_SHUFFLES)
        sides = _side(comparison, both[0], basis), _side(comparison, both[1], basis)
        return limit_cka_null(found.value, *sides, spectra, permutations=_SHUFFLES)
    if basis == "outputs":
        X, Y = without_constants(X), without_constants(Y)
    return (cka_null if measure == "cka" else procrustes_null)(X, Y, permutations=_SHUFFLES)
