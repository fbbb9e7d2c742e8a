"""A ranking of classes by a figure, for all models of a comparison. A click reports the class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from app.components import plot, style
from app.components.chart import Export
from bickd_core.comparing.comparison import Comparison, Model
from bickd_viz import tables
from bickd_viz.charts.bars import leakage_ranking, ranking_plot

if TYPE_CHECKING:
    import plotly.graph_objects as go


def show(
    comparison: Comparison,
    models: Sequence[tuple[Model, np.ndarray]],
    key: str,
    *,
    title: str,
    order_by: Model,
    what: str,
    column: str,
    top: int,
    height: int,
    on_class: Callable[[int], None],
    limits: Sequence[tuple[np.ndarray, np.ndarray] | None] | None = None,
    sentence: str = "",
) -> None:
    """Show the `top` classes by the values [C] of one model.

    Args:
        models: (model, values [C]) of each.
        key: Key of the component.
        title: Title of the exported chart.
        order_by: The model that orders the classes.
        what: Title of the axis.
        column: Name of the figure in the exported table.
        top: Number of classes.
        height: In px.
        on_class: Called with the index of the clicked class.
        limits: Low and high ends [C] of the intervals of each model, or None.
        sentence: The finding, for the export.
    """
    looks, theme = style.styles(comparison), style.theme()
    drawn = [(looks[model.key], values) for model, values in models]
    place = [model.key for model, _ in models].index(order_by.key)

    def figure() -> go.Figure:
        return leakage_ranking(
            drawn,
            comparison.class_names,
            top=top,
            order_by=place,
            x_title=what,
            theme=theme,
            height=height,
            limits=limits,
        )

    plot.show(
        ranking_plot(
            drawn,
            comparison.class_names,
            top=top,
            order_by=place,
            x_title=what,
            height=height,
            limits=limits,
        ),
        key,
        theme=theme,
        export=Export(
            title,
            lambda: tables.ranking_table(drawn, comparison.class_names, column),
            sentence,
            figure=figure,
        ),
        on_pick=on_class,
    )
