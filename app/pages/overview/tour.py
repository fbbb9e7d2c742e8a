"""A short tour of the pages: on each, a card explains what to look at."""

from __future__ import annotations

from app import settings, state
from app.data import comparison as comparisons
from app.plain import md, st
from app.registry import open_page
from bickd_core.runs.library import RunError
from bickd_core.runs.predictions import PredictionsError
from bickd_core.wording import worded

STEPS = (
    (
        "overview",
        "One teacher, several students",
        (
            "The title is the main finding. In the bundled runs, CE learns from the labels only."
            " The other students imitate the teacher: KD image by image, DIST and BicKD (our"
            " reconstruction) also class by class. DIST uses correlation, BicKD contrast."
        ),
    ),
    (
        "class_geometry",
        "Classes that share probability",
        (
            "Every class is a column of the probability matrix. If two columns have a high cosine,"
            " the two classes share probability. Click a cell to select its images. The selection"
            " stays on every page about a comparison, and in the link."
        ),
    ),
    (
        "by_epoch",
        "How the classes separate in training",
        (
            "Press play and watch the classes separate in all models at once. Figures and matrices"
            " show the same epoch."
        ),
    ),
    (
        "similarity",
        "How close a student is to its teacher",
        (
            "The matrices compare the student with the teacher, class by class and image by image."
            " A strong diagonal means that they agree."
        ),
    ),
    (
        "prediction_map",
        "A map of the predictions",
        (
            "Draw around some points to mark them in every model. Neighbours on a map are"
            " meaningful, far distances are not. The table below the maps shows how far to trust"
            " them."
        ),
    ),
    (
        "disagreements",
        "Where two models disagree",
        (
            "Two models on the same images. Click a count to see its images. A test shows whether"
            " the difference could be chance."
        ),
    ),
    (
        "distill",
        "Train your own student",
        (
            "Choose a method, press start and watch the loss. The run continues if you close the"
            " page. You can add it to this comparison when it is done."
        ),
    ),
    (
        "learn",
        "Five lessons",
        (
            "Temperature, rows and columns, orthogonality, three losses on one batch, and how a map"
            " can mislead. Each lesson has one chart to play with. Use Present for a projector."
        ),
    ),
)


_KEY = "tour-step"
_CSS = """
<style>
  .st-key-tour { position: fixed; right: 22px; bottom: 78px; width: min(390px, calc(100vw - 24px)) !important; z-index: 95;
    padding: 16px 18px !important; border-radius: 12px; box-shadow: 0 6px 30px rgba(0,0,0,.25); background: var(--bk-surface); }
  .st-key-tour p { margin-bottom: 0; }
  @media (max-width: 640px) { .st-key-tour { right: 12px; bottom: 12px; } }
</style>
"""
_CSS_ABOVE = (
    "<style>.st-key-tour { position: static; width: 100% !important; box-shadow: none; }</style>"
)
"""A lesson fills the whole page, so the card goes above it."""


def steps() -> tuple[tuple[str, str, str], ...]:
    """Return page, title and text of each step. A read-only server has no step on training."""
    return tuple(step for step in STEPS if step[0] != "distill" or not settings.read_only())


def start() -> None:
    """Begin at the first step, on its page."""
    _go(0)
    open_page(steps()[0][0])


def show() -> None:
    """Show the card of the current step. Call it before the page is drawn."""
    step: int | None = st.session_state.get(_KEY)
    if step is None:
        return
    page, title, text = steps()[step]
    st.html(_CSS)
    if page == "learn":
        st.html(_CSS_ABOVE)
    last = step == len(steps()) - 1
    with st.container(key="tour", border=True, gap="small"):
        st.markdown(md("**{title}**", title=title))
        st.markdown(worded(text, _noun()))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f"{step + 1} of {len(steps())}", width="content")
            if step and st.button("Back", key="tour-back"):
                _turn(step - 1)
            if not last and st.button("Next", key="tour-next", type="primary"):
                _turn(step + 1)
            st.button(
                "Done" if last else "End the tour",
                key="tour-end",
                type="primary" if last else "tertiary",
                on_click=_go,
                args=(None,),
            )


def _noun() -> str:
    """What a sample of the comparison is called. The page itself explains a comparison that cannot
    be shown."""
    try:
        return comparisons.comparison(state.current()).noun
    except (RunError, PredictionsError):
        return "image"


def _turn(step: int) -> None:
    """Go to another step and open its page."""
    _go(step)
    open_page(steps()[step][0])


def _go(step: int | None) -> None:
    st.session_state[_KEY] = step
