"""The browser's Back and Forward step through views and pages, one step for each action.

Streamlit runs the page of the entry again and does not change the session's state.
`frontend/history.js` sends the address of the entry, which then becomes the state.
"""

from __future__ import annotations

from app import state
from app.components.browser_part import part
from app.plain import st

_component = part("history", "history.js", html="<i></i>")
_RUNS = "history-runs"


def follow(page: str) -> None:
    """Take the state from the address after Back or Forward. Call it once, before any page runs.

    Args:
        page: Path of the page that is about to run.
    """
    st.session_state[_RUNS] = (
        st.session_state.get(_RUNS, 0) + 1
    )  # other data, so that the browser's part runs as well
    with st.container(key="went"):
        data = {"run": st.session_state[_RUNS], "page": page}
        went = _component(key="history", data=data, on_went_change=lambda: None).get("went")
    if went is not None:
        state.go(str(went))
