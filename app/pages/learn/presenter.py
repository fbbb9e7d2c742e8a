"""The presenter's view: a lesson fills the screen in large type, without sidebar, and the keyboard turns the pages.

The page is laid out once, 1120 x 630 px, and enlarged to the window as a whole (`frontend/presenter.js`), so that a lesson
looks the same on every projector. Plotly measures its place on the screen and would be enlarged twice: its charts are
left at their size (`frontend/presenter.css`), and what stands in them is enlarged here.
"""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go

from app import state
from app.components.browser_part import part, source
from app.plain import st
from bickd_viz.export.paper import enlarged

TEXT_FACTOR = 1.5
"""The charts' smallest text is 12 px; the presenter's page has 18 px before it is enlarged."""
_KEY, _HIDDEN = "presenter-keys", "presenter-hidden"
_component = part("presenter", "presenter.js")


def begin(on_go: Callable[[str], None]) -> None:
    """Make this page the presenter's; `on_go` gets "next", "previous" or "leave"."""

    def pressed() -> None:
        go = st.session_state[_KEY].get("go")
        if go:
            on_go(str(go))

    st.html(f"<style>{source('presenter.css')}</style>")
    with st.container(key=_HIDDEN):
        _component(key=_KEY, data={}, on_go_change=pressed, on_scale_change=lambda: None)


def room(height: int) -> int:
    """The height to lay a chart out in that `fitted` draws `height` px high."""
    return round(height / TEXT_FACTOR) if state.current().present else height


def fitted(figure: go.Figure) -> go.Figure:
    """The figure as it is; in the presenter's view, with all that stands in it enlarged like the page.

    Args:
        figure: laid out in the height that `room` gives.
    """
    if not state.current().present:
        return figure
    figure = go.Figure(figure).update_layout(height=TEXT_FACTOR * figure.layout.height)
    scale = st.session_state.get(_KEY, {}).get("scale")
    return enlarged(figure, TEXT_FACTOR * float(scale)) if scale else figure
