"""Similarity: what a student says of a sample, and of a class, against what the teacher says."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import data, state, taking
from app.components import chart, frame, matrix, style, thumbs
from bickd_viz import tables, text
from bickd_viz.charts import Row, leakage_ranking, whisker_rows


def show() -> None:
    of = frame.load_comparison()
    T = state.current().temperature
    if not of.students:
        taking.title("Similarity needs a student")
        frame.need_students(of)
    student = frame.focused(of)
    _title(of, student, T)
    student = frame.choose_student(of, "similarity-student")
    _matrices(of, student, T)
    left, right = st.columns(2, gap="small")
    with left:
        _cka(of, T)
    with right:
        _least_similar(of, T)
    _farthest(of, student, T)


def _title(of: data.Comparison, student: data.Model, T: float) -> None:
    across = data.cross(of, student, T)
    diagonal = np.diag(across.gram)
    usable = ~(across.empty_teacher | across.empty_student)
    worst = int(np.where(usable, diagonal, np.inf).argmin())
    taking.title(
        f"{student.name} is least like its teacher on {of.class_names[worst]}: cosine {diagonal[worst]:.2f}, "
        f"against {diagonal[usable].mean():.2f} over all classes"
    )
    found = data.summary(of, student, T)
    parts = []
    if found.agreement is not None:
        parts.append(
            f"Same top-1 class on {text.percent(found.agreement.estimate)} {text.interval_text(found.agreement, 'percent')}"
        )
    if found.displacement is not None:
        parts.append(
            f"mean Hellinger distance {text.number(found.displacement.estimate)} {text.interval_text(found.displacement)}"
        )
    if found.kl is not None:
        parts.append(f"KL {text.number(found.kl.estimate)} nats {text.interval_text(found.kl)}")
    taking.note(
        f"{', '.join(parts)}; {text.count(of.n)} {of.split} images, T = {T:g}, 95% intervals over images."
    )


def _matrices(of: data.Comparison, student: data.Model, T: float) -> None:
    order = data.class_order(of, "cluster")
    pair = frame.focused_pair(of, student, T)
    look = style.styles(of)[student.key]
    left, right = st.columns(2, gap="small")
    with left, st.container(border=True):
        across = data.cross(of, student, T)
        style.model_title(look, f"teacher's columns × {student.name}'s columns", "Class by class")
        matrix.show(
            across.gram,
            of.class_names,
            key="similarity-class",
            theme=style.theme(),
            order=order,
            selected=pair,
            x_title=f"{student.name}'s classes",
            y_title="teacher's classes",
            on_cell=frame.on_cell(of, student),
            height=430,
        )
        if across.consistency is not None and across.overlap is not None:
            st.caption(
                f"The same class has a cosine of {across.consistency:.2f} on average, two different ones "
                f"{across.overlap:.3f}. BicKD's class-wise side pulls the first up and the second down."
            )
    with right, st.container(border=True):
        style.model_title(look, "mean cosine of rows, by true class", "Sample by sample")
        if of.labels is None:
            st.info("Samples are binned by their true class, and these predictions have no labels.")
            return
        rows = data.rows_similarity(of, student, T)
        matrix.show(
            rows.matrix,
            of.class_names,
            key="similarity-sample",
            theme=style.theme(),
            order=order,
            selected=pair,
            x_title=f"{student.name}, true class",
            y_title="teacher, true class",
            on_cell=frame.on_cell(of, student),
            height=430,
        )
        within = "" if rows.within is None else f", two of one class {rows.within:.2f}"
        between = "" if rows.between is None else f", two of different classes {rows.between:.2f}"
        st.caption(f"The same image has a cosine of {rows.matched:.2f} on average{within}{between}.")


def _cka(of: data.Comparison, T: float) -> None:
    looks = style.styles(of)
    with st.container(border=True):
        style.card_title(
            "CKA with the teacher",
            "Debiased linear CKA of logits, 1 is the same up to rotation and scale. Dotted: logits of shuffled images.",
        )
        rows = []
        for model in of.students:
            interval = data.summary(of, model, T).cka_logits
            if interval is not None:
                rows.append(Row(looks[model.key], interval.estimate, interval.low, interval.high))
        null = data.shuffled_cka(of, of.students[-1])
        chart.show(
            whisker_rows(rows, theme=style.theme(), reference=null, slots=5),
            "similarity-cka",
            take=chart.Take(
                "CKA with the teacher",
                lambda: tables.whisker_table(rows),
                x_title="debiased linear CKA of logits",
            ),
        )


def _least_similar(of: data.Comparison, T: float) -> None:
    looks = style.styles(of)
    with st.container(border=True):
        style.card_title(
            "Classes told differently",
            "1 − cosine of the class's column in teacher and student; ordered by the first student.",
        )
        models = [(looks[m.key], 1 - np.diag(data.cross(of, m, T).gram)) for m in of.students]
        drawn = leakage_ranking(
            models, of.class_names, top=10, x_title="1 − cosine", theme=style.theme(), height=280
        )

        def clicked(index: int) -> None:
            name = of.class_names[int(index)]
            state.update(pair=(name, name))

        take = chart.Take(
            "Classes told differently", lambda: tables.ranking_table(models, of.class_names, "1 - cosine")
        )
        chart.show_clickable(drawn, "similarity-classes", clicked, take=take)


def _farthest(of: data.Comparison, student: data.Model, T: float) -> None:
    moved = data.displacement(of, student, T)
    positions = np.argsort(-moved, kind="stable")[:14]
    st.subheader(f"Where {student.name} and the teacher differ most")
    st.caption(
        f"Largest Hellinger distance at T = {T:g}, in the full space of probabilities. Under each image its true class, "
        f"then what the teacher says and what {student.name} says. {data.image_credit(of)}"
    )
    thumbs.show(of, positions, thumbs.who_says_what(of, student, positions), one_row=True)
