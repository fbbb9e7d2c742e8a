"""The headline figures of a model, with intervals over samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bickd_core.geometry import agreement
from bickd_core.geometry.calibration import calibration_interval_of
from bickd_core.geometry.gram_figures import class_figures, overlap_interval
from bickd_core.geometry.gram_streams import logit_grams
from bickd_core.geometry.gram_sums import ShardGrams
from bickd_core.geometry.intervals import Interval, mean_interval, proportion_interval
from bickd_core.geometry.jackknife import CkaSide, cka_between, cka_side
from bickd_core.geometry.matching import entropies_at, matched_temperatures
from bickd_core.geometry.orthogonality import class_weights
from bickd_core.geometry.probabilities import (
    FLOAT32_ABOVE,
    MatchedTemperature,
    matched_temperature,
    mean_entropy_at,
    top_class,
)
from bickd_core.geometry.rematching import rematched
from bickd_core.geometry.shards import SHARDS, stratified_shards


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

    A figure is None if it is not available: without labels (accuracy, calibration_error,
    overlap_balanced), a teacher (agreement, kl, displacement, cka_*, overlap_matched,
    overlap_per_image), features of both (cka_features), or two usable classes (overlap*, score,
    effective_rank).

    Attributes:
        n, n_classes, n_classes_used: samples, classes, and classes whose column is not near zero at
            T.
        temperature: T of the probabilities of kl, displacement, overlap, score and effective_rank.
        level: nominal coverage of the intervals.
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
            sample at the temperature where its entropy is the teacher's for it at T;
            overlap_balanced: at T, classes weighted alike.
        score, effective_rank: of the class Gram at T.
    """

    n: int
    n_classes: int
    n_classes_used: int
    temperature: float
    level: float
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
    overlap_balanced: Interval | None
    score: Interval | None
    effective_rank: Interval | None


@dataclass(frozen=True)
class TeacherSide:
    """What `summarise` needs of the teacher at one temperature: entropies [N], its sides of CKA."""

    entropies: np.ndarray
    logits: CkaSide
    features: CkaSide | None


def teacher_side(
    teacher: PredictionsLike, *, T: float = 4.0, shards: int = SHARDS, seed: int = 0
) -> TeacherSide:
    """Compute the teacher's part of `summarise` once for all students. It is used for students with
    the teacher's labels."""
    shard = stratified_shards(len(teacher.logits), teacher.labels, shards=shards, seed=seed)
    return _teacher_side(teacher, T, shard)


def _teacher_side(teacher: PredictionsLike, T: float, shard: np.ndarray) -> TeacherSide:
    features = None if teacher.features is None else cka_side(teacher.features, shard)
    return TeacherSide(entropies_at(teacher.logits, T), cka_side(teacher.logits, shard), features)


@dataclass(frozen=True)
class FixedFigures:
    """The figures of a Summary that do not depend on T."""

    accuracy: Interval | None = None
    agreement: Interval | None = None
    calibration_error: Interval | None = None
    cka_logits: Interval | None = None
    cka_features: Interval | None = None


def fixed_figures(
    teacher: PredictionsLike | None,
    student: PredictionsLike,
    *,
    level: float = 0.95,
    shards: int = SHARDS,
    seed: int = 0,
    side: TeacherSide | None = None,
) -> FixedFigures:
    """Compute the figures of `summarise` that do not depend on T. The arguments are those of
    `summarise`, with a `side` at any T."""
    labels = _labels(teacher, student)
    shard = stratified_shards(len(student.logits), labels, shards=shards, seed=seed)
    figures: dict[str, Interval | None] = {}
    if labels is not None:
        predicted, confidence = top_class(student.logits)
        right = predicted == labels
        figures["accuracy"] = proportion_interval(right, labels, level=level)
        figures["calibration_error"] = calibration_interval_of(confidence, right, level=level)
    if teacher is not None:
        same = teacher.logits.argmax(axis=1) == student.logits.argmax(axis=1)
        figures["agreement"] = proportion_interval(same, labels, level=level)
        if side is None or not _same_labels(teacher.labels, labels):  # else the shards are others
            side = _teacher_side(teacher, 1.0, shard)
        own = side.logits if student.logits is side.logits.rows else cka_side(student.logits, shard)
        figures["cka_logits"] = _cka(side.logits, own, level)
        if side.features is not None and student.features is not None:
            figures["cka_features"] = _cka(side.features, cka_side(student.features, shard), level)
    return FixedFigures(**figures)


def _labels(teacher: PredictionsLike | None, student: PredictionsLike) -> np.ndarray | None:
    return student.labels if student.labels is not None or teacher is None else teacher.labels


def summarise(
    teacher: PredictionsLike | None,
    student: PredictionsLike,
    *,
    T: float = 4.0,
    level: float = 0.95,
    shards: int = SHARDS,
    seed: int = 0,
    side: TeacherSide | None = None,
    fixed: FixedFigures | None = None,
) -> Summary:
    """Compute all headline figures of `student`. Pass the teacher as both models for the teacher's
    figures.

    Args:
        teacher: predictions on the same samples in the same order, or None.
        student: predictions of the model to describe.
        T: temperature, above 0.
        level: nominal coverage.
        shards, seed: of the jackknife.
        side: `teacher_side(teacher, T)` with the same T, shards and seed, to compute it once for
            all students.
        fixed: `fixed_figures(teacher, student)` with the same level, shards and seed, to compute it
            once for all temperatures.

    Returns:
        Summary.

    Raises:
        ValueError: the two are not aligned by id and class.
    """
    logits = student.logits
    if teacher is not None:
        check_aligned(teacher, student)
    labels = _labels(teacher, student)
    shard = stratified_shards(len(logits), labels, shards=shards, seed=seed)
    dtype = np.float32 if logits.size > FLOAT32_ABOVE else np.float64

    def grams_at(at: float | np.ndarray, weights: np.ndarray | None = None) -> ShardGrams:
        return logit_grams([logits], [at], shard, weights=weights, dtype=dtype).models[0]

    grams = grams_at(T)
    figures = class_figures(grams, level=level)
    intervals: dict[str, Interval | None] = {}
    if labels is not None:
        weights = class_weights(labels)
        balanced = grams if np.ptp(weights) == 0 else grams_at(T, weights)
        intervals["overlap_balanced"] = overlap_interval(balanced, level=level)
    matched = unreached = None
    if teacher is not None:
        if side is None or not _same_labels(teacher.labels, labels):  # else the shards are others
            side = _teacher_side(teacher, T, shard)
        matched = _matched(teacher, student, side, T)
        intervals |= _moved(teacher, student, T, labels, level)
        if matched.reached:
            at_mean = grams if matched.temperature == T else grams_at(matched.temperature)
            at_mean = rematched(at_mean, logits, matched.temperature, side.entropies, dtype=dtype)
            intervals["overlap_matched"] = overlap_interval(at_mean, level=level)
        each = matched_temperatures(logits, side.entropies, start=T)
        unreached = each.unreached
        if unreached < len(logits):
            per_image = grams if student.logits is teacher.logits else grams_at(each.temperatures)
            intervals["overlap_per_image"] = overlap_interval(per_image, level=level)
    if fixed is None:
        fixed = fixed_figures(teacher, student, level=level, shards=shards, seed=seed, side=side)
    return Summary(
        n=len(logits),
        n_classes=logits.shape[1],
        n_classes_used=figures.n_classes_used,
        temperature=float(T),
        level=float(level),
        mean_entropy=mean_entropy_at(logits, T),
        matched=matched,
        unreached=unreached,
        accuracy=fixed.accuracy,
        agreement=fixed.agreement,
        kl=intervals.get("kl"),
        displacement=intervals.get("displacement"),
        calibration_error=fixed.calibration_error,
        cka_logits=fixed.cka_logits,
        cka_features=fixed.cka_features,
        overlap=figures.overlap,
        overlap_matched=intervals.get("overlap_matched"),
        overlap_per_image=intervals.get("overlap_per_image"),
        overlap_balanced=intervals.get("overlap_balanced"),
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


def _same_labels(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)


def _matched(
    teacher: PredictionsLike, student: PredictionsLike, side: TeacherSide, T: float
) -> MatchedTemperature:
    target = float(side.entropies.mean())
    if np.array_equal(teacher.logits, student.logits):
        return MatchedTemperature(float(T), target, target, True)
    return matched_temperature(student.logits, target, start=T)


def _moved(
    teacher: PredictionsLike,
    student: PredictionsLike,
    T: float,
    labels: np.ndarray | None,
    level: float,
) -> dict[str, Interval | None]:
    divergence, distance = agreement.kl_and_hellinger(teacher.logits, student.logits, T)
    return {
        "kl": mean_interval(divergence, labels, level=level, bounds=(0.0, np.inf)),
        "displacement": mean_interval(distance, labels, level=level, bounds=(0.0, 1.0)),
    }


def _cka(teacher: CkaSide, student: CkaSide, level: float) -> Interval | None:
    cka = cka_between(teacher, student)
    return None if cka is None else cka.interval(level)
