"""Lesson 2: three classes, a few images; drag the student's points."""

from __future__ import annotations

from app import data, state
from app.components import style
from app.data import lessons as facts
from app.pages.learn import simplex
from app.pages.learn.lesson import Lesson, needs_a_student
from app.plain import st


def show(of: data.Comparison, height: int) -> None:
    if needs_a_student(of):
        return
    view = state.current()
    student = facts.start_student(of, view.student)
    found = facts.triangle(of, student, facts.PRESENTED_EACH if view.present else facts.EACH)
    if found is None:
        st.info("This lesson needs three classes that the teacher predicts.")
        return
    names = [of.class_names[c] for c in found.classes]
    pictures, ids = data.thumbnails(of), of.teacher.predictions.ids[found.positions].tolist()
    looks = style.styles(of)
    simplex.show(
        found.student,
        found.teacher,
        names,
        truth=found.truth.tolist(),
        pictures=[pictures.data_uri(id) for id in ids],
        look=looks[student.key],
        teacher_look=looks[of.teacher.key],
        theme=style.theme(),
        temperature=view.temperature,
        temperatures=state.TEMPERATURES,
        key="learn-simplex",
        height=height,
        on_temperature=_take_temperature,
    )
    if not view.present:
        st.caption(
            f"Real logits of {student.name} and of the teacher, who mixes these three classes most. The two contrasts are our "
            "reconstruction of BicKD.",
            help=f"The {of.split} {of.nouns} of each class where the two models differ most; the other {len(of.class_names) - 3} "
            "classes are left out here. BicKD is reconstructed from its abstract (arXiv 2602.01265), with the weights of the "
            "bundled runs.",
        )


def _take_temperature(T: float) -> None:
    state.update(temperature=T)


LESSON = Lesson(
    title="Rows and columns",
    question="What do a sample's row and a class's column ask of the student?",
    show=show,
    asked="Press 'Onto the teacher'. KL is then 0. Are the two contrasts, and do the arrows stop?",
    answer="No. A contrast asks that each row (column) be closer to its own partner than to all others, and the teacher's "
    "own rows and columns overlap. So at the teacher the contrasts still pull, towards the corners: press 'Follow the "
    "arrows' with KL unticked, and the student leaves its teacher to become surer than it is. That is why KL stands beside them, "
    "and one reason why these students come out sharper than their teacher.",
)
