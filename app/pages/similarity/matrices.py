"""Similarity, class by class and sample by sample: two matrices whose cells select the images behind them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from app import data, selection, state
from app.components import frame, matrix, ranking, style, thumbs
from app.plain import st
from bickd_viz.text import numbers

MOST_SAMPLES = 500
"""Images up to which the sample-wise matrix shows each; beyond, it is binned by true class."""
HEIGHT = 430
IMAGES = 14


def show(of: data.Comparison, student: data.Model, T: float) -> None:
    """The matrices, the classes told most differently, and the images of the selection."""
    left, right = st.columns(2, gap="small")
    with left, st.container(border=True):
        _classes(of, student, T)
    with right, st.container(border=True):
        if of.n <= MOST_SAMPLES:
            _samples(of, student, T)
        else:
            _binned(of, student, T)
    st.caption(
        f"Click a cell, or walk with the arrow keys and press Enter, to select the {of.nouns} behind it; drag to zoom, "
        "double-click to zoom out."
    )
    _least_similar(of, student, T)
    _images(of, student, T)


def _classes(of: data.Comparison, student: data.Model, T: float) -> None:
    across = data.cross(of, student, T)

    style.model_title(
        style.styles(of)[student.key],
        f"cosine of the teacher's columns with {student.name}'s, {numbers.count(of.n)} {of.nouns}",
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
            f"The same class has a cosine of {figures.consistency.estimate:.2f} on average, two different ones "
            f"{figures.overlap.estimate:.3f}."
        )


def _binned(of: data.Comparison, student: data.Model, T: float) -> None:
    style.model_title(
        style.styles(of)[student.key],
        f"mean cosine of rows, by true class: {numbers.count(of.n)} of {numbers.count(of.n)} {of.nouns}, binned above {MOST_SAMPLES}",
        "Sample by sample",
    )
    if of.labels is None:
        st.info(
            "Above 500 samples they are binned by their true class, and these predictions have no labels."
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
    within = "" if rows.within is None else f", two of one class {rows.within:.2f}"
    between = "" if rows.between is None else f", two of different classes {rows.between:.2f}"
    st.caption(f"The same {of.noun} has a cosine of {rows.matched:.2f} on average{within}{between}.")


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
        f"The same {of.noun} has a cosine of {np.diag(values).mean():.2f} on average, two different ones {other:.2f}."
    )


def _least_similar(of: data.Comparison, student: data.Model, T: float) -> None:
    with st.container(border=True):
        style.card_title(
            "Classes told differently",
            f"1 − cosine of the class's column in teacher and student; the greatest of {student.name}. Click one to select "
            f"its {of.nouns}.",
        )
        ranking.show(
            of,
            [(m, 1 - np.diag(data.cross(of, m, T).gram)) for m in of.students],
            "similarity-classes",
            title="Classes told differently",
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
    """The selection's images; without one, those where the student and the teacher differ most."""
    found = selection.selected(of)
    if found is not None and len(found):
        st.subheader(f"{of.nouns.capitalize()} of the selection: {found.title}")
        positions = found.positions[:IMAGES]
        words = f"{numbers.count(len(positions))} of {numbers.counted(len(found), of.noun)}."
    else:
        st.subheader(f"Where {student.name} and the teacher differ most")
        positions = np.argsort(-data.displacement(of, student, T), kind="stable")[:IMAGES]
        words = f"Largest Hellinger distance at T = {T:g}, in the full space of probabilities."
    st.caption(
        f"{words} Under each {of.noun} its true class, then what the teacher says and what {student.name} says. "
        f"{data.image_credit(of)}"
    )
    thumbs.show(of, positions, thumbs.who_says_what(of, student, positions), one_row=True)
