"""The presenter's view: a lesson fills the screen in large type, without sidebar, and the keyboard turns the pages.

The page is laid out once, 1120 x 630 px, and scaled to the window as a whole (`frontend/presenter.js`), so that a lesson
looks the same on every projector.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

_FRONTEND = Path(__file__).parent / "frontend"
_component = st.components.v2.component(
    "bickd_presenter", js=(_FRONTEND / "presenter.js").read_text(encoding="utf-8")
)


def begin(on_go: Callable[[str], None]) -> None:
    """Make this page the presenter's; `on_go` gets "next", "previous" or "leave"."""

    def pressed() -> None:
        go = st.session_state["presenter-keys"].get("go")
        if go:
            on_go(str(go))

    st.html(f"<style>{(_FRONTEND / 'presenter.css').read_text(encoding='utf-8')}</style>")
    with st.container(key="presenter-hidden"):
        _component(key="presenter-keys", data={}, on_go_change=pressed)
