"""Similarity by class and by sample: two matrices. A cell selects its images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from app import data, selection, state
from app.components import frame, matrix, ranking, style, thumbs
from app.plain import st
from bickd_viz.text import numbers

MOST_SAMPLES = 500
"""Up to this many images, the sample-wise matrix shows each. With more, they are grouped by true class."""
HEIGHT = 430
IMAGES = 14


def show(of: data.Comparison, student: data.Model, T: float) -> None:
    """Draw the matrices, the classes that differ most, and the images of the selection."""
    left, right = st.columns(2, gap="small")
    with left, st.container(border=True):
        _classes(of, student, T)
    with right, st.container(border=True):
        if of.n <= MOST_SAMPLES:
            _samples(of, student, T)
        else:
            _binned(of, student, T)
    st.caption(
        f"Click a cell to select its {of.nouns}. Drag to zoom, double-click to zoom out.",
        help="With the keyboard: move with the arrow keys and press Enter.",
    )
    _least_similar(of, student, T)
    _images(of, student, T)


def _classes(of: data.Comparison, student: data.Model, T: float) -> None:
    across = data.cross(of, student, T)

    style.model_title(
        style.styles(of)[student.key],
        f"cosine of the teacher's and {student.name}'s columns, {numbers.count(of.n)} {of.nouns}",
        "Class by class",
    )
    matrix.show(
        across.gram,
        of.class_names,
        key="similarity-class",
        theme=style.theme(),
        order=data.class_order(of, "cluster"),
        selected=frame.focused_pair(of, student, T) if len(of.class_names) > 1 else None,
        x_title=f"{student.name}'s classes",
        y_title="teacher's classes",
        on_cell=frame.on_cell(of, student, "cross"),
        label=f"Cosine of each class of the teacher with each class of {student.name}",
        height=HEIGHT,
    )
    figures = data.cross_gram_figures(of, student, data.Lens(T))
    if figures.consistency is not None and figures.overlap is not None:
        st.caption(
            f"Mean cosine: {figures.consistency.estimate:.2f} for the same class, {figures.overlap.estimate:.3f} for two "
            "different classes."
        )


def _binned(of: data.Comparison, student: data.Model, T: float) -> None:
    style.model_title(
        style.styles(of)[student.key],
        f"mean cosine of rows by true class, {numbers.count(of.n)} {of.nouns}",
        "Sample by sample",
    )
    if of.labels is None:
        st.info(
            f"With more than {MOST_SAMPLES} samples, this matrix groups them by true class. These predictions have no "
            "labels."
        )
        return
    rows = data.rows_similarity(of, student, T)

    def clicked(row: int, column: int) -> None:
        names = (of.class_names[row], of.class_names[column])
        state.update(pair=names)
        selection.select("class", *dict.fromkeys(names))

    matrix.show(
        rows.matrix,
        of.class_names,
        key="similarity-sample",
        theme=style.theme(),
        order=data.class_order(of, "cluster"),
        selected=frame.focused_pair(of, student, T) if len(of.class_names) > 1 else None,
        x_title=f"{student.name}, true class",
        y_title="teacher, true class",
        value_name="mean cosine",
        on_cell=clicked,
        label=f"Mean cosine of the teacher's rows with {student.name}'s, by true class",
        height=HEIGHT,
    )
    within = "" if rows.within is None else f", {rows.within:.2f} for two of one class"
    between = "" if rows.between is None else f", {rows.between:.2f} for two of different classes"
    st.caption(
        f"Mean cosine: {rows.matched:.2f} for the same {of.noun}{within}{between}.",
        help=f"With more than {MOST_SAMPLES} {of.nouns}, the matrix shows the mean over two true classes.",
    )


def _samples(of: data.Comparison, student: data.Model, T: float) -> None:
    style.model_title(
        style.styles(of)[student.key],
        f"cosine of rows, each of {numbers.counted(of.n, of.noun)}"
        + ("" if of.labels is None else ", by true class"),
        "Sample by sample",
    )
    values = data.row_cosines(of, student, T)
    ids = of.teacher.predictions.ids
    order = np.arange(of.n)
    if of.labels is not None:
        place = np.argsort(data.class_order(of, "cluster"))
        order = np.argsort(place[of.labels], kind="stable")

    def clicked(row: int, column: int) -> None:
        selection.select("samples", *dict.fromkeys((str(ids[row]), str(ids[column]))))

    matrix.show(
        values,
        [
            f"{thumbs.true_class(of, i)} ({ids[i]})" if of.labels is not None else str(ids[i])
            for i in range(of.n)
        ],
        key="similarity-sample",
        theme=style.theme(),
        order=order,
        x_title=f"{student.name}, {of.noun}",
        y_title=f"teacher, {of.noun}",
        on_cell=clicked,
        group="samples",
        label=f"Cosine of the teacher's rows with {student.name}'s, {of.noun} by {of.noun}",
        height=HEIGHT,
    )
    other = (values.sum() - np.trace(values)) / max(of.n * (of.n - 1), 1)
    st.caption(
        f"Mean cosine: {np.diag(values).mean():.2f} for the same {of.noun}, {other:.2f} for two different ones."
    )


def _least_similar(of: data.Comparison, student: data.Model, T: float) -> None:
    with st.container(border=True):
        style.card_title(
            "Classes that differ most from the teacher",
            f"1 − cosine of a class's columns in teacher and student. Click a class to select its {of.nouns}.",
            f"Classes are ordered by {student.name}, the largest first.",
        )
        ranking.show(
            of,
            [(m, 1 - np.diag(data.cross(of, m, T).gram)) for m in of.students],
            "similarity-classes",
            title="Classes that differ most from the teacher",
            order_by=student,
            what="1 − cosine",
            column="1 - cosine",
            top=8,
            height=292,
            on_class=_choose_class(of),
        )


def _choose_class(of: data.Comparison) -> Callable[[int], None]:
    def clicked(index: int) -> None:
        name = of.class_names[int(index)]
        state.update(pair=(name, name))
        if of.labels is not None:
            selection.select("class", name)

    return clicked


def _images(of: data.Comparison, student: data.Model, T: float) -> None:
    """Show the selection's images, or those where the student and the teacher differ most."""
    found = selection.selected(of)
    if found is not None and len(found):
        st.subheader(f"{of.nouns.capitalize()} of the selection: {found.title}")
        positions = found.positions[:IMAGES]
        words = f"{numbers.count(len(positions))} of {numbers.counted(len(found), of.noun)}."
    else:
        st.subheader(f"Where {student.name} and the teacher differ most")
        positions = np.argsort(-data.displacement(of, student, T), kind="stable")[:IMAGES]
        words = f"Largest Hellinger distances at T = {T:g}, over all classes."
    st.caption(
        f"{words} Under each {of.noun}: its true class, then the top-1 classes of the teacher | {student.name}."
    )
    thumbs.show(of, positions, thumbs.who_says_what(of, student, positions), one_row=True)
    st.caption(data.image_credit(of))
