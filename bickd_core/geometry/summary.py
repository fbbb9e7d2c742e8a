"""The headline figures of a model, with intervals over samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from bickd_core.geometry import agreement
from bickd_core.geometry.calibration import calibration_interval
from bickd_core.geometry.gram_figures import ClassFigures, class_figures
from bickd_core.geometry.gram_streams import logit_grams
from bickd_core.geometry.intervals import Interval, mean_interval, proportion_interval
from bickd_core.geometry.jackknife import CkaSide, Replicated, cka_between, cka_side
from bickd_core.geometry.matching import entropies_at, matched_temperatures
from bickd_core.geometry.overlap_streams import streamed_overlap
from bickd_core.geometry.probabilities import (
    MatchedTemperature,
    matched_temperature,
    mean_entropy_at,
    pass_dtype,
    top_class,
)
from bickd_core.geometry.shards import stratified_shards


class PredictionsLike(Protocol):
    """The attributes of Predictions that are used here: logits [N, C], ids [N], labels [N] or None,
    features [N, D] or None, names [C].
    """

    @property
    def logits(self) -> np.ndarray: ...
    @property
    def ids(self) -> np.ndarray: ...
    @property
    def labels(self) -> np.ndarray | None: ...
    @property
    def features(self) -> np.ndarray | None: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Summary:
    """Headline figures of a model, compared with its teacher if there is one.

    A figure is None if it is not available: without labels (accuracy, calibration_error), a
    teacher (agreement, kl, displacement, cka_*, overlap_matched, overlap_per_image), features of
    both (cka_features), or two usable classes (overlap*, score, effective_rank).

    Attributes:
        n, n_classes, n_classes_used: samples, classes, and classes whose column is not near zero at
            T.
        temperature: T of the probabilities of kl, displacement, overlap, score and effective_rank.
        mean_entropy: of the model at T, in nats.
        matched: the temperature of overlap_matched, at which the mean entropy equals the teacher's
            at T. If none is reached, overlap_matched is None.
        unreached: number of samples that do not reach the teacher's entropy at any temperature. In
            overlap_per_image they are at the nearest entropy; it is None if no sample reaches its
            target. None without a teacher.
        accuracy, agreement: shares of samples.
        kl: mean KL(teacher || model) at T, nats, without T^2.
        displacement: mean Hellinger distance at T.
        calibration_error: 15 equal-width bins at T = 1.
        cka_logits, cka_features: debiased linear CKA with the teacher.
        overlap: at T, as it is; overlap_matched: at matched mean entropy; overlap_per_image: each
            sample at the temperature where its entropy is the teacher's for it at T.
        score, effective_rank: of the class Gram at T.
    """

    n: int
    n_classes: int
    n_classes_used: int
    temperature: float
    mean_entropy: float
    matched: MatchedTemperature | None
    unreached: int | None
    accuracy: Interval | None
    agreement: Interval | None
    kl: Interval | None
    displacement: Interval | None
    calibration_error: Interval | None
    cka_logits: Interval | None
    cka_features: Interval | None
    overlap: Interval | None
    overlap_matched: Interval | None
    overlap_per_image: Interval | None
    score: Interval | None
    effective_rank: Interval | None


@dataclass(frozen=True)
class TeacherSide:
    """What `summarise` needs of the teacher at one temperature: entropies [N], top-1 classes [N],
    its sides of CKA."""

    entropies: np.ndarray
    predicted: np.ndarray
    logits: CkaSide
    features: CkaSide | None


def _teacher_side(teacher: PredictionsLike, T: float, shard: np.ndarray) -> TeacherSide:
    features = None if teacher.features is None else cka_side(teacher.features, shard)
    return TeacherSide(
        entropies_at(teacher.logits, T),
        teacher.logits.argmax(axis=1),
        cka_side(teacher.logits, shard, logits=True),
        features,
    )


@dataclass(frozen=True)
class FixedFigures:
    """The figures of a Summary that do not depend on T."""

    accuracy: Interval | None = None
    agreement: Interval | None = None
    calibration_error: Interval | None = None
    cka_logits: Interval | None = None
    cka_features: Interval | None = None


def _fixed_figures(
    side: TeacherSide | None,
    student: PredictionsLike,
    labels: np.ndarray | None,
    shard: np.ndarray,
) -> FixedFigures:
    predicted, confidence = top_class(student.logits)
    if side is None:
        return fixed_figures_of(predicted, confidence, labels)
    own = side.logits
    if student.logits is not own.rows:
        own = cka_side(student.logits, shard, logits=True)
    features = None
    if side.features is not None and student.features is not None:
        features = cka_between(side.features, cka_side(student.features, shard))
    return fixed_figures_of(
        predicted,
        confidence,
        labels,
        teacher=side.predicted,
        cka_logits=cka_between(side.logits, own),
        cka_features=features,
    )


def fixed_figures_of(
    predicted: np.ndarray,
    confidence: np.ndarray,
    labels: np.ndarray | None,
    *,
    teacher: np.ndarray | None = None,
    cka_logits: Replicated | None = None,
    cka_features: Replicated | None = None,
) -> FixedFigures:
    """Compute the figures that do not depend on T from their parts.

    Args:
        predicted: [N] top-1 class. confidence: [N] its probability at T = 1.
        labels: [N] true classes; None if unknown.
        teacher: [N] the teacher's top-1 class.
        cka_logits, cka_features: from `cka_between`.
    """
    right = None if labels is None else predicted == labels
    return FixedFigures(
        accuracy=None if right is None else proportion_interval(right, labels),
        agreement=(None if teacher is None else proportion_interval(teacher == predicted, labels)),
        calibration_error=(None if right is None else calibration_interval(confidence, right)),
        cka_logits=None if cka_logits is None else cka_logits.interval(),
        cka_features=None if cka_features is None else cka_features.interval(),
    )


def _labels(teacher: PredictionsLike | None, student: PredictionsLike) -> np.ndarray | None:
    return student.labels if student.labels is not None or teacher is None else teacher.labels


def summarise(
    teacher: PredictionsLike | None,
    student: PredictionsLike,
    *,
    T: float = 4.0,
) -> Summary:
    """Compute all headline figures of `student`. Pass the teacher as both models for the teacher's
    figures.

    Args:
        teacher: predictions on the same samples in the same order, or None.
        student: predictions of the model to describe.
        T: temperature, above 0.

    Returns:
        Summary.

    Raises:
        ValueError: the two are not aligned by id and class.
    """
    logits = student.logits
    if teacher is not None:
        check_aligned(teacher, student)
    labels = _labels(teacher, student)
    shard = stratified_shards(len(logits), labels)
    grams = logit_grams([logits], [T], shard, dtype=pass_dtype(logits)).models[0]
    figures = class_figures(grams)
    parts = SummaryParts(figures, mean_entropy_at(logits, T))
    side = None
    if teacher is not None:
        side = _teacher_side(teacher, T, shard)
        divergence, distance = agreement.kl_and_hellinger(teacher.logits, logits, T)
        parts = replace(parts, divergence=divergence, distance=distance)
        if np.array_equal(teacher.logits, logits):
            parts = unmoved(parts, side.entropies, T)
        else:
            matched = matched_temperature(logits, float(side.entropies.mean()), start=T)
            each = matched_temperatures(logits, side.entropies, start=T)
            parts = replace(parts, matched=matched, unreached=each.unreached)
            if matched.reached:
                at_mean = streamed_overlap(
                    logits, matched.temperature, shard, targets=side.entropies
                )
                parts = replace(parts, at_mean=at_mean)
            if each.unreached < len(logits):
                per_image = streamed_overlap(logits, each.temperatures, shard)
                parts = replace(parts, per_image=per_image)
    fixed = _fixed_figures(side, student, labels, shard)
    return summary_of(parts, fixed, n=len(logits), T=T, labels=labels)


@dataclass(frozen=True)
class SummaryParts:
    """The figures of a Summary that depend on T, each from a pass of its own.

    Attributes:
        figures: of the class Gram at T.
        mean_entropy: at T, in nats.
        divergence, distance: [N] KL and Hellinger distance from the teacher; None without one.
        matched, at_mean: the temperature at the teacher's mean entropy, and the overlap there.
        unreached, per_image: samples without a temperature, and the overlap of the others.
    """

    figures: ClassFigures
    mean_entropy: float
    divergence: np.ndarray | None = None
    distance: np.ndarray | None = None
    matched: MatchedTemperature | None = None
    at_mean: Replicated | None = None
    unreached: int | None = None
    per_image: Replicated | None = None


def unmoved(parts: SummaryParts, entropies: np.ndarray, T: float) -> SummaryParts:
    """The parts of a model that is its own teacher: it is matched as it is."""
    target = float(entropies.mean())
    overlap = parts.figures.replicated
    return replace(
        parts,
        matched=MatchedTemperature(float(T), target, target, True),
        at_mean=overlap,
        unreached=0,
        per_image=overlap,
    )


def summary_of(
    parts: SummaryParts,
    fixed: FixedFigures,
    *,
    n: int,
    T: float,
    labels: np.ndarray | None,
) -> Summary:
    """Put the parts of a Summary together. The arguments are those of `summarise`."""
    figures = parts.figures

    def overlap(replicated: Replicated | None) -> Interval | None:
        return None if replicated is None else replicated.interval()

    def mean(values: np.ndarray | None, highest: float) -> Interval | None:
        if values is None:
            return None
        return mean_interval(values, labels, bounds=(0.0, highest))

    return Summary(
        n=n,
        n_classes=figures.n_classes,
        n_classes_used=figures.n_classes_used,
        temperature=float(T),
        mean_entropy=parts.mean_entropy,
        matched=parts.matched,
        unreached=parts.unreached,
        accuracy=fixed.accuracy,
        agreement=fixed.agreement,
        kl=mean(parts.divergence, np.inf),
        displacement=mean(parts.distance, 1.0),
        calibration_error=fixed.calibration_error,
        cka_logits=fixed.cka_logits,
        cka_features=fixed.cka_features,
        overlap=figures.overlap,
        overlap_matched=overlap(parts.at_mean),
        overlap_per_image=overlap(parts.per_image),
        score=figures.score,
        effective_rank=figures.effective_rank,
    )


def check_aligned(teacher: PredictionsLike, student: PredictionsLike) -> None:
    """Raise ValueError unless both hold the same samples and classes in the same order."""
    if tuple(teacher.class_names) != tuple(student.class_names):
        raise ValueError(
            "teacher and student must have the same classes in the same order, got"
            f" {len(teacher.class_names)} and {len(student.class_names)} names that differ: align"
            " them first."
        )
    if not np.array_equal(teacher.ids, student.ids):
        raise ValueError(
            "teacher and student must have the same sample ids in the same order, got "
            f"{len(teacher.ids)} and {len(student.ids)} ids that differ: align them first."
        )
