"""Lines, steps, dots and bars drawn as SVG in the browser (`frontend/plot.js`), for charts that
follow every interaction.

A Plotly figure takes 20 to 80 ms to build and as much to draw. With seven of them, Class geometry
was slow at each change of the temperature. Plotly draws the same `Plot` only for an export.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.components import export_menu
from app.components.browser_part import part
from app.components.chart import Export
from bickd_viz.charts.plot import Plot
from bickd_viz.theme import Theme

_component = part("plot", "plot.js", style="plot.css")


def show(
    plot: Plot,
    key: str,
    *,
    theme: Theme,
    export: Export,
    on_pick: Callable[[int], None] | None = None,
) -> None:
    """Draw the chart.

    Args:
        plot: The chart, in the colours of `theme`.
        key: Key of the component.
        theme: Colours.
        export: How to export it.
        on_pick: Called with the id of the mark that was clicked or chosen by keyboard.
    """

    def picked() -> None:
        id = st.session_state[key].get("picked")
        if id is not None and on_pick is not None:
            on_pick(int(id))

    data = {**plot.data(theme), "label": export.title, "clickable": on_pick is not None}
    _component(key=key, data=data, on_picked_change=picked)
    export_menu.offer(
        key, export.title, lambda: plot.figure(theme), export.table, sentence=export.sentence,
        x_title=export.x_title, y_title=export.y_title,
    )  # fmt: skip
