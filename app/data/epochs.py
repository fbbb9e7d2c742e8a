"""Figures and Grams of the models by epoch, on the probe set that runs store during training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from app.data.comparison import file_of, predictions_at
from app.data.runs import Fingerprint, fingerprint_of
from bickd_core.comparing.cache import cached_in_memory
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.agreement import agrees, correct
from bickd_core.geometry.class_groups import Part, group_matrix
from bickd_core.geometry.epochs import EpochFigures, epoch_figures
from bickd_core.geometry.gram_figures import overlap_interval, paired_overlap_difference
from bickd_core.geometry.gram_streams import shard_grams
from bickd_core.geometry.gram_sums import ShardGrams
from bickd_core.geometry.intervals import Interval, proportion_interval
from bickd_core.geometry.matching import Matching, entropies_at
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.rematching import rematched
from bickd_core.geometry.shards import stratified_shards
from bickd_core.runs.predictions import PredictionsError, positions

MOST_CLASSES = 100
"""With more classes, the Gram of each epoch shows means over groups of classes."""


@dataclass(frozen=True)
class Course:
    """One model during its training.

    Attributes:
        figures: by epoch, the first is 1. A finished teacher has one epoch.
        learns: False for a finished teacher.
        logits: [E, P, C] on the probe samples.
    """

    model: Model
    figures: EpochFigures
    learns: bool
    logits: np.ndarray

    def at(self, epoch: int) -> int:
        """The position in `figures` of this epoch."""
        return self.figures.at(epoch)


@dataclass(frozen=True)
class Courses:
    """All models with a stored trajectory, on the probe samples that they share.

    Attributes:
        courses: the teacher first.
        missing: models without a trajectory.
        names: names of the rows of the Grams: classes in the order shown, or groups of classes.
        grouped: whether the Grams are means over groups. They are NaN without a pair of classes.
        n: number of probe samples.
        n_validation: size of the teacher's validation split, or None if it is not stored.
        last: the last epoch of all courses.
        temperature: T of the view. The figures have the temperature of each Gram.
        labels: [n] true classes of the probe samples, or None.
        reference: [n, C] the finished teacher's logits on them, or None.
        mean_targets: [n] the finished teacher's entropies, if models are matched to their mean;
            otherwise None.
    """

    courses: tuple[Course, ...]
    missing: tuple[Model, ...]
    names: tuple[str, ...]
    grouped: bool
    n: int
    n_validation: int | None
    last: int
    temperature: float
    labels: np.ndarray | None
    reference: np.ndarray | None
    mean_targets: np.ndarray | None = None


@dataclass(frozen=True)
class _Trajectory:
    logits: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None
    epochs: np.ndarray


def has_courses(comparison: Comparison) -> bool:
    """Return whether a student has a trajectory file. The file is not read."""
    return any(model.run.trajectory_path.exists() for model in comparison.students)


def courses(
    comparison: Comparison,
    temperature: float,
    part: Part,
    *,
    teacher_learns: bool = False,
    matching: Matching = "none",
) -> Courses | None:
    """Return the courses of teacher and students; None if no student has stored one.

    Args:
        part: the classes, or groups of classes, of the Grams.
        teacher_learns: show the teacher during its training, not the finished teacher.
        matching: how the entropy of every model and epoch is matched to the finished teacher's at
            T. It has no effect if the teacher has stored no predictions on these samples.

    Raises:
        PredictionsError: the stored probe sets have no sample in common.
    """
    fingerprints = tuple(
        fingerprint_of(path)
        for model in comparison.models
        for path in (model.run.trajectory_path, model.run.predictions_path("validation"))
    )
    return _courses(comparison, fingerprints, temperature, part, teacher_learns, matching)


@cached_in_memory
def _courses(
    comparison: Comparison,
    fingerprints: tuple[Fingerprint, ...],
    T: float,
    part: Part,
    teacher_learns: bool,
    matching: Matching,
) -> Courses | None:
    trajectories = {model.key: _trajectory(comparison, model) for model in comparison.models}
    students = [model for model in comparison.students if trajectories[model.key] is not None]
    if not students:
        return None
    finished = _finished(comparison)
    stored = [
        trajectory for model in students if (trajectory := trajectories[model.key]) is not None
    ]
    learning = trajectories[comparison.teacher.key] if teacher_learns else None
    ids = stored[0].ids
    for each in (*stored[1:], finished, learning):
        if each is not None:
            ids = ids[np.isin(ids, each.ids)]
    if not len(ids):
        raise PredictionsError("the stored probe sets of these runs have no sample in common.")
    names = tuple(group.name for group in part.groups) or tuple(
        comparison.class_names[c] for c in part.members
    )
    reference = None if finished is None else _on_samples(finished, ids).logits[-1]
    targets = None if reference is None else entropies_at(reference, T)
    courses, missing = [], []
    for model in comparison.models:
        own = finished if model.is_teacher and not teacher_learns else trajectories[model.key]
        if own is None:
            missing.append(model)
            continue
        own = _on_samples(own, ids)
        figures = epoch_figures(
            own.logits,
            own.epochs,
            T=T,
            matching="none" if targets is None else matching,
            targets=targets,
            labels=own.labels,
            reference=None if model.is_teacher else reference,
            reduce=_reducer(part),
        )
        courses.append(
            Course(model, figures, learns=not model.is_teacher or teacher_learns, logits=own.logits)
        )
    return Courses(
        courses=tuple(courses),
        missing=tuple(missing),
        names=names,
        grouped=bool(part.groups),
        n=len(ids),
        n_validation=_validation_size(comparison),
        last=max(int(course.figures.epochs[-1]) for course in courses if course.learns),
        temperature=T,
        mean_targets=targets if matching == "mean" else None,
        labels=_on_samples(stored[0], ids).labels,
        reference=reference,
    )


def _trajectory(comparison: Comparison, model: Model) -> _Trajectory | None:
    """Return the run's trajectory in the comparison's order of classes. Epochs count from 1."""
    stored = model.run.trajectory()
    if stored is None or not len(stored["epochs"]):
        return None
    own = predictions_at(file_of(comparison, model.run)).class_names
    columns = np.array([own.index(name) for name in comparison.class_names])
    labels = stored.get("labels")
    place = np.argsort(columns)
    return _Trajectory(
        stored["logits"][:, :, columns].astype(np.float32),
        stored["ids"],
        None if labels is None else place[labels],
        stored["epochs"] + 1,
    )


def _finished(comparison: Comparison) -> _Trajectory | None:
    """Return the finished teacher as a trajectory of one epoch: its validation predictions, else
    its last stored epoch."""
    run = comparison.teacher.run
    if run.has_predictions("validation"):
        final = predictions_at(fingerprint_of(run.predictions_path("validation"))).with_class_order(
            comparison.class_names
        )
        return _Trajectory(final.logits[None], final.ids, final.labels, np.array([1]))
    stored = _trajectory(comparison, comparison.teacher)
    return (
        None if stored is None else replace(stored, logits=stored.logits[-1:], epochs=np.array([1]))
    )


def _on_samples(trajectory: _Trajectory, ids: np.ndarray) -> _Trajectory:
    rows = positions(trajectory.ids, ids)
    return _Trajectory(
        trajectory.logits[:, rows],
        ids,
        None if trajectory.labels is None else trajectory.labels[rows],
        trajectory.epochs,
    )


def _validation_size(comparison: Comparison) -> int | None:
    run = comparison.teacher.run
    if not run.has_predictions("validation"):
        return None
    return len(predictions_at(fingerprint_of(run.predictions_path("validation"))))


def _reducer(part: Part) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    if not part.groups:
        members = list(part.members)
        return lambda gram, empty: gram[np.ix_(members, members)]
    return lambda gram, empty: group_matrix(gram, part.groups, empty).values


@dataclass(frozen=True)
class EpochIntervals:
    """One model's figures after an epoch, with intervals over the probe samples. Only students have
    an agreement."""

    overlap: Interval | None
    accuracy: Interval | None
    agreement: Interval | None


def epoch_intervals(courses: Courses, course: Course, epoch: int) -> EpochIntervals:
    """Overlap, accuracy and agreement of one model after an epoch, with their intervals."""
    at, labels = course.at(epoch), courses.labels
    logits = course.logits[at]
    shard = stratified_shards(courses.n, labels)
    right = None if labels is None else proportion_interval(correct(logits, labels), labels)
    same = None
    if courses.reference is not None and not course.model.is_teacher:
        same = proportion_interval(agrees(courses.reference, logits), labels)
    return EpochIntervals(overlap_interval(_grams(courses, course, at, shard)), right, same)


def end_gap(courses: Courses, first: Course, second: Course) -> Interval | None:
    """Return the difference in overlap of two models after their last epochs, paired on the probe
    samples."""
    shard = stratified_shards(courses.n, courses.labels)
    return paired_overlap_difference(
        *(_grams(courses, course, -1, shard) for course in (first, second))
    )


def _grams(courses: Courses, course: Course, at: int, shard: np.ndarray) -> ShardGrams:
    """The sums of one Gram of a course."""
    logits, T = course.logits[at], course.figures.temperatures[at]
    grams = shard_grams(softmax(logits, T), shard)
    if courses.mean_targets is None or course.figures.unreached[at]:
        return grams
    return rematched(grams, logits, float(T), courses.mean_targets)
