"""Class geometry: Gram matrices, the samples behind a cell, and angles, overlaps and eigenvalues
of the classes."""

from __future__ import annotations

import numpy as np

from app import page_export, state
from app.components import bound, frame, selection_bar
from app.pages.class_geometry import cell as geometry_cell
from app.pages.class_geometry import hierarchy, matrices, pairs, panels
from app.plain import st
from bickd_core.comparing import class_geometry, measures
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.orthogonality import ClassGeometry
from bickd_core.geometry.pairs import highest_pairs
from bickd_viz.text import class_geometry as words
from bickd_viz.text import numbers
from bickd_viz.text.classes import isolated


def show() -> None:
    comparison = frame.load_comparison()
    if comparison is None:
        return
    student = frame.focused(comparison)
    head = st.container()
    if comparison.students:
        student = frame.choose_student(comparison, "geometry-student")
    how, lens = _controls(comparison)
    with head:
        _title(comparison, student, lens)
    found = class_geometry.gram(comparison, student, lens)
    _linked(
        comparison,
        student,
        lens,
        how,
        None if found.overlap is None else title_pair(comparison, found),
    )
    panels.show(comparison, student, lens)


def _controls(comparison: Comparison) -> tuple[str, Lens]:
    """Show the controls: the order of classes, and how the columns are made."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="geometry-controls"):
        how = bound.class_order(comparison, "geometry-order")
        hierarchy.show(comparison)
        matching = bound.matching("geometry-matching", comparison.noun)
        centred = bound.toggle(
            "centred",
            "Centred columns (Pearson)",
            "geometry-centred",
            help=(
                "Subtract each column's mean before comparing. Otherwise any two classes with a"
                " base level of probability have a high cosine."
            ),
        )
    return how, Lens(state.current().temperature, matching, centred)


def _title(comparison: Comparison, student: Model, lens: Lens) -> None:
    found = class_geometry.gram(comparison, student, lens)
    if found.overlap is None:
        page_export.title("Fewer than two classes are ever predicted")
        return
    cell = title_pair(comparison, found)
    row, column = cell
    pair = " and ".join(isolated(comparison.class_names[c]) for c in cell)
    figure = f"{lens.what} {numbers.fixed(found.gram[row, column], 2)}"
    if cell != closest(found.gram, found.empty):
        others = [
            model
            for model in (frame.baseline(comparison, student), comparison.teacher)
            if model not in (None, student)
        ]
        each = [
            f"{numbers.fixed(class_geometry.gram(comparison, model, lens).gram[row, column], 2)}"
            f" in {model.called}"
            for model in others
        ]
        page_export.title(f"{pair}: {', '.join([f'{figure} in {student.called}', *each])}")
    elif comparison.students:
        theirs = class_geometry.gram(comparison, comparison.teacher, lens).gram[row, column]
        page_export.title(
            f"In this run of {student.name}, {pair} share most probability: {figure} (teacher"
            f" {numbers.fixed(theirs, 2)})"
        )
    else:
        page_export.title(f"In the teacher, {pair} share most probability: {figure}")
    figures = class_geometry.gram_figures(comparison, student, lens)
    pair_text = words.figure_with_interval(
        f"{lens.what} of the two classes",
        class_geometry.cell_interval(comparison, student, cell, lens),
    )
    overlap = words.figure_with_interval("overlap", figures.overlap)
    left_out = int(found.empty.sum())
    never = (
        f" {student.name} never predicts {numbers.counted(left_out, 'class', 'classes')}."
        if left_out
        else ""
    )
    score = words.figure_with_interval("orthogonality score", figures.score)
    rank = words.figure_with_interval("effective rank", figures.effective_rank)
    details = [
        (
            f"Overlap is the mean {lens.what} over all pairs of classes. Intervals are at 95%, over"
            f" {comparison.nouns} of one run of each model. Overlap, orthogonality score and"
            f" effective rank are corrected for the number of {comparison.nouns}; matrices are not."
        ),
        f"Further figures of {student.name}: {score}, {rank} out of {found.n_classes_used}.",
        f"Classes that {student.name} never predicts are left out." if left_out else "",
        _gaps(comparison, student, lens),
        words.matching_note(lens.matching, comparison.noun),
    ]
    page_export.note(
        f"{student.name}: {pair_text}, {overlap}.{never} {numbers.count(comparison.n)}"
        f" {comparison.split} {comparison.nouns}, {lens.describe(comparison.noun)}."
        f" {_unreached(comparison, student, lens)}".strip(),
        *details,
    )


def _gaps(comparison: Comparison, student: Model, lens: Lens) -> str:
    """The student's overlap compared with the baseline's and with the teacher's, paired."""
    said = []
    for other in (frame.baseline(comparison, student), comparison.teacher):
        if other is not None and student is not other:
            gap = measures.overlap_difference(
                comparison,
                student,
                other,
                lens.temperature,
                matching=lens.matching,
                centred=lens.centred,
            )
            said.append(
                words.sentence_for_gap(
                    student.name, other.called, gap, matching=lens.matching, noun=comparison.noun
                )
            )
    return " ".join(filter(None, said))


def _unreached(comparison: Comparison, student: Model, lens: Lens) -> str:
    """A warning if some images of the student cannot be matched to the teacher's entropy, else
    ""."""
    unreached = lens.match(comparison, student).unreached
    return words.sentence_for_unmatched(
        student.name,
        unreached,
        comparison.n,
        matching=lens.matching,
        temperature=lens.temperature,
        noun=comparison.noun,
    )


def title_pair(comparison: Comparison, found: ClassGeometry) -> tuple[int, int]:
    """The pair in the title: the chosen one, for example from a link, else the two closest
    classes."""
    pair, names = state.current().pair, comparison.class_names
    if pair is not None and pair[0] != pair[1] and pair[0] in names and pair[1] in names:
        return names.index(pair[0]), names.index(pair[1])
    return closest(found.gram, found.empty)


def closest(gram: np.ndarray, empty: np.ndarray) -> tuple[int, int]:
    """The two different, non-empty classes with the highest cosine."""
    return highest_pairs(gram, empty, 1)[0]


@frame.linked
def _linked(
    comparison: Comparison, student: Model, lens: Lens, how: str, told: tuple[int, int] | None
) -> None:
    """Draw the matrices and the images of the focused pair. A click redraws only these.

    Args:
        told: The pair in the title. A click does not change it.
    """
    matrices.show(comparison, student, lens, how, told)
    pairs.show(comparison, student, lens, told)
    geometry_cell.show(comparison, student, lens, told)
    panels.linked(comparison, student, lens)
    selection_bar.show(comparison)
    state.show_in_url()
