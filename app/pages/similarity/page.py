"""Similarity: compare a student with its teacher, by class, by sample and by layer."""

from __future__ import annotations

import numpy as np

from app import data, page_export, state
from app.components import frame, selection_bar
from app.pages.similarity import layers, matrices, measures
from app.plain import st
from bickd_viz.text import class_geometry as words
from bickd_viz.text import numbers


def show() -> None:
    of = frame.load_comparison()
    T = state.current().temperature
    if not of.students:
        page_export.title("Similarity needs a student")
        frame.need_students(of)
    head = st.container()
    student = frame.choose_student(of, "similarity-student")
    with head:
        _title(of, student, T)
    _linked(of, student, T)
    measures.show(of, student, T)
    layers.show(of, student)


@st.fragment
def _linked(of: data.Comparison, student: data.Model, T: float) -> None:
    """Draw the matrices, the images of the selection and its chip. A click redraws only these."""
    matrices.show(of, student, T)
    selection_bar.show(of)
    state.show_in_url()


def _title(of: data.Comparison, student: data.Model, T: float) -> None:
    across = data.cross(of, student, T)
    diagonal = np.diag(across.gram)
    usable = ~(across.empty_teacher | across.empty_student)
    if usable.any():
        worst = int(np.where(usable, diagonal, np.inf).argmin())
        page_export.title(
            f"{student.name} differs most from its teacher on {of.class_names[worst]}: cosine {diagonal[worst]:.2f} "
            f"(mean {diagonal[usable].mean():.2f})"
        )
    else:
        page_export.title(f"{student.name} and its teacher predict no class in common")
    found = data.summary(of, student, T)
    parts = []
    if usable.any():
        name = f"cosine on {of.class_names[worst]}"
        parts.append(words.figure_with_interval(name, data.same_class_interval(of, student, worst, T)))
    if found.agreement is not None:
        parts.append(words.same_class(found.agreement))
    said = f"{', '.join(parts)}. " if parts else ""
    more = []
    if found.displacement is not None:
        more.append(
            f"Mean Hellinger distance from the teacher: {numbers.number(found.displacement.estimate)} "
            f"{numbers.interval_text(found.displacement)}."
        )
    if found.kl is not None:
        more.append(
            f"KL from the teacher: {numbers.number(found.kl.estimate)} {numbers.interval_text(found.kl)} nats."
        )
    page_export.note(
        f"{said[:1].upper()}{said[1:]}{numbers.count(of.n)} {of.split} {of.nouns}, T = {T:g}.",
        *more,
        f"Intervals are at 95%, over {of.nouns}.",
    )
