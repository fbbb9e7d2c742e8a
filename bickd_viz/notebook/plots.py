"""The charts of a comparison in Python: their data, and the import of the functions that draw
them."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Model
from bickd_core.geometry.matching import Matching
from bickd_core.naming import not_known
from bickd_core.runs.predictions import PredictionsError

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from bickd_viz.notebook.compare import NotebookComparison

NOTES: dict[Matching, str] = {
    "none": "",
    "mean": "The student at the teacher's mean entropy.",
    "image": "Each sample of the student at the teacher's entropy for it.",
}
"""How the student's entropy follows the teacher's in class Grams, for a chart."""
NO_LABELS = "no model has any; pass `labels` to Predictions.from_arrays."
"""The end of a sentence on what needs true labels."""


def charts() -> ModuleType:
    """Import the charts, and with them Plotly, when the first is asked for."""
    from bickd_viz.notebook import charts

    return charts


class Plots:
    """The charts of the pages, as Plotly figures."""

    def __init__(self, comparison: NotebookComparison) -> None:
        self._comparison = comparison

    def overview(self) -> go.Figure:
        """Headline figures: a panel for each, in which every model is a dot with its 95%
        interval."""
        return charts().overview(self._comparison.data, self._comparison.theme)

    def class_geometry(self, student: str | None = None, matching: Matching = "none") -> go.Figure:
        """Matrices of the cosines between classes: the teacher's, the student's, their difference,
        both.

        Args:
            student: its name; "BicKD" if there is one, else the last student by default.
            matching: "none" for both at T; "mean" for the student at the temperature where its mean
                entropy is the teacher's at T; "image" for each sample of the student at the
                temperature where its entropy is the teacher's.

        Raises:
            PredictionsError: there is no such student, or no temperature that matches.
        """
        if matching not in NOTES:
            raise PredictionsError(f"`matching` {not_known(matching, NOTES)}")
        notebook = self._comparison
        comparison = notebook.data.comparison
        alone = student is None and not comparison.students
        own = comparison.teacher if alone else notebook.student(student)
        lens = Lens(notebook.temperature, matching)
        _check_matched(notebook, own, lens)
        return charts().class_geometry(comparison, lens, own, notebook.theme, NOTES[matching])

    def angles(self) -> go.Figure:
        """The distribution of the angles between classes, for each model; 90° is orthogonal."""
        notebook = self._comparison
        return charts().angles(notebook.data.comparison, Lens(notebook.temperature), notebook.theme)

    def class_overlap(self) -> go.Figure:
        """The classes that overlap most with all others."""
        notebook = self._comparison
        return charts().class_overlap(
            notebook.data.comparison, Lens(notebook.temperature), notebook.theme
        )

    def calibration(self) -> go.Figure:
        """Accuracy by stated probability, at T = 1.

        Raises:
            PredictionsError: no model has true labels.
        """
        comparison = self._comparison.data.comparison
        if comparison.labels is None:
            raise PredictionsError(f"calibration needs true labels, and {NO_LABELS}")
        return charts().calibration(comparison, self._comparison.theme)


def _check_matched(notebook: NotebookComparison, student: Model, lens: Lens) -> None:
    """Raise PredictionsError if no temperature gives the student the teacher's entropy."""
    comparison = notebook.data.comparison
    if not student.is_teacher and lens.match(comparison, student).unreached == comparison.n:
        raise PredictionsError(
            f"no temperature gives {student.name} the teacher's entropy; pass matching='none'."
        )
