"""Lesson 4: the gradients of KD, DIST and BicKD on one real batch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import data, state
from app.components import chart, style
from app.data import lessons as facts
from app.views.lessons.lesson import Lesson, draw, finding, needs_a_student
from bickd_viz import lesson_text, text
from bickd_viz.charts import pull_matrix

PARTS = {"bickd": "all of it", "sample": "rows only", "class": "columns only"}


def show(of: data.Comparison, height: int) -> None:
    if needs_a_student(of):
        return
    _batch(of, height)


@st.fragment
def _batch(of: data.Comparison, height: int) -> None:
    chosen = facts.start_student(of, state.current().student)
    models = {model.key: model.name for model in of.students}
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        key = (
            st.segmented_control(
                "Logits of", list(models), default=chosen.key, key="learn-logits", format_func=lambda k: models.get(k, k)
            )
            or chosen.key
        )  # fmt: skip
        number = st.number_input("Batch", 1, facts.batch_count(of), key="learn-batch", width=130)
        part = (
            st.segmented_control(
                "Of BicKD", list(PARTS), default="bickd", key="learn-part", format_func=lambda k: PARTS[k]
            )
            or "bickd"
        )
        found = facts.batch_pulls(of, of.model(key), int(number) - 1)
        if not state.current().present:
            _how_to_read(of, found)
    tiles = {
        "kd": "KD: the teacher's probabilities",
        "dist": "DIST: correlation of rows and columns",
        part: "BicKD: KL and two contrasts" if part == "bickd" else f"BicKD, {PARTS[part]}",
    }
    for place, (name, title) in zip(st.columns(3, gap="small"), tiles.items(), strict=True):
        with place:
            pull = found.pulls[name]
            size = float(np.linalg.norm(pull.gradient))
            style.card_title(
                title, f"loss {text.number(pull.value)}, length of the gradient {text.number(size)}"
            )
            drawn = _matrix(of, found, pull.gradient, height - 40)
            take = chart.Take(f"Pull of {title}", lambda drawn=drawn: _table(drawn))  # type: ignore[misc]
            draw(drawn, f"learn-pull-{name}", take)
    said = lesson_text.sentence_for_pulls(
        found.same_way,
        found.on_differing,
        float(found.differs.mean()),
        n=len(found.positions),
        split=of.split,
    )
    finding(said)


def _how_to_read(of: data.Comparison, found: facts.BatchPulls) -> None:
    with st.popover("How to read this", icon=":material/help:", key="learn-how"):
        st.markdown(
            f"The pull is minus the gradient on the student's logits; a dot is the true "
            f"class. What rises in one cell falls in all others of its row together. Shown are {len(found.rows)} of the "
            f"batch's {len(found.positions)} images and {len(found.columns)} of {len(of.class_names)} classes, those with most pull, each loss in "
            "shades of its own strongest cell. Presets' weights; the cross-entropy with the labels, which all three add, is left out."
        )


def _matrix(of: data.Comparison, found: facts.BatchPulls, gradient: np.ndarray, height: int):
    at = found.positions[found.rows]
    truth = None if of.labels is None else of.labels[at]
    names = [
        of.class_names[truth[k]] if truth is not None else f"sample {of.teacher.predictions.ids[p]}"
        for k, p in enumerate(at)
    ]
    place = {int(c): k for k, c in enumerate(found.columns)}
    shown = -gradient[np.ix_(found.rows, found.columns)]
    return pull_matrix(
        shown,
        names,
        [of.class_names[c] for c in found.columns],
        largest=float(np.abs(shown).max()) or 1.0,
        truths=[] if truth is None else [place.get(int(c)) for c in truth],
        theme=style.theme(),
        height=height,
    )


def _table(drawn: go.Figure) -> pd.DataFrame:
    """The cells shown, a row an image."""
    rows, columns = (list(axis.ticktext) for axis in (drawn.layout.yaxis, drawn.layout.xaxis))
    return pd.DataFrame(
        drawn.data[0].z, index=pd.Index(rows, name="true class"), columns=columns
    ).reset_index()


LESSON = Lesson(
    title="Three losses",
    question="On the same batch, what do KD, DIST and BicKD pull on?",
    show=show,
    asked="Add 5 to all of a student's logits of one image. Which of the three losses change?",
    answer="None: all three see the logits through a softmax, which takes a common shift out, so every row of each matrix sums to 0. "
    "Multiply the logits by 2 instead and all three change, DIST least: a correlation asks for the teacher's pattern and not for its figures. "
    "What differs is whom an entry answers to: KD's cell depends on its own image alone; DIST's and BicKD's columns "
    "depend on which other images share the batch.",
)
