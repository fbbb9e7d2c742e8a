"""Figures of the models of a comparison.

Every function takes the comparison first. Slow figures are computed once and stored in the
comparison's cache.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bickd_core.comparing.cache import cached, cached_in_memory
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.agreement import kl_and_hellinger
from bickd_core.geometry.gram_figures import falls, greatest_fall, paired_overlap_difference
from bickd_core.geometry.gram_streams import logit_grams
from bickd_core.geometry.intervals import Interval, mean_interval, paired_mean_difference
from bickd_core.geometry.matching import Matched, Matching, entropies_at, match
from bickd_core.geometry.ordering import cluster_order
from bickd_core.geometry.orthogonality import (
    ClassGeometry,
    CrossGeometry,
    class_geometry,
    cross_gram,
)
from bickd_core.geometry.rematching import rematched
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.similarity import RowSimilarity, row_similarity
from bickd_core.geometry.similarity import row_cosines as cosines
from bickd_core.geometry.summary import Summary, TeacherSide, fixed_figures, summarise, teacher_side

ORDER_TEMPERATURE = 4.0
"""T of the teacher's clusters, which put the classes of every matrix in order."""


@cached
def summary(comparison: Comparison, model: Model, temperature: float) -> Summary:
    """The headline figures of a model beside the teacher."""
    teacher, own = comparison.teacher.predictions, model.predictions
    entropies = teacher_entropies(comparison, temperature)
    side = replace(_teacher_side(comparison), entropies=entropies)
    fixed = comparison.cache(  # the same at every temperature
        ("fixed figures", comparison.key, model.key), lambda: fixed_figures(teacher, own, side=side)
    )
    return summarise(teacher, own, T=temperature, side=side, fixed=fixed)


@cached_in_memory
def _teacher_side(comparison: Comparison) -> TeacherSide:
    """The teacher's part in the summary of every student, with its entropies at T = 1."""
    return teacher_side(comparison.teacher.predictions, T=1.0)


@cached
def probabilities(comparison: Comparison, model: Model, temperature: float) -> np.ndarray:
    """Probabilities at this temperature, float64 [N, C]. The array is shared: do not change it."""
    return model.predictions.probabilities(temperature)


def matched(
    comparison: Comparison, model: Model, temperature: float, matching: Matching
) -> Matched:
    """Return the temperature that matches a model's entropy to the teacher's at T by this rule."""
    if model.is_teacher or matching == "none":
        return Matched(temperature)
    return _matched(comparison, model, temperature, matching)


@cached
def _matched(
    comparison: Comparison, model: Model, temperature: float, matching: Matching
) -> Matched:
    targets = teacher_entropies(comparison, temperature)
    return match(model.predictions.logits, targets, temperature, matching)


@cached
def teacher_entropies(comparison: Comparison, temperature: float) -> np.ndarray:
    """The teacher's entropy of each sample at T, in nats, [N]."""
    return entropies_at(comparison.teacher.predictions.logits, temperature)


@cached
def geometry(
    comparison: Comparison, model: Model, temperature: float, *, centred: bool = False
) -> ClassGeometry:
    """The class Gram of a model at T. `class_geometry.gram` has it at matched entropy too."""
    return class_geometry(probabilities(comparison, model, temperature), centred=centred)


@cached
def cross(comparison: Comparison, model: Model, temperature: float) -> CrossGeometry:
    """Class columns of the teacher (rows of the matrix) beside those of `model`."""
    own, teacher = (
        probabilities(comparison, side, temperature) for side in (model, comparison.teacher)
    )
    return cross_gram(teacher, own)


@cached
def rows_similarity(comparison: Comparison, model: Model, temperature: float) -> RowSimilarity:
    """Cosines of the teacher's rows with the model's, by true class. The comparison has labels."""
    assert comparison.labels is not None, "callers ask only if there are labels"
    own, teacher = (
        probabilities(comparison, side, temperature) for side in (model, comparison.teacher)
    )
    return row_similarity(teacher, own, comparison.labels)


@cached
def row_cosines(comparison: Comparison, model: Model, temperature: float) -> np.ndarray:
    """Cosines of the teacher's rows with the model's, [N, N]; for some hundred samples."""
    own, teacher = (
        probabilities(comparison, side, temperature) for side in (model, comparison.teacher)
    )
    return cosines(teacher, own)


def class_order(comparison: Comparison, how: str) -> np.ndarray:
    """The order of the classes in matrices.

    Args:
        how: "cluster" for the clusters of the teacher at T = 4, the same order for every matrix;
            "index"; "name".
    """
    if how == "index":
        return np.arange(len(comparison.class_names))
    if how == "name":
        return np.argsort(np.array(comparison.class_names))
    return _cluster_order(comparison)


@cached
def _cluster_order(comparison: Comparison) -> np.ndarray:
    return cluster_order(geometry(comparison, comparison.teacher, ORDER_TEMPERATURE).gram)


def displacement(comparison: Comparison, model: Model, temperature: float) -> np.ndarray:
    """Hellinger distance of a model's probabilities from the teacher's, float64 [N]."""
    return distance(comparison, comparison.teacher, model, temperature)


@cached
def distance(comparison: Comparison, first: Model, second: Model, temperature: float) -> np.ndarray:
    """Hellinger distance between the probabilities of two models, float64 [N]."""
    return kl_and_hellinger(first.predictions.logits, second.predictions.logits, temperature)[1]


def displacement_by_agreement(
    comparison: Comparison, model: Model, temperature: float
) -> tuple[Interval | None, Interval | None]:
    """Mean displacement of the samples whose top-1 class differs from the teacher's, and of the
    others."""
    moved = displacement(comparison, model, temperature)
    same = comparison.teacher.predictions.predicted == model.predictions.predicted

    def mean(rows: np.ndarray) -> Interval | None:
        return mean_interval(moved[rows], bounds=(0.0, 1.0)) if rows.any() else None

    return mean(~same), mean(same)


def accuracy_difference(comparison: Comparison, a: Model, b: Model) -> Interval | None:
    """Accuracy of a minus that of b on the same samples; None without labels."""
    labels = comparison.labels
    if labels is None:
        return None
    right = [(model.predictions.predicted == labels).astype(np.float64) for model in (a, b)]
    return paired_mean_difference(right[0], right[1], labels)


def most_separated_pair(
    comparison: Comparison, student: Model, baseline: Model, temperature: float
) -> tuple[int, int]:
    """The two classes whose cosine falls most from the baseline to the student; see
    `greatest_fall`."""
    return greatest_fall(
        geometry(comparison, baseline, temperature), geometry(comparison, student, temperature)
    )


def separates(
    comparison: Comparison,
    student: Model,
    baseline: Model,
    pair: tuple[int, int],
    temperature: float,
) -> bool:
    """Whether the student separates these two classes more than the baseline does."""
    before, after = (geometry(comparison, model, temperature) for model in (baseline, student))
    return falls(before, after, pair)


@cached
def overlap_difference(
    comparison: Comparison,
    a: Model,
    b: Model,
    temperature: float,
    *,
    matching: Matching = "none",
    centred: bool = False,
) -> Interval | None:
    """Overlap of a minus that of b, paired over the same shards of samples; None if one cannot be
    matched."""
    models = (a, b)
    matches = [matched(comparison, model, temperature, matching) for model in models]
    if any(each.unreached == comparison.n for each in matches):
        return None
    grams = logit_grams(
        [model.predictions.logits for model in models],
        [each.T for each in matches],
        stratified_shards(comparison.n, comparison.labels),
        cross=False,
        dtype=np.float32 if comparison.large else np.float64,
    ).models
    if matching == "mean":
        targets = teacher_entropies(comparison, temperature)
        grams = tuple(
            rematched(gram, model.predictions.logits, float(each.T), targets)
            for gram, model, each in zip(grams, models, matches, strict=True)
        )
    return paired_overlap_difference(*grams, centred=centred)
