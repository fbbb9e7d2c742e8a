"""Class geometry: Gram matrices through a lens, the samples behind a cell, and what the Grams add up to."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import data, state, taking
from app.components import (
    bound,
    frame,
    geometry_cell,
    geometry_matrices,
    geometry_pairs,
    geometry_panels,
    hierarchy_form,
    selection_bar,
)
from bickd_core.geometry import highest_pairs
from bickd_viz import geometry_text as words
from bickd_viz import text


def show() -> None:
    of = frame.load_comparison()
    student = frame.focused(of)
    head = st.container()
    if of.students:
        student = frame.choose_student(of, "geometry-student")
    how, lens = _controls(of)
    with head:
        _title(of, student, lens)
    _linked(of, student, lens, how)
    geometry_panels.show(of, student, lens)


def _controls(of: data.Comparison) -> tuple[str, data.Lens]:
    """Order of classes, and how the columns are made."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="geometry-controls"):
        how = bound.class_order(of, "geometry-order")
        hierarchy_form.show(of)
        matched = bound.toggle(
            "matched",
            "At matched entropy",
            "geometry-matched",
            help="A sharper softmax alone lowers every cosine. Here each student stands at the temperature where its "
            "mean entropy is the teacher's: what vanishes was sharpness.",
        )
        centred = bound.toggle(
            "centred",
            "Centred columns (Pearson)",
            "geometry-centred",
            help="The cosine of raw columns is high for any two classes with a base level of probability; centring "
            "takes that level out.",
        )
    return how, data.Lens(state.current().temperature, matched, centred)


def _title(of: data.Comparison, student: data.Model, lens: data.Lens) -> None:
    found = data.gram(of, student, lens)
    if found.overlap is None:
        taking.title("Fewer than two classes are predicted at all")
        return
    cell = closest(found.gram, found.empty)
    row, column = cell
    pair = f"{of.class_names[row]} and {of.class_names[column]}"
    figure = f"{lens.what} {found.gram[row, column]:.2f}"
    if of.students:
        theirs = data.gram(of, of.teacher, lens).gram[row, column]
        taking.title(f"{student.name} mixes {pair} most: {figure}, against {theirs:.2f} in the teacher")
    else:
        taking.title(f"The teacher mixes {pair} most: {figure}")
    figures = data.gram_figures(of, student, lens)
    said = [
        words.figure_with_interval(f"{lens.what} of the two", data.cell_interval(of, student, cell, lens)),
        words.figure_with_interval("overlap", figures.overlap),
        words.figure_with_interval("orthogonality score", figures.score),
        words.figure_with_interval("effective rank", figures.effective_rank) + f" of {found.n_classes_used}",
    ]
    left_out = int(found.empty.sum())
    more = (
        f" {text.counted(left_out, 'class', 'classes')} that it never predicts left out." if left_out else ""
    )
    taking.note(
        f"{student.name}, {text.count(of.n)} {of.split} images, {lens.words()}: {', '.join(said)}.{more} "
        + _unreached(of, student, lens)
        + _gaps(of, student, lens)
        + (
            ""
            if lens.matched
            else "Overlap falls with a sharper softmax alone: switch to matched entropy to take that away."
        )
    )


def _gaps(of: data.Comparison, student: data.Model, lens: data.Lens) -> str:
    """The student's overlap less that of the other student it is measured against, paired, and of the teacher."""
    said = ""
    for other in (frame.baseline(of, student), of.teacher):
        if other is not None and student is not other:
            gap = data.overlap_difference(
                of, student, other, lens.temperature, matched=lens.matched, centred=lens.centred
            )
            said += words.sentence_for_gap(student.name, other.called, gap) + " "
    return said


def _unreached(of: data.Comparison, student: data.Model, lens: data.Lens) -> str:
    """A warning where no temperature gives the student the teacher's entropy."""
    if not lens.matched or data.matched_temperature_of(of, student, lens.temperature) is not None:
        return ""
    return f"No temperature gives {student.name} the teacher's entropy, so it is shown at T = {lens.temperature:g}. "


def closest(gram: np.ndarray, empty: np.ndarray) -> tuple[int, int]:
    """The two different, non-empty classes with the highest cosine."""
    return highest_pairs(gram, empty, 1)[0]


@st.fragment
def _linked(of: data.Comparison, student: data.Model, lens: data.Lens, how: str) -> None:
    """Matrices and the images of the focused pair: a click redraws these and nothing else."""
    found = data.gram(of, student, lens)
    most = None if found.overlap is None else closest(found.gram, found.empty)
    geometry_matrices.show(of, student, lens, how, most)
    geometry_pairs.show(of, student, lens, most)
    geometry_cell.show(of, student, lens, most)
    geometry_panels.linked(of, student, lens)
    selection_bar.show(of)
    state.show_in_url()
