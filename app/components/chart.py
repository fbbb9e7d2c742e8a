"""Putting a figure on a page, and reading what was clicked on it."""

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
_BAR = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "toImage"],
}


@dataclass(frozen=True)
class Take:
    """How a chart is taken away.

    Attributes:
        title: what it shows.
        sentence: what is to be seen on it.
        table: gives the numbers behind it, by a function of `bickd_viz.tables`; called when somebody asks.
        figure: draws it as it stands alone, where that is not as on the page.
        x_title, y_title: what an axis shows, with its unit, where the figure itself does not say it.
    """

    title: str
    table: Callable[[], pd.DataFrame]
    sentence: str = ""
    x_title: str = ""
    y_title: str = ""
    figure: Callable[[], go.Figure] | None = None


def show(figure: go.Figure, key: str, *, bar: bool = False, take: Take | None = None) -> None:
    """A chart that reports nothing; with `take`, one that can be taken away."""
    st.plotly_chart(figure, key=key, theme=None, config=_BAR if bar else _STILL)
    _offer(figure, key, take)


def show_clickable(
    figure: go.Figure, key: str, on_click: Callable[[Any], None], *, take: Take | None = None
) -> None:
    """A chart whose points report a click: `on_click` gets the point's customdata, a scalar."""

    def clicked() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points:
            on_click(scalar(points[0].get("customdata")))

    st.plotly_chart(figure, key=key, theme=None, config=_STILL, on_select=clicked, selection_mode="points")
    _offer(figure, key, take)


def _offer(figure: go.Figure, key: str, take: Take | None) -> None:
    if take is not None:
        export_menu.offer(
            key,
            take.title,
            take.figure or (lambda: figure),
            take.table,
            sentence=take.sentence,
            x_title=take.x_title,
            y_title=take.y_title,
        )


def scalar(value: Any) -> Any:
    """Plotly's customdata as one value: it comes back alone, in a list, or in a dict keyed '0'."""
    while isinstance(value, list | dict):
        value = value["0"] if isinstance(value, dict) else value[0]
    return value
