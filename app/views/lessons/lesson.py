"""What every lesson is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from app.data import Comparison

ROOMY, TIGHT = 400, 306
"""Height of a lesson's chart in px, on the page and in the presenter's view."""


@dataclass(frozen=True)
class Lesson:
    """One question, one chart that is played with, one sentence, one question back.

    Attributes:
        title: short, for the steps.
        question: the page's title.
        show: draws controls, chart and sentence, the chart `height` px high.
        asked, answer: "check yourself", and what is revealed.
    """

    title: str
    question: str
    show: Callable[[Comparison, int], None]
    asked: str
    answer: str


def finding(sentence: str) -> None:
    """The sentence made from the numbers on the screen."""
    with st.container(key="learn-finding"):
        st.markdown(sentence)


def needs_a_student(of: Comparison) -> bool:
    """Say so where there is none."""
    if of.students:
        return False
    st.info("This lesson needs a student beside the teacher: choose one in the sidebar.")
    return True
