"""A notice on the next page: what a new run changed in the comparison, with an Undo button."""

from __future__ import annotations

from dataclasses import dataclass

from app import page_export, state
from app.add_to_comparison import change_sentence
from app.data import comparison as comparisons
from app.plain import md, st
from app.state import ViewState
from bickd_core.runs.library import RunError
from bickd_core.runs.predictions import PredictionsError

_KEY = "comparison-notice"


@dataclass
class Notice:
    """A sentence about the change from one view to another, and the page that shows it."""

    text: str
    before: ViewState
    after: ViewState
    page: str = ""


def leave(before: ViewState, after: ViewState, key: str) -> None:
    """Leave a notice for the next page: what adding the run `key` changed."""
    text = change_sentence(before, after, key, _names(before), _names(after))
    st.session_state[_KEY] = Notice(text, before, after) if text else None


def show() -> None:
    """Show the notice on one page, until the comparison changes again."""
    notice: Notice | None = st.session_state.get(_KEY)
    if notice is None:
        return
    view = state.current()
    notice.page = notice.page or page_export.now().page
    if notice.page != page_export.now().page or (view.teacher, view.students) != (
        notice.after.teacher,
        notice.after.students,
    ):
        _close()
        return
    with st.container(
        key="comparison-notice",
        horizontal=True,
        vertical_alignment="center",
        gap="small",
        border=True,
    ):
        st.markdown(md(":material/info: {text}", text=notice.text), width="content")
        if notice.before.teacher:
            st.button(
                "Undo", key="notice-undo", icon=":material/undo:", on_click=_undo, args=(notice,)
            )
        st.button("OK", key="notice-close", type="tertiary", on_click=_close)


def _undo(notice: Notice) -> None:
    names = ("teacher", "students", "student", "pair", "selection", "against")
    state.update(**{name: getattr(notice.before, name) for name in names})
    _close()


def _close() -> None:
    st.session_state[_KEY] = None


def _names(view: ViewState) -> dict[str, str]:
    try:
        return {model.key: model.name for model in comparisons.comparison(view).models}
    except (RunError, PredictionsError):
        return {}
