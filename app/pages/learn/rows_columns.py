"""Lesson 2: a triangle of three classes with a few images, whose student points can be dragged."""

from __future__ import annotations

from app import state
from app.components import style
from app.data import lessons as facts
from app.data import samples
from app.pages.learn import simplex
from app.pages.learn.lesson import Lesson, needs_a_student
from app.plain import st
from bickd_core.comparing.comparison import Comparison
from bickd_viz.text import numbers


def show(comparison: Comparison, height: int) -> None:
    if needs_a_student(comparison):
        return
    view = state.current()
    student = facts.start_student(comparison, view.student)
    each = facts.PRESENTED_EACH if view.present else facts.EACH
    triangle = facts.triangle(comparison, student, each)
    if triangle is None:
        st.info("This lesson needs three classes that the teacher predicts.")
        return
    thumbnails, styles = samples.thumbnails(comparison), style.styles(comparison)
    ids = comparison.teacher.predictions.ids[triangle.positions].tolist()
    batch = simplex.Batch(
        triangle.student,
        triangle.teacher,
        [comparison.class_names[c] for c in triangle.classes],
        truth=triangle.truth.tolist(),
        pictures=[thumbnails.data_uri(id) for id in ids],
        styles=(styles[student.key], styles[comparison.teacher.key]),
    )
    simplex.show(
        batch,
        key="learn-simplex",
        theme=style.theme(),
        temperature=view.temperature,
        temperatures=state.TEMPERATURES,
        height=height,
        on_temperature=_set_temperature,
    )
    if not view.present:
        st.caption(
            f"These are real logits of {student.name} and the teacher, for the two classes that"
            " the teacher mixes most, and the class closest to both. The two contrasts are our"
            " reconstruction of BicKD.",
            help=(
                f"For each class you see the {comparison.split} {comparison.nouns} on which the two"
                f" models differ most.{_left_out(len(comparison.class_names) - 3)} BicKD is"
                " reconstructed from its abstract (arXiv 2602.01265), with the loss"
                " weights of the bundled runs."
            ),
        )


def _left_out(classes: int) -> str:
    if not classes:
        return ""
    verb = "is" if classes == 1 else "are"
    return f" The other {numbers.counted(classes, 'class', 'classes')} {verb} left out."


def _set_temperature(T: float) -> None:
    state.update(temperature=T)


LESSON = Lesson(
    title="Rows and columns",
    question="What do the rows and the columns ask of the student?",
    show=show,
    exercise=(
        "Press 'Onto the teacher'. KL is now 0. Are the two contrasts 0 too, and do the arrows"
        " disappear?"
    ),
    answer=(
        "No. A contrast asks each row to be closer to its own partner than to images of other"
        " classes, and each column than to all other classes, but the teacher's own rows and"
        " columns overlap. So the contrasts still pull towards the"
        " corners. Untick KL and press 'Follow the arrows': the student leaves the teacher and"
        " becomes more confident than it. KL is the part that holds it back. The bundled students"
        " of BicKD are sharper than their teacher."
    ),
)
