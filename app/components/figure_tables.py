"""The headline figures of Overview: which they are, and two tables of them."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app import data, state
from bickd_viz import text


@dataclass(frozen=True)
class Figure:
    """A headline figure: its field in Summary, what to call it, which way is better, its format, and what it is.

    at_T: whether it changes with the temperature, which then stands before the note.
    """

    field: str
    title: str
    note: str
    fmt: str = "number"
    with_teacher: bool = True
    at_T: bool = False
    help: str = ""

    def said(self, T: float) -> str:
        return f"T = {T:g}, {self.note}" if self.at_T else self.note


CARDS = (
    Figure(
        "accuracy", "Accuracy", "higher is better", "percent",
        help="The share of images whose true class a model names first.",
    ),
    Figure(
        "agreement", "Agreement", "same top-1 class", "percent", False,
        help="The share of images on which the student's first choice is the teacher's, right or wrong.",
    ),
    Figure(
        "overlap", "Class overlap", "lower is more orthogonal", at_T=True,
        help="How much classes share probability: the cosine between the columns of two classes in the probability matrix "
        "(images × classes), mean over all pairs. 0: no image gives both any probability.",
    ),
    Figure(
        "overlap_matched", "Overlap, matched", "the same without sharpness",
        help="At matched entropy: each student at the temperature where its mean entropy (how spread its probabilities are) "
        "is the teacher's at the T of the sidebar. A sharper softmax alone lowers overlap; here it cannot.",
    ),
)  # fmt: skip
TABLE = (
    *CARDS,
    Figure("kl", "KL from the teacher", "nats at T"),
    Figure("calibration_error", "ECE", "15 bins, T = 1", "percent"),
    Figure("cka_logits", "CKA of logits", "debiased"),
    Figure("score", "Orthogonality score", "1 is orthogonal"),
)


def every_figure(of: data.Comparison, T: float) -> None:
    """A row a model; choosing one puts that student in focus."""
    import pandas as pd  # a third of a second that the first charts need not wait for

    st.subheader("Every figure with its interval")
    st.caption(
        f"95% intervals over {text.count(of.n)} {of.split} images of {of.data_title}; overlap, KL and score at T = {T:g}. "
        "Choose a row to put that student in focus.",
        help=of.data_path,
    )
    rows = []
    for model in of.models:
        found = data.summary(of, model, T)
        row = {"model": model.name, "architecture": model.info.arch}
        for figure in TABLE:
            interval = getattr(found, figure.field)
            if interval is None or (model.is_teacher and figure.field in ("agreement", "kl", "cka_logits")):
                row[figure.title] = "–"
            else:
                shape = text.percent if figure.fmt == "percent" else text.number
                row[figure.title] = f"{shape(interval.estimate)} {text.interval_text(interval, figure.fmt)}"
        rows.append(row)

    def chosen() -> None:
        picked = st.session_state["overview-table"]["selection"]["rows"]
        if picked and picked[0] > 0:
            state.update(student=of.models[picked[0]].key, pair=None)

    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="overview-table",
        on_select=chosen,
        selection_mode="single-row",
    )


def over_seeds(of: data.Comparison, T: float) -> None:
    """Mean and deviation of each method over its seeds, where it has several."""
    rows = []
    for model, spread in data.over_seeds(of, T):
        row = {"method": data.label(model.run), "seeds": spread.seeds}
        for figure in CARDS:
            if figure.field in spread.figures:
                mean, deviation = spread.figures[figure.field]
                row[figure.title] = text.with_deviation(mean, deviation, spread.seeds, figure.fmt).split(
                    " ("
                )[0]
        rows.append(row)
    if not rows:
        return
    import pandas as pd

    st.subheader("Would another seed say the same?")
    st.caption(
        "Mean ± standard deviation over runs that differ in their seeds alone (initial weights, order, augmentation). "
        "The charts above show one seed; their intervals are over images and do not hold this spread."
    )
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="overview-seeds")
