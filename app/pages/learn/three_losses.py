"""Lesson 4: the gradients of KD, DIST and BicKD on one real batch."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from app import state
from app.components import chart, frame, style
from app.data import lessons as facts
from app.pages.learn import presenter
from app.pages.learn.lesson import Lesson, draw, finding, needs_a_student
from app.plain import st
from bickd_core.comparing.comparison import Comparison
from bickd_viz.charts.pulls import pull_matrix
from bickd_viz.text import lessons, numbers

PARTS = {"bickd": "whole loss", "sample": "rows only", "class": "columns only"}


def show(comparison: Comparison, height: int) -> None:
    if needs_a_student(comparison):
        return
    _batch(comparison, height)


@frame.linked
def _batch(comparison: Comparison, height: int) -> None:
    chosen = facts.start_student(comparison, state.current().student)
    models = {model.key: model.name for model in comparison.students}
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        key = (
            st.segmented_control(
                "Logits of", list(models), default=chosen.key, key="learn-logits",
                format_func=lambda k: models.get(k, k)
            )
            or chosen.key
        )  # fmt: skip
        number = st.number_input(
            "Batch", 1, facts.batch_count(comparison), key="learn-batch", width=130
        )
        part = (
            st.segmented_control(
                "Part of BicKD",
                list(PARTS),
                default="bickd",
                key="learn-part",
                format_func=lambda k: PARTS[k],
            )
            or "bickd"
        )
        present = state.current().present
        shown = facts.PRESENTED_SHOWN if present else facts.SHOWN
        found = facts.batch_pulls(comparison, comparison.model(key), int(number) - 1, shown)
        if not present:
            _how_to_read(comparison, found)
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
                title, f"loss {numbers.number(pull.value)}, gradient norm {numbers.number(size)}"
            )
            drawn = _matrix(
                comparison, found, pull.gradient, presenter.room(height - (52 if present else 40))
            )
            export = chart.Export(f"Pull of {title}", partial(_table, comparison, found, name))
            draw(drawn, f"learn-pull-{'bickd' if name == part else name}", export)
    said = lessons.sentence_for_pulls(
        found.same_way,
        found.on_differing,
        float(found.differs.mean()),
        part=part,
        n=len(found.positions),
        split=comparison.split,
        noun=comparison.noun,
    )
    finding(said)


def _how_to_read(comparison: Comparison, found: facts.BatchPulls) -> None:
    with st.popover("How to read this", icon=":material/help:", key="learn-how"):
        st.markdown(
            "The pull is the negative gradient on the student's logits. A dot marks the true"
            f" class. Each row sums to 0 over all classes. You see the {len(found.rows)} of"
            f" {len(found.positions)} {comparison.nouns} and {len(found.columns)} of"
            f" {len(comparison.class_names)} classes with the largest pull. Each loss has its own"
            " colour scale. The loss weights are those of the presets. The cross-entropy with the"
            " labels, which all three methods add, is left out."
        )


def _row_names(comparison: Comparison, found: facts.BatchPulls) -> list[str]:
    at = found.positions[found.rows]
    if comparison.labels is None:
        return [f"sample {id}" for id in comparison.teacher.predictions.ids[at]]
    return [comparison.class_names[c] for c in comparison.labels[at]]


def _pulls(found: facts.BatchPulls, gradient: np.ndarray) -> np.ndarray:
    """The cells on the page."""
    return -gradient[np.ix_(found.rows, found.columns)]


def _matrix(comparison: Comparison, found: facts.BatchPulls, gradient: np.ndarray, height: int):
    at = found.positions[found.rows]
    truth = None if comparison.labels is None else comparison.labels[at]
    place = {int(c): k for k, c in enumerate(found.columns)}
    shown = _pulls(found, gradient)
    return pull_matrix(
        shown,
        _row_names(comparison, found),
        [comparison.class_names[c] for c in found.columns],
        largest=float(np.abs(shown).max()) or 1.0,
        truths=[] if truth is None else [place.get(int(c)) for c in truth],
        theme=style.theme(),
        height=height,
        letters=8 if state.current().present else 16,
    )


def _table(comparison: Comparison, found: facts.BatchPulls, name: str) -> pd.DataFrame:
    """Return the cells on the page, with a row for each image."""
    rows = pd.Index(
        _row_names(comparison, found),
        name="sample" if comparison.labels is None else "true_class",
    )
    columns = [comparison.class_names[c] for c in found.columns]
    return pd.DataFrame(
        _pulls(found, found.pulls[name].gradient), index=rows, columns=columns
    ).reset_index()


LESSON = Lesson(
    title="Three losses",
    question="What do KD, DIST and BicKD pull on in the same batch?",
    show=show,
    exercise="Add 5 to all of a student's logits for one image. Which of the three losses change?",
    answer=(
        "None. All three apply a softmax, which ignores a common shift, so every row of each matrix"
        " sums to 0. If you multiply the logits by 2 instead, all three change. Relative to its own"
        " norm, KD's pull changes most and DIST's least, because a correlation compares the"
        " teacher's pattern and not its exact values. The losses also differ in what a cell depends"
        " on. In KD it depends only on its own image. In DIST the columns depend on the other"
        " images of the batch. In BicKD both contrasts do, for rows and for columns."
    ),
)
