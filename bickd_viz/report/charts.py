"""Charts of a whole comparison, for reports and notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bickd_core.comparing import measures
from bickd_core.comparing.class_geometry import (
    Lens,
    cross_gram,
    gram,
    gram_difference,
    gram_figures,
)
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.figures import OVER_SEEDS
from bickd_core.comparing.report_data import ReportData
from bickd_core.geometry.class_groups import MOST_CLASSES, Group, by_neighbours, group_matrix
from bickd_core.wording import worded
from bickd_viz import tables
from bickd_viz.charts.histogram import angles_plot
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.charts.ranking import ranking_plot
from bickd_viz.charts.whiskers import Row, whisker_rows
from bickd_viz.export.chart_export import ChartExport, file_name
from bickd_viz.scales import overlap_ends
from bickd_viz.text import numbers
from bickd_viz.theme import LIGHT, ModelStyle, Theme

Looks = Mapping[str, ModelStyle]
"""Key of a model -> its colour and symbol."""


def overview(data: ReportData, looks: Looks, theme: Theme = LIGHT) -> list[ChartExport]:
    """Return one chart for each headline figure: a dot with its 95% interval for each model."""
    charts = []
    for figure in OVER_SEEDS:
        rows = []
        for model in data.comparison.models:
            over_seeds = data.recipes.figures[model.key].get(figure.field)
            if over_seeds is not None:
                ends = over_seeds.interval.low, over_seeds.interval.high
                seeds = data.recipes.seeds(model.key)
                deviation = over_seeds.deviation
                rows.append(
                    Row(looks[model.key], over_seeds.mean, *ends, deviation=deviation, seeds=seeds)
                )
            elif figure.of_teacher or not model.is_teacher:
                rows.append(Row(looks[model.key], None))
        title, sentence, axis = (
            worded(text, data.comparison.noun)
            for text in (figure.title, figure.sentence, figure.axis)
        )
        name = figure.field.replace("_", "-")
        charts.append(_dots(name, rows, figure.fmt, title, sentence, axis, theme))
    return charts


def _dots(
    name: str, rows: Sequence[Row], fmt: str, title: str, sentence: str, x_title: str, theme: Theme
) -> ChartExport:
    return ChartExport(
        name,
        title,
        lambda: whisker_rows(rows, fmt=fmt, theme=theme),
        lambda: tables.whisker_table(rows),
        sentence=sentence,
        x_title=x_title,
    )


def grams(
    comparison: Comparison,
    lens: Lens,
    models: Sequence[Model] | None = None,
    student: Model | None = None,
    theme: Theme = LIGHT,
    *,
    height: int = 360,
    width: int = 340,
) -> list[ChartExport]:
    """Return the class Grams, the student's minus the teacher's, and the cross Gram of the two.

    Args:
        lens: How the class columns are made.
        models: Models whose own Gram is shown. Default: all.
        student: The student of the last two matrices. Default: the student in focus.
        theme: Colours.
        height: Of a matrix in px.
        width: Of a matrix in px.
    """
    student = student or comparison.focus()
    ends = colour_ends(comparison, lens, models, student)
    order = measures.class_order(comparison, "cluster")

    groups = group_of_classes(comparison, order)

    def scene(
        title: str, values: np.ndarray, empty: np.ndarray, *, ordered: bool = False
    ) -> MatrixScene:
        whole = MatrixScene(values, comparison.class_names, order, ends, label=title)
        if not groups:
            return whole
        means = group_matrix(values, groups, empty, ordered=ordered)
        return replace(
            whole,
            values=means.values,
            class_names=[group.name for group in groups],
            order=None,
            pairs=means.pairs,
            value_name="mean cosine",
        )

    scenes: list[tuple[str, MatrixScene]] = []
    for model in models or comparison.models:
        interval = gram_figures(comparison, model, lens).overlap
        overlap = "" if interval is None else f", overlap {numbers.number(interval.estimate)}"
        own = gram(comparison, model, lens)
        scenes.append((model.name, scene(f"{model.name}{overlap}", own.gram, own.empty)))
    if not student.is_teacher:
        first, second = (gram(comparison, m, lens) for m in (student, comparison.teacher))
        empty = first.empty | second.empty
        difference = replace(
            scene(
                f"{student.name} − teacher (below 0: further apart)",
                gram_difference(first, second),
                empty,
            ),
            ends=(-0.4, 0.4),
            scale="diverging",
            value_name="difference",
        )
        across = scene(
            f"Teacher (rows) × {student.name} (columns)",
            cross_gram(comparison, student, lens).gram,
            empty,
            ordered=True,
        )
        scenes.append((f"{student.name}-minus-teacher", difference))
        scenes.append((f"teacher-by-{student.name}", across))
    return [_matrix(name, scene, theme, height, width) for name, scene in scenes]


def group_of_classes(comparison: Comparison, order: np.ndarray) -> tuple[Group, ...]:
    """Return the groups of neighbouring classes that matrices of many classes show; none for up to
    200 classes."""
    names = comparison.class_names
    return by_neighbours(names, order).parts if len(names) > MOST_CLASSES else ()


def colour_ends(
    comparison: Comparison,
    lens: Lens,
    models: Sequence[Model] | None = None,
    student: Model | None = None,
) -> tuple[float, float]:
    """Return the ends of the colour scale that all Grams share."""
    student = student or comparison.focus()
    values = [gram(comparison, model, lens).gram for model in models or comparison.models]
    return overlap_ends(
        values if student.is_teacher else [*values, cross_gram(comparison, student, lens).gram]
    )


def _matrix(name: str, scene: MatrixScene, theme: Theme, height: int, width: int) -> ChartExport:
    return ChartExport(
        file_name(f"gram-{name}"),
        scene.label,
        lambda: scene.figure(theme, height=height, width=width),
        lambda: tables.matrix_table(scene),
        x_title="class",
        y_title="class",
    )


def angles(comparison: Comparison, lens: Lens, looks: Looks, theme: Theme = LIGHT) -> ChartExport:
    """Return the distribution of the angles between classes, for each model."""
    pairs = []
    for model in comparison.models:
        own = gram(comparison, model, lens)
        used = np.flatnonzero(~own.empty)
        cosines = own.gram[np.ix_(used, used)][np.triu_indices(len(used), k=1)].clip(-1, 1)
        pairs.append((looks[model.key], np.degrees(np.arccos(cosines))))
    return ChartExport(
        "angles",
        "Angles between classes",
        lambda: angles_plot(pairs, height=300).figure(theme),
        lambda: tables.angles_table(pairs),
        sentence="Over all pairs of classes. 90° is orthogonal.",
        y_title="share of class pairs (%)",
    )


def class_overlap(
    comparison: Comparison, lens: Lens, looks: Looks, theme: Theme = LIGHT
) -> ChartExport:
    """Return the classes that overlap most with the others, for each model."""
    overlaps = [
        (looks[model.key], _class_overlap(comparison, model, lens)) for model in comparison.models
    ]
    names = comparison.class_names
    return ChartExport(
        "class-overlap",
        "Classes that overlap most with the others",
        lambda: ranking_plot(overlaps, names, top=10, x_title="overlap (mean cosine)").figure(
            theme
        ),
        lambda: tables.ranking_table(overlaps, names),
        sentence="Mean cosine of a class with all others, ordered by the teacher.",
    )


def _class_overlap(comparison: Comparison, model: Model, lens: Lens) -> np.ndarray:
    """Mean cosine of each class with all others, [C]; NaN for a class that the model never
    predicts."""
    interval = gram_figures(comparison, model, lens).class_overlap
    empty = gram(comparison, model, lens).empty
    return np.where(empty, np.nan, 0.0 if interval is None else interval.estimate)
