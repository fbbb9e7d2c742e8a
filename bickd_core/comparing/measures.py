"""Figures of the models of a comparison.

Every function takes the comparison first. Slow figures are computed once and stored in the
comparison's cache.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bickd_core.comparing.cache import cached, cached_quick
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.agreement import kl_and_hellinger
from bickd_core.geometry.gram_figures import (
    ClassFigures,
    CrossFigures,
    class_figures,
    cross_figures,
    cross_geometry_from_sums,
    falls,
    geometry_from_sums,
    greatest_fall,
)
from bickd_core.geometry.gram_streams import logit_cross, logit_grams, same_class_cosines
from bickd_core.geometry.intervals import Interval, mean_interval, paired_mean_difference
from bickd_core.geometry.jackknife import (
    CkaSide,
    Replicated,
    cka_between,
    cka_side,
    replicated_difference,
)
from bickd_core.geometry.matching import Matched, Matching, entropies_at, match
from bickd_core.geometry.ordering import cluster_order
from bickd_core.geometry.orthogonality import ClassGeometry, CrossGeometry
from bickd_core.geometry.overlap_streams import streamed_overlap
from bickd_core.geometry.probabilities import (
    MatchedTemperature,
    matched_temperature,
    pass_dtype,
    top_class,
)
from bickd_core.geometry.rematching import rematched
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.similarity import RowSimilarity, row_similarity
from bickd_core.geometry.similarity import row_cosines as cosines
from bickd_core.geometry.summary import (
    FixedFigures,
    Summary,
    SummaryParts,
    fixed_figures_of,
    summary_of,
    unmoved,
)

ORDER_TEMPERATURE = 4.0
"""T of the teacher's clusters, which put the classes of every matrix in order."""


def shards(comparison: Comparison) -> np.ndarray:
    """The shard of each sample, which all jackknives of the comparison share, [N]."""
    return comparison.cache(
        ("shards", comparison.key), lambda: stratified_shards(comparison.n, comparison.labels)
    )


@cached_quick
def summary(comparison: Comparison, model: Model, temperature: float) -> Summary:
    """The headline figures of a model beside the teacher."""
    teacher, labels, n = comparison.teacher, comparison.labels, comparison.n
    figures = class_view(comparison, model, temperature)[1]
    parts = SummaryParts(figures, mean_entropy(comparison, model, temperature))
    if model.is_teacher:
        parts = replace(
            unmoved(parts, teacher_entropies(comparison, temperature), temperature),
            divergence=np.zeros(n),
            distance=np.zeros(n),
        )
    else:
        divergence, distance = divergences(comparison, teacher, model, temperature)
        parts = replace(
            parts,
            divergence=divergence,
            distance=distance,
            matched=mean_match(comparison, model, temperature),
            at_mean=overlap_at(comparison, model, temperature, "mean"),
            unreached=matched(comparison, model, temperature, "image").unreached,
            per_image=overlap_at(comparison, model, temperature, "image"),
        )
    fixed = _fixed_figures(comparison, model)
    return summary_of(parts, fixed, n=n, T=temperature, labels=labels)


@cached
def _fixed_figures(comparison: Comparison, model: Model) -> FixedFigures:
    """The headline figures that are the same at every temperature."""
    return fixed_figures_of(
        model.predictions.predicted,
        confidence(comparison, model, 1.0),
        comparison.labels,
        teacher=comparison.teacher.predictions.predicted,
        cka_logits=cka(comparison, model, "outputs"),
        cka_features=cka(comparison, model, "features"),
    )


def rows_of(model: Model, basis: str) -> np.ndarray | None:
    """The rows [N, D] that similarity compares: "outputs" are the logits, "features" those of the
    penultimate layer."""
    return model.predictions.logits if basis == "outputs" else model.predictions.features


@cached
def cka(comparison: Comparison, model: Model, basis: str) -> Replicated | None:
    """Debiased linear CKA of a model with the teacher; None if it is not defined, or without
    features."""
    teacher, own = comparison.teacher, side_of_cka(comparison, model, basis)
    if own is None or (first := side_of_cka(comparison, teacher, basis)) is None:
        return None
    return cka_between(first, first if model.is_teacher else own)


def side_of_cka(comparison: Comparison, model: Model, basis: str) -> CkaSide | None:
    """A model's side of `cka`; None without features."""
    rows = rows_of(model, basis)
    if rows is None:
        return None
    own = _own_hsics(comparison, model, basis)
    return cka_side(rows, shards(comparison), own=own, logits=basis == "outputs")


@cached
def _own_hsics(comparison: Comparison, model: Model, basis: str) -> np.ndarray:
    rows = rows_of(model, basis)
    assert rows is not None, "callers ask only if there are features"
    return cka_side(rows, shards(comparison), logits=basis == "outputs").own


def probabilities_at(model: Model, positions: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities of some samples, float64 [n, C]."""
    return model.predictions.take(positions).probabilities(temperature)


@cached_quick
def confidence(comparison: Comparison, model: Model, temperature: float) -> np.ndarray:
    """Probability of the predicted class at T, float64 [N]."""
    return top_class(model.predictions.logits, temperature)[1]


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
    if matching == "mean":
        common = mean_match(comparison, model, temperature)
        return Matched(common.temperature) if common.reached else Matched(temperature, comparison.n)
    targets = teacher_entropies(comparison, temperature)
    return match(model.predictions.logits, targets, temperature, matching)


@cached
def mean_match(comparison: Comparison, model: Model, temperature: float) -> MatchedTemperature:
    """The temperature at which a student's mean entropy is the teacher's at T."""
    target = float(teacher_entropies(comparison, temperature).mean())
    return matched_temperature(model.predictions.logits, target, start=temperature)


@cached_quick
def teacher_entropies(comparison: Comparison, temperature: float) -> np.ndarray:
    """The teacher's entropy of each sample at T, in nats, [N]."""
    return entropies_at(comparison.teacher.predictions.logits, temperature)


@cached_quick
def mean_entropy(
    comparison: Comparison, model: Model, temperature: float, matching: Matching = "none"
) -> float:
    """Mean entropy of a model's probabilities in nats."""
    if model.is_teacher:
        return float(teacher_entropies(comparison, temperature).mean())
    at = matched(comparison, model, temperature, matching).T
    return float(entropies_at(model.predictions.logits, at).mean())


@cached
def class_view(
    comparison: Comparison,
    model: Model,
    temperature: float,
    matching: Matching = "none",
    centred: bool = False,
) -> tuple[ClassGeometry, ClassFigures]:
    """The class Gram of a model and its figures, from one pass over the logits."""
    logits = model.predictions.logits
    at = matched(comparison, model, temperature, matching)
    dtype = np.float64 if centred else pass_dtype(logits)
    grams = logit_grams([logits], [at.T], shards(comparison), dtype=dtype).models[0]
    if matching == "mean" and not model.is_teacher and not at.unreached:
        targets = teacher_entropies(comparison, temperature)
        grams = rematched(grams, logits, float(at.T), targets, dtype=dtype)
    figures = class_figures(grams, centred=centred)
    rank = None if figures.effective_rank is None else figures.effective_rank.plain
    return geometry_from_sums(grams, centred=centred, rank=rank), figures


@cached
def cross_view(
    comparison: Comparison,
    model: Model,
    temperature: float,
    matching: Matching = "none",
    centred: bool = False,
) -> tuple[CrossGeometry, CrossFigures]:
    """The cross Gram of the teacher (rows of the matrix) and a model, and its figures."""
    teacher, own = comparison.teacher.predictions.logits, model.predictions.logits
    at = matched(comparison, model, temperature, matching).T
    dtype = np.float64 if centred else pass_dtype(teacher)
    cross = logit_cross((teacher, own), (temperature, at), shards(comparison), dtype=dtype)
    return cross_geometry_from_sums(cross, centred=centred), cross_figures(cross, centred=centred)


@cached
def overlap_at(
    comparison: Comparison,
    model: Model,
    temperature: float,
    matching: Matching = "none",
    centred: bool = False,
) -> Replicated | None:
    """Overlap of a model with its replicates; None if it cannot be matched, or below two usable
    classes."""
    if model.is_teacher:
        matching = "none"
    if matching == "none":
        return class_view(comparison, model, temperature, "none", centred)[1].replicated
    at = matched(comparison, model, temperature, matching)
    if at.unreached == comparison.n:
        return None
    targets = teacher_entropies(comparison, temperature) if matching == "mean" else None
    return streamed_overlap(
        model.predictions.logits, at.T, shards(comparison), centred=centred, targets=targets
    )


def geometry(comparison: Comparison, model: Model, temperature: float) -> ClassGeometry:
    """The class Gram of a model at T. `class_geometry.gram` has it at matched entropy too."""
    return class_view(comparison, model, temperature)[0]


def cross(comparison: Comparison, model: Model, temperature: float) -> CrossGeometry:
    """Class columns of the teacher (rows of the matrix) beside those of `model`."""
    return cross_view(comparison, model, temperature)[0]


@cached
def same_class(comparison: Comparison, model: Model, temperature: float) -> np.ndarray:
    """Cosine of each class's columns in the teacher and in this model, float64 [C]: the diagonal of
    `cross`."""
    teacher, own = comparison.teacher.predictions.logits, model.predictions.logits
    return same_class_cosines(teacher, own, temperature)


@cached
def rows_similarity(comparison: Comparison, model: Model, temperature: float) -> RowSimilarity:
    """Cosines of the teacher's rows with the model's, by true class. The comparison has labels."""
    assert comparison.labels is not None, "callers ask only if there are labels"
    teacher, own = comparison.teacher.predictions.logits, model.predictions.logits
    return row_similarity(teacher, own, comparison.labels, temperature)


@cached
def row_cosines(comparison: Comparison, model: Model, temperature: float) -> np.ndarray:
    """Cosines of the teacher's rows with the model's, [N, N]; for some hundred samples."""
    teacher, own = (
        side.predictions.probabilities(temperature) for side in (comparison.teacher, model)
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


@cached_quick
def _cluster_order(comparison: Comparison) -> np.ndarray:
    return cluster_order(geometry(comparison, comparison.teacher, ORDER_TEMPERATURE).gram)


def displacement(comparison: Comparison, model: Model, temperature: float) -> np.ndarray:
    """Hellinger distance of a model's probabilities from the teacher's, float64 [N]."""
    return distance(comparison, comparison.teacher, model, temperature)


def distance(comparison: Comparison, first: Model, second: Model, temperature: float) -> np.ndarray:
    """Hellinger distance between the probabilities of two models, float64 [N]."""
    return divergences(comparison, first, second, temperature)[1]


@cached_quick
def divergences(
    comparison: Comparison, first: Model, second: Model, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """KL of the first model from the second and their Hellinger distance, float64 [N] each."""
    return kl_and_hellinger(first.predictions.logits, second.predictions.logits, temperature)


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


@cached_quick
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
    first, second = (
        overlap_at(comparison, model, temperature, matching, centred) for model in (a, b)
    )
    return replicated_difference(first, second)
