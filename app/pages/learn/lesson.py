"""The parts that all lessons have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import plotly.graph_objects as go

from app import state
from app.components import chart
from app.pages.learn import presenter
from app.plain import st
from bickd_core.comparing.comparison import Comparison

ROOMY, TIGHT = 370, 262
"""Height of a lesson's chart in px, on the page and in the presenter's view."""


@dataclass(frozen=True)
class Lesson:
    """One question, one interactive chart, a short finding, and a question to the reader.

    Attributes:
        title: Short, for the list of lessons.
        question: The page's title.
        show: Draws the controls, the chart with `height` px, and the finding.
        exercise: The question of "Check yourself".
        answer: Its answer.
        of_images: Whether the lesson always shows images, even if other samples are compared.
    """

    title: str
    question: str
    show: Callable[[Comparison, int], None]
    exercise: str
    answer: str
    of_images: bool = False


def finding(sentence: str) -> None:
    """Show the sentences computed from the numbers on the page."""
    with st.container(key="learn-finding"):
        st.markdown(sentence)


def draw(figure: go.Figure, key: str, export: chart.Export) -> None:
    """Draw the lesson's chart with its export menu. In the presenter's view it is larger and has no
    menu."""
    present = state.current().present
    alone = replace(export, figure=export.figure or (lambda: figure))
    chart.show(presenter.fitted(figure), key, export=None if present else alone)


def needs_a_student(comparison: Comparison) -> bool:
    """Return whether the comparison has no student, after showing a message if so."""
    if comparison.students:
        return False
    st.info("This lesson needs a student. Choose one in the sidebar.")
    return True
