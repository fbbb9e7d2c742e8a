"""Charts of a whole comparison, for reports and notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bickd_core.comparing.comparison import Measured, MeasuredComparison
from bickd_core.wording import worded
from bickd_viz import tables
from bickd_viz.charts import Row, leakage_ranking, matrix_figure, whisker_rows
from bickd_viz.charts import angles as angles_figure
from bickd_viz.export.chart_export import Exhibit, file_name
from bickd_viz.report.tables import FIGURES
from bickd_viz.scales import overlap_ends
from bickd_viz.text import numbers
from bickd_viz.theme import LIGHT, ModelStyle, Theme

Looks = Mapping[str, ModelStyle]
"""Key of a model -> its colour and symbol."""
CARDS = 5
"""Figures that are charts: those that a recipe has over its seeds."""


def overview(comparison: MeasuredComparison, looks: Looks, theme: Theme = LIGHT) -> list[Exhibit]:
    """Return one chart for each headline figure: a dot with its 95% interval for each model."""
    charts = []
    for field, title, note, axis, fmt, with_teacher in FIGURES[:CARDS]:
        rows = []
        for model in comparison.models:
            figure = comparison.recipes.figures[model.key].get(field)
            if figure is not None:
                ends = figure.interval.low, figure.interval.high
                seeds = comparison.recipes.seeds(model.key)
                rows.append(
                    Row(looks[model.key], figure.mean, *ends, deviation=figure.deviation, seeds=seeds)
                )
            elif with_teacher or model.kind != "teacher":
                rows.append(Row(looks[model.key], None))
        title, note, axis = (worded(words, comparison.noun) for words in (title, note, axis))
        charts.append(_dots(field.replace("_", "-"), rows, fmt, title, note, axis, theme))
    return charts


def _dots(
    name: str, rows: Sequence[Row], fmt: str, title: str, sentence: str, x_title: str, theme: Theme
) -> Exhibit:
    return Exhibit(
        name,
        title,
        lambda: whisker_rows(rows, fmt=fmt, theme=theme),
        lambda: tables.whisker_table(rows),
        sentence=sentence,
        x_title=x_title,
    )


def grams(
    comparison: MeasuredComparison,
    models: Sequence[Measured] | None = None,
    student: Measured | None = None,
    theme: Theme = LIGHT,
    *,
    height: int = 360,
    width: int = 340,
) -> list[Exhibit]:
    """Return the class Grams, the student's minus the teacher's, and the cross Gram of the two.

    Args:
        models: Models whose own Gram is shown. Default: all.
        student: The student of the last two matrices. Default: the student in focus.
        theme: Colours.
        height: Of a matrix in px.
        width: Of a matrix in px.
    """
    student = student or comparison.focus()
    low, top = colour_ends(comparison, models, student)
    tiles: list[tuple[str, str, np.ndarray, str, float, float]] = []
    for model in models or comparison.models:
        figure = model.summary.overlap
        overlap = "" if figure is None else f", overlap {numbers.number(figure.estimate)}"
        tiles.append((model.name, f"{model.name}{overlap}", model.geometry.gram, "cosine", low, top))
    if student.cross is not None:
        less = student.geometry.gram - comparison.teacher.geometry.gram
        title = f"{student.name} − teacher (below 0: further apart)"
        tiles.append((f"{student.name}-minus-teacher", title, less, "difference", -0.4, 0.4))
        title = f"Teacher (rows) × {student.name} (columns)"
        tiles.append((f"teacher-by-{student.name}", title, student.cross.gram, "cosine", low, top))
    return [_matrix(comparison, *tile, theme, height, width) for tile in tiles]


def colour_ends(
    comparison: MeasuredComparison,
    models: Sequence[Measured] | None = None,
    student: Measured | None = None,
) -> tuple[float, float]:
    """Return the ends of the colour scale that all Grams share."""
    cross = (student or comparison.focus()).cross
    values = [model.geometry.gram for model in models or comparison.models]
    return overlap_ends(values if cross is None else [*values, cross.gram])


def _matrix(
    comparison: MeasuredComparison,
    name: str,
    title: str,
    values: np.ndarray,
    what: str,
    low: float,
    high: float,
    theme: Theme,
    height: int,
    width: int,
) -> Exhibit:
    return Exhibit(
        file_name(f"gram-{name}"),
        title,
        lambda: matrix_figure(
            values,
            comparison.class_names,
            order=comparison.order,
            zmin=low,
            zmax=high,
            scale="diverging" if low < 0 else "sequential",
            theme=theme,
            value_name=what,
            clickable=False,
            height=height,
            width=width,
        ),
        lambda: tables.matrix_table(values, comparison.class_names, order=comparison.order, value_name=what),
        x_title="class",
        y_title="class",
    )


def angles(comparison: MeasuredComparison, looks: Looks, theme: Theme = LIGHT) -> Exhibit:
    """Return the distribution of the angles between classes, for each model."""
    pairs = []
    for model in comparison.models:
        used = np.flatnonzero(~model.geometry.empty)
        gram = model.geometry.gram[np.ix_(used, used)]
        cosines = np.clip(gram[np.triu_indices(len(used), k=1)], -1, 1)
        pairs.append((looks[model.key], np.degrees(np.arccos(cosines))))
    return Exhibit(
        "angles",
        "Angles between classes",
        lambda: angles_figure(pairs, height=300, theme=theme),
        lambda: tables.angles_table(pairs),
        sentence="Over all pairs of classes. 90° is orthogonal.",
        y_title="share of class pairs (%)",
    )


def leakage(comparison: MeasuredComparison, looks: Looks, theme: Theme = LIGHT) -> Exhibit:
    """Return the classes with the most leakage, for each model."""
    leaks = [(looks[model.key], model.leakage) for model in comparison.models]
    names = comparison.class_names
    return Exhibit(
        "leakage",
        "Classes that leak most",
        lambda: leakage_ranking(leaks, names, top=10, x_title="leakage (mean cosine)", theme=theme),
        lambda: tables.ranking_table(leaks, names),
        sentence="Mean cosine of a class with all others, ordered by the teacher.",
    )
