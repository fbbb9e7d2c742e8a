"""A model's headline figures without their intervals, for what is taken over many runs."""

from __future__ import annotations

from dataclasses import dataclass

from bickd_core.geometry import agreement
from bickd_core.geometry.orthogonality import class_geometry
from bickd_core.geometry.probabilities import matched_temperature, mean_entropy_at, softmax
from bickd_core.geometry.summary import PredictionsLike, check_aligned


@dataclass(frozen=True)
class PointFigures:
    """What a spread over seeds is taken of: figures of a Summary without their intervals, so in a tenth of the time."""

    accuracy: float | None
    agreement: float
    overlap: float | None
    overlap_matched: float | None


def point_figures(
    teacher: PredictionsLike,
    student: PredictionsLike,
    *,
    T: float = 4.0,
    teacher_entropy: float | None = None,
) -> PointFigures:
    """Estimates of `summarise(teacher, student, T=T)`: accuracy, agreement, overlap at T and at matched mean entropy.

    teacher_entropy: `mean_entropy_at(teacher.logits, T)` where it is known already.
    """
    check_aligned(teacher, student)
    if teacher_entropy is None:
        teacher_entropy = mean_entropy_at(teacher.logits, T)
    labels = teacher.labels if student.labels is None else student.labels
    matched = matched_temperature(student.logits, teacher_entropy, start=T)
    at = [T, *([matched.temperature] if matched.reached else [])]
    overlaps = [class_geometry(softmax(student.logits, t)).overlap for t in at]
    return PointFigures(
        accuracy=None if labels is None else agreement.accuracy(student.logits, labels),
        agreement=agreement.agreement_rate(teacher.logits, student.logits),
        overlap=overlaps[0],
        overlap_matched=overlaps[1] if matched.reached else None,
    )
