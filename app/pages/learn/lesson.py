"""What every lesson is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import plotly.graph_objects as go

from app import state
from app.components import chart
from app.data import Comparison
from app.pages.learn import presenter
from app.plain import st

ROOMY, TIGHT = 370, 262
"""Height of a lesson's chart in px, on the page and in the presenter's view."""


@dataclass(frozen=True)
class Lesson:
    """One question, one chart that is played with, a short finding, one question back.

    Attributes:
        title: short, for the steps.
        question: the page's title.
        show: draws controls, chart and finding, the chart `height` px high.
        asked, answer: "check yourself", and what is revealed.
        of_images: whether it shows images, whatever samples are compared.
    """

    title: str
    question: str
    show: Callable[[Comparison, int], None]
    asked: str
    answer: str
    of_images: bool = False


def finding(sentence: str) -> None:
    """The sentences made from the numbers on the screen."""
    with st.container(key="learn-finding"):
        st.markdown(sentence)


def draw(figure: go.Figure, key: str, take: chart.Take) -> None:
    """The lesson's chart with its export menu; enlarged and without the menu in the presenter's view."""
    present = state.current().present
    alone = replace(take, figure=take.figure or (lambda: figure))
    chart.show(presenter.fitted(figure), key, take=None if present else alone)


def needs_a_student(of: Comparison) -> bool:
    """Say so where there is none."""
    if of.students:
        return False
    st.info("This lesson needs a student beside the teacher: choose one in the sidebar.")
    return True
