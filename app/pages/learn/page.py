"""The page Learn: five short lessons with interactive charts on real runs, and a presenter's
view."""

from __future__ import annotations

from app import state
from app.components import frame
from app.pages.learn import maps, orthogonality, presenter, rows_columns, temperature, three_losses
from app.pages.learn.lesson import ROOMY, TIGHT, Lesson
from app.plain import md, st
from bickd_core.comparing.comparison import Comparison
from bickd_core.wording import worded

LESSONS: tuple[Lesson, ...] = (
    temperature.LESSON,
    rows_columns.LESSON,
    orthogonality.LESSON,
    three_losses.LESSON,
    maps.LESSON,
)
_CSS = """
<style>
  .bk-learn-picture { margin: 0; text-align: center; }
  .bk-learn-picture img { width: min(100%, 190px); aspect-ratio: 1; object-fit: cover; border-radius: 10px; }
  .bk-learn-picture figcaption { font-size: .9rem; opacity: .75; margin-top: 6px; }
  @media (min-width: 641px) { .block-container { padding-top: 1.4rem; } }
  .st-key-learn-head h1 { padding-bottom: .6rem !important; }
  .st-key-learn-finding p { font-size: 1.06rem; line-height: 1.45; max-width: 110ch; }
  @media (min-width: 800px) { .st-key-learn-check { flex-wrap: nowrap !important; } }
</style>
"""


def show() -> None:
    comparison = frame.load_comparison()
    if comparison is None:
        return
    view = state.current()
    lesson = LESSONS[view.lesson - 1]
    st.html(_CSS)
    if view.present:
        presenter.begin(_go)
    with st.container(key="learn-head", gap="small"):
        _steps(view)
        st.title(lesson.question)
    lesson.show(comparison, TIGHT if view.present else ROOMY)
    _foot(comparison, lesson, view)


def _go(where: str) -> None:
    """Go to another lesson, or enter or leave the presenter's view."""
    view = state.current()
    if where in ("present", "leave"):
        state.update(present=where == "present")
    else:
        step = 1 if where == "next" else -1
        state.update(lesson=min(max(view.lesson + step, 1), len(LESSONS)))


def _steps(view: state.ViewState) -> None:
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.session_state["learn-step"] = view.lesson

        def chosen() -> None:
            state.update(lesson=st.session_state["learn-step"] or view.lesson)

        st.segmented_control(
            "Lesson",
            range(1, len(LESSONS) + 1),
            key="learn-step",
            format_func=lambda k: f"{k} {LESSONS[k - 1].title}",
            on_change=chosen,
            label_visibility="collapsed",
        )
        if view.present:
            st.caption("BicKD: our reconstruction", width="content")
            st.button(
                "Leave (Esc)", key="learn-leave", type="tertiary", on_click=_go, args=("leave",)
            )
        else:
            st.button(
                "Present",
                key="learn-present",
                icon=":material/present_to_all:",
                on_click=_go,
                args=("present",),
                help=(
                    "Large type for a projector. The left and right arrow keys change the lesson;"
                    " Escape leaves."
                ),
            )


def _foot(comparison: Comparison, lesson: Lesson, view: state.ViewState) -> None:
    noun = "image" if lesson.of_images else comparison.noun
    with st.container(
        key="learn-check",
        horizontal=True,
        vertical_alignment="center",
        horizontal_alignment="distribute",
    ):
        st.markdown(md("**Check yourself:** {exercise}", exercise=worded(lesson.exercise, noun)))
        with st.container(horizontal=True, width="content", gap="small"):
            with st.popover("Show the answer", key="learn-answer"):
                st.markdown(worded(lesson.answer, noun))
            st.button(
                "Previous",
                key="learn-previous",
                icon=":material/arrow_back:",
                disabled=view.lesson == 1,
                on_click=_go,
                args=("previous",),
            )
            st.button(
                "Next",
                key="learn-next",
                icon=":material/arrow_forward:",
                type="primary",
                disabled=view.lesson == len(LESSONS),
                on_click=_go,
                args=("next",),
            )
