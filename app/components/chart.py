"""Putting a figure on a page, and reading what was clicked on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

_STILL = {"displayModeBar": False, "responsive": True}
_BAR = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "toImage"],
}


def show(figure: go.Figure, key: str, *, bar: bool = False) -> None:
    """A chart that reports nothing."""
    st.plotly_chart(figure, key=key, theme=None, config=_BAR if bar else _STILL)


def show_clickable(figure: go.Figure, key: str, on_click: Callable[[Any], None]) -> None:
    """A chart whose points report a click: `on_click` gets the point's customdata, a scalar."""

    def clicked() -> None:
        points = st.session_state[key]["selection"]["points"]
        if points:
            on_click(scalar(points[0].get("customdata")))

    st.plotly_chart(figure, key=key, theme=None, config=_STILL, on_select=clicked, selection_mode="points")


def scalar(value: Any) -> Any:
    """Plotly's customdata as one value: it comes back alone, in a list, or in a dict keyed '0'."""
    while isinstance(value, list | dict):
        value = value["0"] if isinstance(value, dict) else value[0]
    return value
