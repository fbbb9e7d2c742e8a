"""Show a Plotly figure and read clicks on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from app.components import export_menu
from app.plain import st

if TYPE_CHECKING:
    import pandas as pd

_STILL = {"displayModeBar": False, "responsive": True}


@dataclass(frozen=True)
class Export:
    """How a chart is exported.

    Attributes:
        title: What it shows.
        table: Returns its data, by a function of `bickd_viz.tables`. Called on request.
        sentence: The finding.
        x_title: Title of the x axis with its unit, if the figure has none.
        y_title: Title of the y axis with its unit, if the figure has none.
        figure: Draws the exported figure, if it differs from the one on the page.
    """

    title: str
    table: Callable[[], pd.DataFrame]
    sentence: str = ""
    x_title: str = ""
    y_title: str = ""
    figure: Callable[[], go.Figure] | None = None


def show(figure: go.Figure, key: str, *, export: Export | None = None) -> None:
    """Show a static chart. Pass `export` to add a download menu."""
    st.plotly_chart(figure, key=key, theme=None, config=_STILL)
    _offer(figure, key, export)


def show_clickable(
    figure: go.Figure, key: str, on_click: Callable[[Any], None], *, export: Export | None = None
) -> None:
    """Show a chart with clickable points. `on_click` gets the customdata of the point, a scalar."""

    def clicked() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points:
            on_click(scalar(points[0].get("customdata")))

    st.plotly_chart(
        figure, key=key, theme=None, config=_STILL, on_select=clicked, selection_mode="points"
    )
    _offer(figure, key, export)


def _offer(figure: go.Figure, key: str, export: Export | None) -> None:
    if export is not None:
        export_menu.offer(
            key,
            export.title,
            export.figure or (lambda: figure),
            export.table,
            sentence=export.sentence,
            x_title=export.x_title,
            y_title=export.y_title,
        )


def scalar(value: Any) -> Any:
    """Plotly's customdata as one value. It can come as a value, a list, or a dict with the key
    '0'."""
    while isinstance(value, list | dict):
        value = value["0"] if isinstance(value, dict) else value[0]
    return value
