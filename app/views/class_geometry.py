"""Class geometry: Gram matrices, the samples behind a cell, angles, leakage, and overlap by epoch."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import data, state
from app.components import chart, frame, matrix, selection_bar, style, thumbs
from bickd_viz import text
from bickd_viz.charts import (
    Line,
    Sample,
    angles,
    leakage_ranking,
    metric_lines,
    probability_histogram,
)

ORDERS = {"cluster": "teacher's clusters", "index": "index", "name": "name"}


def show() -> None:
    of = frame.load_comparison()
    T = state.current().temperature
    student = frame.focused(of)
    _title(of, student, T)
    if of.students:
        student = frame.choose_student(of, "geometry-student")
    controls = st.container(horizontal=True, vertical_alignment="bottom")
    with controls:
        how = st.segmented_control(
            "Order of classes",
            list(ORDERS),
            default="cluster",
            format_func=lambda how: ORDERS[how],
            key="geometry-order",
        )
        centred = st.toggle(
            "Centred columns (Pearson)",
            key="geometry-centred",
            help="The cosine of raw columns is high for any two classes with a base level of probability; centring "
            "takes that level out.",
        )
    order = data.class_order(of, how or "cluster")
    _linked(of, student, T, order, centred)
    left, right = st.columns(2, gap="small")
    with left:
        _angles(of, T)
    with right:
        _leakage(of, T)
    _by_epoch(of)


def _title(of: data.Comparison, student: data.Model, T: float) -> None:
    found = data.geometry(of, student, T)
    if found.overlap is None:
        st.title("Fewer than two classes are predicted at all")
        return
    row, column = closest(found.gram, found.empty)
    st.title(
        f"{student.name} mixes {of.class_names[row]} and {of.class_names[column]} most: "
        f"cosine {found.gram[row, column]:.2f}, against {data.geometry(of, of.teacher, T).gram[row, column]:.2f} in the teacher"
        if of.students
        else f"The teacher mixes {of.class_names[row]} and {of.class_names[column]} most: cosine {found.gram[row, column]:.2f}"
    )
    interval = data.summary(of, student, T).overlap
    st.caption(
        text.sentence_for_matrix(
            f"{student.name} on {text.count(of.n)} {of.split} images",
            found.overlap,
            temperature=T,
            interval=interval,
            unpredicted=int(found.empty.sum()),
        )
        + f" Effective rank {found.effective_rank:.1f} of {found.n_classes_used} classes used. "
        "Overlap falls with a sharper softmax alone: Overview shows it at matched entropy too."
    )


def closest(gram: np.ndarray, empty: np.ndarray) -> tuple[int, int]:
    """The two different, non-empty classes with the highest cosine."""
    above = np.triu(gram, k=1)
    above[empty] = -np.inf
    above[:, empty] = -np.inf
    above[np.tril_indices(len(gram))] = -np.inf
    row, column = np.unravel_index(int(above.argmax()), above.shape)
    return int(row), int(column)


@st.fragment
def _linked(of: data.Comparison, student: data.Model, T: float, order: np.ndarray, centred: bool) -> None:
    """Matrices and the images of the focused pair: a click redraws these and nothing else."""
    _matrices(of, student, T, order, centred)
    _pair(of, student, T)
    selection_bar.show(of)
    state.show_in_url()


def _matrices(of: data.Comparison, student: data.Model, T: float, order: np.ndarray, centred: bool) -> None:
    names = of.class_names
    teacher_gram = data.geometry(of, of.teacher, T, centred=centred)
    pair = frame.focused_pair(of, student, T) if len(names) > 1 else None
    top = 0.6 if len(names) > 20 else 1.0
    looks = style.styles(of)
    tiles = [
        (
            "teacher",
            looks[of.teacher.key],
            "Teacher",
            "class Gram",
            teacher_gram.gram,
            "sequential",
            0.0,
            top,
        )
    ]
    if of.students:
        student_gram = data.geometry(of, student, T, centred=centred)
        look = looks[student.key]
        difference = student_gram.gram - teacher_gram.gram
        across = data.cross(of, student, T)
        tiles += [
            ("student", look, student.name, "class Gram", student_gram.gram, "sequential", 0.0, top),
            (
                "difference", look, f"{student.name} − teacher", "below 0: further apart", difference,
                "diverging", -0.4, 0.4,
            ),
            (
                "cross", look, f"Teacher × {student.name}",
                "cross Gram" if across.consistency is None else f"cross Gram, diagonal {across.consistency:.2f}",
                across.gram, "sequential", 0.0, top,
            ),
        ]  # fmt: skip
    large = len(names) > 20
    for start in range(0, len(tiles), 2):
        for place, tile in zip(st.columns(2, gap="small"), tiles[start : start + 2], strict=False):
            key, look, name, note, values, scale, low, high = tile
            with place, st.container(border=True):
                style.model_title(look, note, name)
                across_axis = key == "cross"
                matrix.show(
                    values,
                    names,
                    key=f"geometry-gram-{key}",
                    theme=style.theme(),
                    order=order,
                    zmin=low,
                    zmax=high,
                    scale=scale,
                    selected=pair,
                    x_title=f"{student.name}'s classes" if across_axis else "",
                    y_title="teacher's classes" if across_axis else "",
                    value_name="difference" if key == "difference" else "cosine",
                    on_cell=frame.on_cell(of, of.teacher if key == "teacher" else student),
                    label=f"{name}: {note}",
                    height=430 if large else 460,
                )
    st.caption(
        "Click a cell to see the images behind it, drag to zoom, double-click to zoom out. "
        + (f"Colours end at {top}; the diagonal is 1." if top < 1 else "")
    )


def _pair(of: data.Comparison, student: data.Model, T: float) -> None:
    if len(of.class_names) < 2:
        return
    st.subheader("The images behind a cell")
    row, column = frame.choose_pair(of, student, T, "geometry-pair")
    names = of.class_names
    shown = [of.teacher, *([student] if of.students else [])]
    looks = style.styles(of)
    if row == column:
        st.caption("The diagonal compares a class with itself: the images that carry most of that class.")
    for model in shown:
        gram = data.geometry(of, model, T).gram[row, column]
        with st.container(border=True):
            style.model_title(looks[model.key], f"cosine {gram:.2f}")
            strip, histogram = st.columns([3, 2], gap="medium")
            with strip:
                st.caption(
                    f"True class, and {model.name}'s probability of {names[row]} | {names[column]}, "
                    "from the image that carries most."
                )
                thumbs.pair_strip(of, model, (row, column), T, most=12)
            with histogram:
                _histogram(of, model, row, column, T)
    st.caption(data.image_credit(of))


def _histogram(of: data.Comparison, model: data.Model, row: int, column: int, T: float) -> None:
    probabilities = data.probabilities(of, model, T)
    theme = style.theme()
    samples = [
        Sample(of.class_names[c], probabilities[:, c], (theme.accent, theme.fallback[1])[i])
        for i, c in enumerate(dict.fromkeys((row, column)))
    ]
    drawn = probability_histogram(samples, x_title=f"probability at T = {T:g}, all images", theme=theme)
    chart.show(drawn, f"geometry-histogram-{model.key}")


def _angles(of: data.Comparison, T: float) -> None:
    looks = style.styles(of)
    found = []
    for model in of.models:
        geometry = data.geometry(of, model, T)
        used = np.flatnonzero(~geometry.empty)
        gram = geometry.gram[np.ix_(used, used)]
        cosines = np.clip(gram[np.triu_indices(len(used), k=1)], -1, 1)
        found.append((looks[model.key], np.degrees(np.arccos(cosines))))
    with st.container(border=True):
        style.card_title("Angles between classes", "All pairs of classes; 90° is orthogonal.")
        chart.show(angles(found, theme=style.theme(), height=300), "geometry-angles")


def _leakage(of: data.Comparison, T: float) -> None:
    looks = style.styles(of)
    with st.container(border=True):
        style.card_title(
            "Classes that leak most", "Mean cosine of a class with all others; ordered by the teacher."
        )
        models = [(looks[model.key], data.geometry(of, model, T).leakage) for model in of.models]
        drawn = leakage_ranking(models, of.class_names, top=10, theme=style.theme(), height=300)

        def clicked(index: int) -> None:
            leak = data.geometry(of, of.teacher, T).gram[int(index)].copy()
            leak[int(index)] = -np.inf
            state.update(pair=(of.class_names[int(index)], of.class_names[int(leak.argmax())]))

        chart.show_clickable(drawn, "geometry-leakage", clicked)


def _by_epoch(of: data.Comparison) -> None:
    looks = style.styles(of)
    lines = []
    for model in of.students:
        records = [r for r in model.run.metrics() if r.get("validation_overlap") is not None]
        if records:
            epochs = [record["epoch"] + 1 for record in records]
            lines.append(Line(looks[model.key], epochs, [record["validation_overlap"] for record in records]))
    if not lines:
        return
    with st.container(border=True):
        style.card_title("Overlap while they learned", "On the validation split at T = 4, after each epoch.")
        chart.show(metric_lines(lines, "class overlap", theme=style.theme(), height=280), "geometry-epochs")
