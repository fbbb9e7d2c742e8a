"""The charts of a comparison for notebooks: the reports' charts, several in one figure, on the
theme's surface."""

from __future__ import annotations

from dataclasses import replace

import plotly.graph_objects as go

from bickd_core.comparing.calibration import scores
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.report_data import ReportData
from bickd_core.geometry.calibration import reliability
from bickd_viz.charts.grid import Panel, grid_figure
from bickd_viz.charts.reliability import reliability_diagram
from bickd_viz.report import charts as comparison_charts
from bickd_viz.report.build import html
from bickd_viz.report.charts import Looks
from bickd_viz.report.comparison import comparison_report
from bickd_viz.theme import Theme, model_styles, theme_named

_WIDTH = 920


def overview(data: ReportData, theme: str) -> go.Figure:
    """Return the headline figures, three in a row."""
    chosen = theme_named(theme)
    charts = comparison_charts.overview(data, _looks(data.comparison, chosen), chosen)
    known = [chart for chart in charts if chart.table()["estimate"].notna().any()]
    shown = [Panel(chart.title, chart.sentence, chart.figure()) for chart in known]
    return _solid(grid_figure(shown, columns=3, width=_WIDTH, theme=chosen), chosen)


def class_geometry(
    comparison: Comparison, lens: Lens, student: Model, theme: str, note: str = ""
) -> go.Figure:
    """Return the matrices of the Class geometry page: teacher, student, difference and cross Gram.

    Args:
        note: on the student's matrices.
    """
    chosen = theme_named(theme)
    models = [student] if student.is_teacher else [comparison.teacher, student]
    charts = comparison_charts.grams(
        comparison, lens, models, student, chosen, height=430, width=_WIDTH // 2
    )
    panels = [
        Panel(chart.title, note if i else "", chart.figure()) for i, chart in enumerate(charts)
    ]
    return _solid(grid_figure(panels, columns=2, width=_WIDTH, theme=chosen), chosen)


def angles(comparison: Comparison, lens: Lens, theme: str) -> go.Figure:
    """Return the distribution of the angles between classes."""
    chosen = theme_named(theme)
    looks = _looks(comparison, chosen)
    return _solid(comparison_charts.angles(comparison, lens, looks, chosen).figure(), chosen)


def class_overlap(comparison: Comparison, lens: Lens, theme: str) -> go.Figure:
    """Return the classes that overlap most with all others."""
    chosen = theme_named(theme)
    looks = _looks(comparison, chosen)
    return _solid(comparison_charts.class_overlap(comparison, lens, looks, chosen).figure(), chosen)


def calibration(comparison: Comparison, theme: str) -> go.Figure:
    """Return accuracy by stated probability at T = 1. The comparison has labels."""
    chosen = theme_named(theme)
    looks = _looks(comparison, chosen)
    every = [(model, scores(comparison, model, 1.0)) for model in comparison.models]
    bins = [(looks[model.key], reliability(own.confidence, own.right)) for model, own in every]
    return _solid(reliability_diagram(bins, theme=chosen), chosen)


def report(data: ReportData) -> bytes:
    """Return the report on the comparison as HTML, without a link to the app, which has no such
    runs."""
    return html(replace(comparison_report(data), link=""))


def _looks(comparison: Comparison, theme: Theme) -> Looks:
    models = comparison.models
    styles = model_styles([(model.name, model.kind) for model in models], theme)
    return {model.key: style for model, style in zip(models, styles, strict=True)}


def _solid(figure: go.Figure, theme: Theme) -> go.Figure:
    """Give the figure the theme's background: a notebook may be light where the chart is dark."""
    return figure.update_layout(paper_bgcolor=theme.surface)
