"""The charts of a comparison in Python: what each is made of, and the import of those that draw them."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

from bickd_core.comparing.comparison import Measured
from bickd_core.comparing.seeds import OVERLAPS
from bickd_core.geometry import Matching, class_geometry, cross_gram, entropies_at, match
from bickd_core.naming import not_known
from bickd_core.runs.predictions import PredictionsError

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from bickd_core.comparing.notebooks import Comparison

NOTES: dict[Matching, str] = {
    "none": "",
    "mean": "The student at the teacher's mean entropy.",
    "image": "Each sample of the student at the teacher's entropy for it.",
}
"""How the student's entropy follows the teacher's in class Grams, for a chart."""
NO_LABELS = "no model has any; pass `labels` to Predictions.from_arrays."
"""The end of a sentence on what needs true labels."""


def charts() -> ModuleType:
    """Import the charts. This is the one place where this package imports one above it."""
    from bickd_viz import notebook_charts

    return notebook_charts


class Plots:
    """The charts of the pages, as Plotly figures."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison

    def overview(self) -> go.Figure:
        """Headline figures: a panel for each, in which every model is a dot with its 95% interval."""
        return charts().overview(self._comparison.measured, self._comparison.theme)

    def class_geometry(self, student: str | None = None, matching: Matching = "none") -> go.Figure:
        """Matrices of the cosines between classes: the teacher's, the student's, their difference, both.

        Args:
            student: its name; "BicKD" if there is one, else the last student by default.
            matching: "none" for both at T; "mean" for the student at the temperature where its mean
                entropy is the teacher's at T; "image" for each sample of the student at the temperature
                where its entropy is the teacher's.

        Raises:
            PredictionsError: there is no such student, or no temperature that matches.
        """
        comparison = self._comparison
        alone = student is None and not comparison.measured.students
        own = comparison.measured.teacher if alone else comparison.student(student)
        matched = _matched(comparison, own, matching)
        return charts().class_geometry(comparison.measured, matched, comparison.theme, NOTES[matching])

    def angles(self) -> go.Figure:
        """The distribution of the angles between classes, for each model; 90° is orthogonal."""
        return charts().angles(self._comparison.measured, self._comparison.theme)

    def leakage(self) -> go.Figure:
        """The classes that overlap most with all others."""
        return charts().leakage(self._comparison.measured, self._comparison.theme)

    def calibration(self) -> go.Figure:
        """Accuracy by stated probability, at T = 1.

        Raises:
            PredictionsError: no model has true labels.
        """
        if self._comparison.measured.labels is None:
            raise PredictionsError(f"calibration needs true labels, and {NO_LABELS}")
        return charts().calibration(self._comparison.measured, self._comparison.theme)


def _matched(comparison: Comparison, student: Measured, matching: Matching) -> Measured:
    """Return the student with class Grams at the teacher's entropy."""
    if matching not in NOTES:
        raise PredictionsError(f"`matching` {not_known(matching, NOTES)}")
    if matching == "none" or student.kind == "teacher":
        return student
    T, teacher = comparison.temperature, comparison.measured.teacher.predictions
    overlap = getattr(student.summary, OVERLAPS[matching])
    if overlap is None:
        raise PredictionsError(
            f"no temperature gives {student.name} the teacher's entropy; pass matching='none'."
        )
    at = match(student.predictions.logits, entropies_at(teacher.logits, T), T, matching)
    P = student.predictions.probabilities(at.T)
    return replace(
        student,
        summary=replace(student.summary, overlap=overlap),
        geometry=class_geometry(P),
        cross=cross_gram(teacher.probabilities(T), P),
    )
