"""Similarity by class and by sample: two matrices. A cell selects its images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app import selection, state
from app.components import class_parts, frame, matrix, plot, style, thumbs
from app.components.chart import Export
from app.data import samples
from app.plain import st
from bickd_core.comparing import class_geometry, measures
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.class_groups import Part
from bickd_viz import tables
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.charts.ranking import ranking_plot
from bickd_viz.text import numbers

MOST_SAMPLES = 500
"""Up to this many images, the sample-wise matrix shows each. With more, they are grouped by true
class."""
HEIGHT = 430
IMAGES = 14


@dataclass(frozen=True)
class Card:
    """One matrix with what is written around it.

    Attributes:
        name: "Class by class" or "Sample by sample".
        note: What a value is.
        caption: Mean values, below the matrix.
        help: Tooltip of the caption.
        group: See `app.components.matrix.show`.
    """

    key: str
    name: str
    note: str
    scene: MatrixScene
    on_cell: Callable[[int, int], None]
    caption: str = ""
    help: str | None = None
    group: str = "classes"


def show(comparison: Comparison, student: Model, T: float) -> None:
    """Draw the matrices, the classes that differ most, and the images of the selection."""
    part = class_parts.choose(comparison, class_parts.order(comparison), "similarity-part")
    class_parts.explain(part, ordered=True)
    left, right = st.columns(2, gap="small")
    with left, st.container(border=True):
        _draw(comparison, student, _classes(comparison, student, T, part))
    with right, st.container(border=True):
        if comparison.n <= MOST_SAMPLES:
            _draw(comparison, student, _samples(comparison, student, T))
        elif comparison.labels is not None:
            _draw(comparison, student, _samples_by_class(comparison, student, T, part))
        else:
            style.model_title(style.styles(comparison)[student.key], name="Sample by sample")
            st.info(
                f"With more than {MOST_SAMPLES} samples, this matrix groups them by true class."
                " These predictions have no labels."
            )
    if not part.groups:
        st.caption(
            f"Click a cell to select its {comparison.nouns}. Drag to zoom, double-click to zoom"
            " out.",
            help="With the keyboard: move with the arrow keys and press Enter.",
        )
    _least_similar(comparison, student, T)
    _images(comparison, student, T)


def _draw(comparison: Comparison, student: Model, card: Card) -> None:
    style.model_title(style.styles(comparison)[student.key], card.note, card.name)
    matrix.show(
        card.scene,
        card.key,
        theme=style.theme(),
        on_cell=card.on_cell,
        group=card.group,
        height=HEIGHT,
    )
    if card.caption:
        st.caption(card.caption, help=card.help)


def _classes(comparison: Comparison, student: Model, T: float, part: Part) -> Card:
    figures = class_geometry.cross_gram_figures(comparison, student, Lens(T))
    across = measures.cross(comparison, student, T)
    caption = ""
    if figures.consistency is not None and figures.overlap is not None:
        caption = (
            f"Mean cosine: {numbers.fixed(figures.consistency.estimate, 2)} for the same class,"
            f" {numbers.fixed(figures.overlap.estimate)} for two different classes."
        )
    return Card(
        "similarity-class",
        "Class by class",
        f"cosine of the teacher's and {student.name}'s columns, {numbers.count(comparison.n)}"
        f" {comparison.nouns}",
        class_parts.scene_of(
            part,
            MatrixScene(
                across.gram,
                comparison.class_names,
                x_title=f"{student.name}'s classes",
                y_title="teacher's classes",
                selected=_focused_pair(comparison, student, T),
                label=f"Cosine of each class of the teacher with each class of {student.name}",
            ),
            empty=across.empty_teacher | across.empty_student,
            ordered=True,
        ),
        class_parts.on_cell(part, frame.on_cell(comparison, student, "cross")),
        caption,
        f"These means are corrected for the number of {comparison.nouns}; the cells are not.",
    )


def _focused_pair(comparison: Comparison, student: Model, T: float) -> tuple[int, int] | None:
    if len(comparison.class_names) < 2:
        return None
    return frame.focused_pair(comparison, student, T)


def _samples_by_class(comparison: Comparison, student: Model, T: float, part: Part) -> Card:
    rows = measures.rows_similarity(comparison, student, T)
    within = "" if rows.within is None else f", {rows.within:.2f} for two of one class"
    between = "" if rows.between is None else f", {rows.between:.2f} for two of different classes"

    def clicked(row: int, column: int) -> None:
        names = (comparison.class_names[row], comparison.class_names[column])
        state.update(pair=names)
        selection.select("class", *dict.fromkeys(names))

    return Card(
        "similarity-sample",
        "Sample by sample",
        f"mean cosine of rows by true class, {numbers.count(comparison.n)} {comparison.nouns}",
        class_parts.scene_of(
            part,
            MatrixScene(
                rows.matrix,
                comparison.class_names,
                x_title=f"{student.name}, true class",
                y_title="teacher, true class",
                value_name="mean cosine",
                selected=_focused_pair(comparison, student, T),
                label=f"Mean cosine of the teacher's rows with {student.name}'s, by true class",
            ),
            empty=rows.absent,
            ordered=True,
        ),
        class_parts.on_cell(part, clicked),
        f"Mean cosine: {rows.matched:.2f} for the same {comparison.noun}{within}{between}.",
        f"With more than {MOST_SAMPLES} {comparison.nouns}, the matrix shows the mean over two true"
        " classes.",
    )


def _samples(comparison: Comparison, student: Model, T: float) -> Card:
    values = measures.row_cosines(comparison, student, T)
    ids = comparison.teacher.predictions.ids
    order, names, by_class = np.arange(comparison.n), [str(id) for id in ids], ""
    if comparison.labels is not None:
        place = np.argsort(measures.class_order(comparison, "cluster"))
        order = np.argsort(place[comparison.labels], kind="stable")
        names = [f"{thumbs.true_class(comparison, i)} ({id})" for i, id in enumerate(ids)]
        by_class = ", by true class"

    def clicked(row: int, column: int) -> None:
        selection.select("samples", *dict.fromkeys((str(ids[row]), str(ids[column]))))

    other = (values.sum() - np.trace(values)) / max(comparison.n * (comparison.n - 1), 1)
    return Card(
        "similarity-sample",
        "Sample by sample",
        f"cosine of rows, each of {numbers.counted(comparison.n, comparison.noun)}{by_class}",
        MatrixScene(
            values,
            names,
            order,
            selected=_selected_samples(comparison),
            x_title=f"{student.name}, {comparison.noun}",
            y_title=f"teacher, {comparison.noun}",
            label=(
                f"Cosine of the teacher's rows with {student.name}'s, {comparison.noun} by"
                f" {comparison.noun}"
            ),
        ),
        clicked,
        f"Mean cosine: {np.diag(values).mean():.2f} for the same {comparison.noun}, {other:.2f} for"
        " two different ones.",
        group="samples",
    )


def _selected_samples(comparison: Comparison) -> tuple[int, int] | None:
    """The cell of the current selection, or None if the selection is not one or two samples."""
    rule = selection.rule()
    if rule is None or rule.kind != "samples" or len(rule.arguments) > 2:
        return None
    ids = comparison.teacher.predictions.ids.astype(str)
    places = [int(at[0]) for id in rule.arguments if len(at := np.flatnonzero(ids == id))]
    return (places[0], places[-1]) if places and len(places) == len(rule.arguments) else None


def _differences(comparison: Comparison, model: Model, T: float) -> np.ndarray:
    """1 − cosine of each class's columns in teacher and model, [C]. A class that one of them never
    predicts has no column, and NaN."""
    empty = [measures.geometry(comparison, side, T).empty for side in (comparison.teacher, model)]
    return np.where(empty[0] | empty[1], np.nan, 1 - measures.same_class(comparison, model, T))


def _beyond_rounding(values: np.ndarray) -> np.ndarray:
    return np.where((values > numbers.ROUNDING) | np.isnan(values), values, 0.0)


def _least_similar(comparison: Comparison, student: Model, T: float) -> None:
    with st.container(border=True):
        style.card_title(
            "Classes that differ most from the teacher",
            "1 − cosine of a class's columns in teacher and student. Click a class to select its"
            f" {comparison.nouns}.",
            f"Classes are ordered by {student.name}, the largest first.",
        )
        looks, names = style.styles(comparison), comparison.class_names
        models = [
            (looks[model.key], _beyond_rounding(_differences(comparison, model, T)))
            for model in comparison.students
        ]
        plot.show(
            ranking_plot(
                models,
                names,
                top=8,
                order_by=comparison.students.index(student),
                x_title="1 − cosine",
                height=292,
            ),
            "similarity-classes",
            theme=style.theme(),
            export=Export(
                "Classes that differ most from the teacher",
                lambda: tables.ranking_table(models, names, "1 - cosine"),
            ),
            on_pick=_choose_class(comparison),
        )


def _choose_class(comparison: Comparison) -> Callable[[int], None]:
    def clicked(index: int) -> None:
        name = comparison.class_names[int(index)]
        state.update(pair=(name, name))
        if comparison.labels is not None:
            selection.select("class", name)

    return clicked


def _images(comparison: Comparison, student: Model, T: float) -> None:
    """Show the selection's images, or those where the student and the teacher differ most."""
    selected = selection.selected(comparison)
    if selected is not None and len(selected):
        st.subheader(f"{comparison.nouns.capitalize()} of the selection: {selected.title}")
        positions = selected.positions[:IMAGES]
        sentence = (
            f"{numbers.count(len(positions))} of {numbers.counted(len(selected), comparison.noun)}."
        )
    else:
        st.subheader(f"Where {student.name} and the teacher differ most")
        distances = measures.displacement(comparison, student, T)
        positions = np.argsort(-distances, kind="stable")[:IMAGES]
        sentence = f"Largest Hellinger distances at T = {T:g}, over all classes."
    st.caption(
        f"{sentence} Under each {comparison.noun}: {thumbs.true_class_words(comparison)}, then the"
        f" top-1 classes of the teacher | {student.name}."
    )
    thumbs.show(
        comparison,
        positions,
        thumbs.teacher_and_student(comparison, student, positions),
        one_row=True,
    )
    st.caption(samples.image_credit(comparison))
