"""A short tour that walks the pages: a card over each that says what to look at."""

from __future__ import annotations

from app import data, state
from app.plain import md, st
from app.registry import open_page
from bickd_core.runs.library import RunError
from bickd_core.runs.predictions import PredictionsError
from bickd_core.wording import worded

STEPS = (
    (
        "overview",
        "One teacher, several students",
        "The title is what the data say, with an interval. CE learns from the labels alone; the others imitate the same "
        "teacher: KD image by image, DIST and BicKD class by class as well, by correlation and by contrast.",
    ),
    (
        "class_geometry",
        "Classes that share probability",
        "Every class is a column of the probability matrix. Two columns with a high cosine are classes that the model "
        "mixes up. Click a cell: its images become the selection, which every page shows and the address bar holds.",
    ),
    (
        "by_epoch",
        "How it came about",
        "Press play and watch the classes come apart, in all models at once. The figures and the matrices stand at the "
        "same epoch.",
    ),
    (
        "similarity",
        "How close a student is to its teacher",
        "Image by image and class by class: a diagonal that stands out means that the student says of a class what the teacher "
        "says of it.",
    ),
    (
        "prediction_map",
        "A map, and how far to trust it",
        "All models in one frame; draw round some points and they are marked in every panel. Neighbourhoods mean "
        "something, far distances do not; the figures under the map say how much of the picture is true.",
    ),
    (
        "disagreements",
        "Who is right where the other is wrong",
        "Two models on the same images: four counts, each a click away from its images, and whether the difference is "
        "more than chance.",
    ),
    (
        "distill",
        "Make one yourself",
        "Choose a method, press start, watch the loss terms. The run goes on if you close the page, and opens in this "
        "comparison when it is done.",
    ),
    (
        "learn",
        "What all of it means, in five lessons",
        "Temperature, rows and columns, orthogonality, three losses on one batch, and how a map misleads: each with one "
        "chart to play with. Present shows them on a projector.",
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
_CSS_ABOVE = "<style>.st-key-tour { position: static; width: 100% !important; box-shadow: none; }</style>"
"""A lesson fills its page down to the buttons, so that its card stands above it."""


def start() -> None:
    """Begin at the first step, on its page."""
    _go(0)
    open_page(STEPS[0][0])


def show() -> None:
    """The card of the step that is open, over the page that it speaks of; call it before the page is drawn."""
    step: int | None = st.session_state.get(_KEY)
    if step is None:
        return
    page, title, words = STEPS[step]
    st.html(_CSS)
    if page == "learn":
        st.html(_CSS_ABOVE)
    last = step == len(STEPS) - 1
    with st.container(key="tour", border=True, gap="small"):
        st.markdown(md("**{title}**", title=title))
        st.markdown(worded(words, _noun()))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f"{step + 1} of {len(STEPS)}", width="content")
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
    """What a sample of the comparison is called; where there is none, the page says why."""
    try:
        return data.comparison(state.current()).noun
    except (RunError, PredictionsError):
        return "image"


def _turn(step: int) -> None:
    """To another step, and to its page."""
    _go(step)
    open_page(STEPS[step][0])


def _go(step: int | None) -> None:
    st.session_state[_KEY] = step
