"""CKA, RSA and Procrustes of every student with the teacher, as dots with whiskers beside what chance gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from app import data
from app.components import export_menu, frame, style
from bickd_viz import similarity_text as words
from bickd_viz import text
from bickd_viz.charts import Row, whisker_html

if TYPE_CHECKING:
    pass

TITLES = {
    "cka": "CKA",
    "rsa": "RSA",
    "procrustes": "Procrustes distance",
}
NOTES = {
    "cka": "Debiased linear CKA of {what}: 1 is the same up to rotation and scale.",
    "rsa": "Spearman's correlation of {distance} distances: 1 is the same near and far.",
    "procrustes": "What rotation and scale leave of {what}: 0 is the same, 1 nothing shared.",
}
WHAT = {
    "outputs": {"what": "logits", "distance": "Hellinger"},
    "features": {"what": "features", "distance": "Euclidean"},
}


@st.fragment
def show(of: data.Comparison, student: data.Model, T: float) -> None:
    st.subheader("How like the teacher, whatever the rotation")
    basis = st.segmented_control(
        "What is compared",
        data.BASES,
        default="outputs",
        key="similarity-basis",
        format_func=lambda basis: {"outputs": "outputs", "features": "penultimate features"}[basis],
    )
    basis = basis or "outputs"
    for place, measure in zip(st.columns(3, gap="small"), data.MEASURES, strict=True):
        with place, st.container(border=True, height="stretch", key=f"similarity-{measure}"):
            _measure(of, student, measure, basis, T)
    ranked = len(data.sampled(of))
    at = f" at T = {T:g}" if basis == "outputs" else ""
    drawn = ", drawn by class with seed 0" if ranked < of.n else ""
    st.caption(
        f"{text.count(of.n)} {of.split} images, 95% intervals by a jackknife over shards of images. RSA ranks all pairs of "
        f"{text.count(ranked)} of {text.count(of.n)} images{at}{drawn}."
    )


def _measure(of: data.Comparison, student: data.Model, measure: str, basis: str, T: float) -> None:
    looks = style.styles(of)
    style.card_title(TITLES[measure], NOTES[measure].format(**WHAT[basis]))
    rows = []
    for model in of.students:
        found = data.likeness(of, model, measure, basis, T)
        interval = None if found is None else found.interval()
        rows.append(
            Row(looks[model.key], None)
            if interval is None
            else Row(looks[model.key], interval.estimate, interval.low, interval.high)
        )
    null = data.chance(of, measure, basis, T)
    st.html(whisker_html(rows, theme=style.theme(), slots=4))
    title = f"{TITLES[measure]} of {WHAT[basis]['what']} with the teacher"
    export_menu.offer_whiskers(f"similarity-{measure}", title, rows, theme=style.theme(), x_title=title)
    st.caption(_finding(of, student, measure, basis, T, null))


def _finding(
    of: data.Comparison, student: data.Model, measure: str, basis: str, T: float, null: data.Chance | None
) -> str:
    if null is None:
        return "These runs have no features stored." if basis == "features" else "It is not defined here."
    said = []
    other = frame.baseline(of, student)
    if other is not None:
        difference = data.likeness_difference(of, student, other, measure, basis, T)
        said.append(words.difference_words(measure, student.name, other.name, difference))
    shuffled = null.null
    assert shuffled.observed is not None, "a chance has an observed value"
    said.append(
        words.chance_words(
            measure,
            null.student.name,
            shuffled.observed,
            shuffled.values,
            shuffled.p_value,
            alone=len(of.students) == 1,
        )
    )
    return " ".join(filter(None, said))
