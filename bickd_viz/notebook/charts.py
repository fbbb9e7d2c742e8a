"""The charts of a comparison for notebooks: the reports' charts, several in one figure, on the
theme's surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import plotly.graph_objects as go

from bickd_core.comparing.calibration import scores
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Model
from bickd_core.comparing.report_data import ReportData
from bickd_core.geometry.calibration import reliability
from bickd_core.geometry.matching import Matching
from bickd_core.naming import not_known
from bickd_core.runs.predictions import PredictionsError
from bickd_viz.charts.grid import Panel, grid_figure
from bickd_viz.charts.reliability import reliability_diagram
from bickd_viz.notebook.compare import NO_LABELS, NotebookComparison
from bickd_viz.report import charts as comparison_charts
from bickd_viz.report.build import html
from bickd_viz.report.comparison import comparison_report
from bickd_viz.theme import model_styles, theme_named

NOTES: dict[Matching, str] = {
    "none": "",
    "mean": "The student at the teacher's mean entropy.",
    "image": "Each sample of the student at the teacher's entropy for it.",
}
"""How the student's entropy follows the teacher's in class Grams, for a chart."""
_WIDTH = 920


class Plots:
    """The charts of the pages, as Plotly figures."""

    def __init__(self, notebook: NotebookComparison) -> None:
        self._notebook = notebook
        self._comparison = notebook.data.comparison
        self._theme = theme_named(notebook.theme)
        models = self._comparison.models
        styles = model_styles([(model.name, model.kind) for model in models], self._theme)
        self._looks = {model.key: style for model, style in zip(models, styles, strict=True)}

    def overview(self) -> go.Figure:
        """Headline figures, three in a row: a panel for each, in which every model is a dot with
        its 95% interval."""
        charts = comparison_charts.overview(self._notebook.data, self._looks, self._theme)
        known = [chart for chart in charts if chart.table()["estimate"].notna().any()]
        return self._grid([Panel(c.title, c.sentence, c.figure()) for c in known], columns=3)

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
        comparison, teacher = self._comparison, self._comparison.teacher
        alone = student is None and not comparison.students
        own = teacher if alone else self._notebook.student(student)
        lens = Lens(self._notebook.temperature, matching)
        self._check_matched(own, lens)
        models = [own] if own.is_teacher else [teacher, own]
        charts = comparison_charts.grams(
            comparison, lens, models, own, self._theme, height=430, width=_WIDTH // 2
        )
        notes = ["", *[NOTES[matching]] * (len(charts) - 1)]
        panels = [Panel(c.title, note, c.figure()) for c, note in zip(charts, notes, strict=True)]
        return self._grid(panels, columns=2)

    def angles(self) -> go.Figure:
        """The distribution of the angles between classes, for each model; 90° is orthogonal."""
        lens = Lens(self._notebook.temperature)
        chart = comparison_charts.angles(self._comparison, lens, self._looks, self._theme)
        return self._solid(chart.figure())

    def class_overlap(self) -> go.Figure:
        """The classes that overlap most with all others."""
        lens = Lens(self._notebook.temperature)
        chart = comparison_charts.class_overlap(self._comparison, lens, self._looks, self._theme)
        return self._solid(chart.figure())

    def calibration(self) -> go.Figure:
        """Accuracy by stated probability, at T = 1.

        Raises:
            PredictionsError: no model has true labels.
        """
        comparison = self._comparison
        if comparison.labels is None:
            raise PredictionsError(f"calibration needs true labels, and {NO_LABELS}")
        every = [(model, scores(comparison, model, 1.0)) for model in comparison.models]
        bins = [(self._looks[m.key], reliability(own.confidence, own.right)) for m, own in every]
        return self._solid(reliability_diagram(bins, theme=self._theme))

    def _check_matched(self, student: Model, lens: Lens) -> None:
        """Raise PredictionsError if no temperature gives the student the teacher's entropy."""
        comparison = self._comparison
        if not student.is_teacher and lens.match(comparison, student).unreached == comparison.n:
            raise PredictionsError(
                f"no temperature gives {student.name} the teacher's entropy; pass matching='none'."
            )

    def _grid(self, panels: Sequence[Panel], *, columns: int) -> go.Figure:
        return self._solid(grid_figure(panels, columns=columns, width=_WIDTH, theme=self._theme))

    def _solid(self, figure: go.Figure) -> go.Figure:
        """Give the figure the theme's background: a notebook may be light where the chart is
        dark."""
        return figure.update_layout(paper_bgcolor=self._theme.surface)


def report(data: ReportData) -> bytes:
    """Return the report on the comparison as HTML, without a link to the app, which has no such
    runs."""
    return html(replace(comparison_report(data), link=""))
