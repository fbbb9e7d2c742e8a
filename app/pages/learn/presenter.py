"""The presenter's view: a lesson fills the screen in large type, without the sidebar, with keys to
change the lesson.

The page is laid out at 1120 x 630 px and then enlarged to the window (`frontend/presenter.js`), so
that a lesson looks the same on every projector. Plotly measures its size on the screen and would be
enlarged twice, so its charts keep their size (`frontend/presenter.css`) and only their text and
lines are enlarged here.
"""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go

from app import state
from app.components.browser_part import part, source
from app.plain import st
from bickd_viz.export.paper import enlarged

TEXT_FACTOR = 1.5
"""The smallest text of a chart is 12 px, and that of the presenter's page 18 px before it is
enlarged."""
_KEY, _HIDDEN = "presenter-keys", "presenter-hidden"
_component = part("presenter", "presenter.js")


def begin(on_go: Callable[[str], None]) -> None:
    """Turn this page into the presenter's view.

    Args:
        on_go: called with "next", "previous" or "leave".
    """

    def pressed() -> None:
        go = st.session_state[_KEY].get("go")
        if go:
            on_go(str(go))

    st.html(f"<style>{source('presenter.css')}</style>")
    with st.container(key=_HIDDEN):
        _component(key=_KEY, data={}, on_go_change=pressed, on_scale_change=lambda: None)


def room(height: int) -> int:
    """Return the height for the layout of a chart that `fitted` draws `height` px high."""
    return round(height / TEXT_FACTOR) if state.current().present else height


def fitted(figure: go.Figure) -> go.Figure:
    """Return the figure; in the presenter's view, with text and lines enlarged like the page.

    Args:
        figure: laid out with the height that `room` returns.
    """
    if not state.current().present:
        return figure
    figure = go.Figure(figure).update_layout(height=TEXT_FACTOR * figure.layout.height)
    scale = st.session_state.get(_KEY, {}).get("scale")
    return enlarged(figure, TEXT_FACTOR * float(scale)) if scale else figure
