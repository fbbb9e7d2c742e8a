"""Similarity: compare a student with its teacher, by class, by sample and by layer."""

from __future__ import annotations

import numpy as np

from app import page_export, state
from app.components import frame, selection_bar
from app.pages.similarity import layers, matrices, measures
from app.plain import st
from bickd_core.comparing import class_geometry
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.measures import cross, summary
from bickd_viz.text import class_geometry as words
from bickd_viz.text import numbers, similarity
from bickd_viz.text.classes import isolated


def show() -> None:
    comparison = frame.load_comparison()
    if comparison is None:
        return
    T = state.current().temperature
    if not comparison.students:
        page_export.title("Similarity needs a student")
        frame.ask_for_students()
        return
    head = st.container()
    student = frame.choose_student(comparison, "similarity-student")
    with head:
        _title(comparison, student, T)
    _linked(comparison, student, T)
    measures.show(comparison, student, T)
    layers.show(comparison, student)


@frame.linked
def _linked(comparison: Comparison, student: Model, T: float) -> None:
    """Draw the matrices, the images of the selection and its chip. A click redraws only these."""
    matrices.show(comparison, student, T)
    selection_bar.show(comparison)
    state.show_in_url()


def _title(comparison: Comparison, student: Model, T: float) -> None:
    across = cross(comparison, student, T)
    diagonal = np.diag(across.gram)
    usable = ~(across.empty_teacher | across.empty_student)
    if usable.any():
        worst = int(np.where(usable, diagonal, np.inf).argmin())
        mean = class_geometry.cross_gram_figures(comparison, student, Lens(T)).consistency
        page_export.title(
            similarity.title(
                student.name,
                comparison.class_names[worst],
                float(diagonal[worst]),
                None if mean is None else mean.estimate,
            )
        )
    else:
        page_export.title(f"{student.name} and its teacher predict no class in common")
    found = summary(comparison, student, T)
    parts = []
    if usable.any():
        name = f"cosine on {isolated(comparison.class_names[worst])}"
        parts.append(
            words.figure_with_interval(
                name, class_geometry.same_class_interval(comparison, student, worst, T)
            )
        )
    if found.agreement is not None:
        parts.append(words.same_class(found.agreement))
    said = f"{', '.join(parts)}. " if parts else ""
    more = []
    if found.displacement is not None:
        more.append(
            "Mean Hellinger distance from the teacher:"
            f" {numbers.estimate_text(found.displacement)}."
        )
    if found.kl is not None:
        more.append(f"KL from the teacher: {numbers.estimate_text(found.kl)} nats.")
    page_export.note(
        f"{said[:1].upper()}{said[1:]}{numbers.count(comparison.n)} {comparison.split}"
        f" {comparison.nouns}, T = {T:g}.",
        *more,
        f"One run of each model. Intervals are at 95%, over {comparison.nouns}.",
    )
