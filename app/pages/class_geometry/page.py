"""Class geometry: Gram matrices through a lens, the samples behind a cell, and what the Grams add up to."""

from __future__ import annotations

import numpy as np

from app import data, page_export, state
from app.components import bound, frame, selection_bar
from app.pages.class_geometry import cell as geometry_cell
from app.pages.class_geometry import hierarchy, matrices, pairs, panels
from app.plain import st
from bickd_core.geometry import ClassGeometry, highest_pairs
from bickd_viz.text import class_geometry as words
from bickd_viz.text import numbers


def show() -> None:
    of = frame.load_comparison()
    student = frame.focused(of)
    head = st.container()
    if of.students:
        student = frame.choose_student(of, "geometry-student")
    how, lens = _controls(of)
    with head:
        _title(of, student, lens)
    found = data.gram(of, student, lens)
    _linked(of, student, lens, how, None if found.overlap is None else title_pair(of, found))
    panels.show(of, student, lens)


def _controls(of: data.Comparison) -> tuple[str, data.Lens]:
    """Order of classes, and how the columns are made."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="geometry-controls"):
        how = bound.class_order(of, "geometry-order")
        hierarchy.show(of)
        matching = bound.matching("geometry-matching", of.noun)
        centred = bound.toggle(
            "centred",
            "Centred columns (Pearson)",
            "geometry-centred",
            help="The cosine of raw columns is high for any two classes with a base level of probability; centring "
            "takes that level out.",
        )
    return how, data.Lens(state.current().temperature, matching, centred)


def _title(of: data.Comparison, student: data.Model, lens: data.Lens) -> None:
    found = data.gram(of, student, lens)
    if found.overlap is None:
        page_export.title("Fewer than two classes are predicted at all")
        return
    cell = title_pair(of, found)
    row, column = cell
    pair = f"{of.class_names[row]} and {of.class_names[column]}"
    figure = f"{lens.what} {found.gram[row, column]:.2f}"
    if cell != closest(found.gram, found.empty):
        others = [
            model for model in (frame.baseline(of, student), of.teacher) if model not in (None, student)
        ]
        each = [f"{data.gram(of, model, lens).gram[row, column]:.2f} in {model.called}" for model in others]
        page_export.title(f"{pair}: {', '.join([f'{figure} in {student.called}', *each])}")
    elif of.students:
        theirs = data.gram(of, of.teacher, lens).gram[row, column]
        page_export.title(f"{student.name} mixes {pair} most: {figure}, against {theirs:.2f} in the teacher")
    else:
        page_export.title(f"The teacher mixes {pair} most: {figure}")
    figures = data.gram_figures(of, student, lens)
    said = [
        words.figure_with_interval(f"{lens.what} of the two", data.cell_interval(of, student, cell, lens)),
        words.figure_with_interval("overlap", figures.overlap),
        words.figure_with_interval("orthogonality score", figures.score),
        words.figure_with_interval("effective rank", figures.effective_rank) + f" of {found.n_classes_used}",
    ]
    left_out = int(found.empty.sum())
    more = (
        f" {numbers.counted(left_out, 'class', 'classes')} that it never predicts left out."
        if left_out
        else ""
    )
    page_export.note(
        f"{student.name}, {numbers.count(of.n)} {of.split} {of.nouns}, {lens.words(of.noun)}: {', '.join(said)}.{more} "
        + _unreached(of, student, lens)
        + _gaps(of, student, lens)
        + words.matching_note(lens.matching, of.noun)
    )


def _gaps(of: data.Comparison, student: data.Model, lens: data.Lens) -> str:
    """The student's overlap less that of the other student it is measured against, paired, and of the teacher."""
    said = ""
    for other in (frame.baseline(of, student), of.teacher):
        if other is not None and student is not other:
            gap = data.overlap_difference(
                of, student, other, lens.temperature, matching=lens.matching, centred=lens.centred
            )
            said += words.sentence_for_gap(
                student.name, other.called, gap, matching=lens.matching, noun=of.noun
            )
            said += " "
    return said


def _unreached(of: data.Comparison, student: data.Model, lens: data.Lens) -> str:
    """A warning where images of the student do not have the teacher's entropy at any temperature."""
    unreached = lens.stands(of, student).unreached
    said = words.sentence_for_unmatched(
        student.name, unreached, of.n, matching=lens.matching, temperature=lens.temperature, noun=of.noun
    )
    return f"{said} " if said else ""


def title_pair(of: data.Comparison, found: ClassGeometry) -> tuple[int, int]:
    """The pair that the title speaks of: the one that was chosen, for example by a link, else the closest two classes."""
    pair, names = state.current().pair, of.class_names
    if pair is not None and pair[0] != pair[1] and pair[0] in names and pair[1] in names:
        return names.index(pair[0]), names.index(pair[1])
    return closest(found.gram, found.empty)


def closest(gram: np.ndarray, empty: np.ndarray) -> tuple[int, int]:
    """The two different, non-empty classes with the highest cosine."""
    return highest_pairs(gram, empty, 1)[0]


@st.fragment
def _linked(
    of: data.Comparison, student: data.Model, lens: data.Lens, how: str, told: tuple[int, int] | None
) -> None:
    """Matrices and the images of the focused pair: a click redraws these and nothing else.

    told: the pair of the title, which such a click leaves as it is.
    """
    matrices.show(of, student, lens, how, told)
    pairs.show(of, student, lens, told)
    geometry_cell.show(of, student, lens, told)
    panels.linked(of, student, lens)
    selection_bar.show(of)
    state.show_in_url()
