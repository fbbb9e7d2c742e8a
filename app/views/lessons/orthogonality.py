"""Lesson 3: two columns and their angle; overlap and sharpness; what it costs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import data, state
from app.components import chart, frame, style
from app.views.lessons.lesson import Lesson, draw, finding, needs_a_student
from app.views.lessons.temperature import temperature_slider
from bickd_core.geometry import Interval
from bickd_viz import lesson_text, tables
from bickd_viz.charts import Curve, class_vectors, sharpness_curves


def show(of: data.Comparison, height: int) -> None:
    if needs_a_student(of) or len(of.class_names) < 2:
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        T = temperature_slider("learn-sharpness")
        matched = st.toggle(
            "Each as unsure as the teacher",
            key="learn-matched",
            help="Every model at the temperature where its mean entropy is the teacher's at T.",
        )
        student = frame.choose_student(of, "learn-student")
    lens = data.Lens(T, matched=matched)
    left, right = st.columns([4, 7], gap="medium")
    with left:
        _vectors(of, student, lens, height)
    with right:
        _paths(of, lens, height)
    _finding(of, student, T)


def _vectors(of: data.Comparison, student: data.Model, lens: data.Lens, height: int) -> None:
    row, column = frame.focused_pair(of, student, lens.temperature)
    cosine, at_teacher = (float(data.gram(of, m, lens).gram[row, column]) for m in (student, of.teacher))
    style.card_title(
        f"Gram cell {cosine:.2f}: the cosine of two columns",
        f"{of.class_names[row]} and {of.class_names[column]} in {student.name}",
    )
    drawn = class_vectors(
        cosine,
        (of.class_names[row], of.class_names[column]),
        colour=style.styles(of)[student.key].colour,
        reference=("teacher", at_teacher),
        theme=style.theme(),
        height=height - 50,
    )
    pair = f"{of.class_names[row]} and {of.class_names[column]}"
    rows = [
        (f"{pair} in {who}", round(value, 4))
        for who, value in ((student.name, cosine), ("the teacher", at_teacher))
    ]
    take = chart.Take(
        f"Two columns and their angle: {pair}", lambda: pd.DataFrame(rows, columns=["columns", "cosine"])
    )
    draw(drawn, "learn-vectors", take)


def _paths(of: data.Comparison, lens: data.Lens, height: int) -> None:
    style.card_title(
        "Each model's way through all temperatures",
        f"marks: where each stands at {lens.words()}",
    )
    looks, curves = style.styles(of), []
    for model in of.models:
        curve = data.sharpness(of, model)
        now = data.gram(of, model, lens).overlap
        at = (data.entropy_at(of, model, lens.at(of, model)), now) if now is not None else None
        note = [f"T = {t:g}" for t in curve.temperatures]
        curves.append(Curve(looks[model.key], curve.entropy, curve.overlap, note, at))
    drawn = sharpness_curves(
        curves,
        x_title="mean entropy (nats): left is sharp, right is soft",
        y_title="class overlap",
        mark=data.entropy_at(of, of.teacher, lens.temperature),
        mark_name="teacher's entropy",
        theme=style.theme(),
        height=height - 50,
    )
    take = chart.Take("Overlap by mean entropy", lambda: tables.curves_table(curves, "entropy_nats"))
    draw(drawn, "learn-paths", take)


def _finding(of: data.Comparison, student: data.Model, T: float) -> None:
    other = frame.baseline(of, student) or of.teacher
    plain, matched = data.Lens(T), data.Lens(T, matched=True)
    now = [data.gram(of, m, plain).overlap for m in (student, other)]
    even = [data.gram(of, m, matched).overlap for m in (student, other)]
    reached = all(data.matched_temperature_of(of, m, T) is not None for m in (student, other))
    if now[0] is None or now[1] is None:
        return
    levelled = (even[0], even[1]) if reached and even[0] is not None and even[1] is not None else None
    left = data.overlap_difference(of, student, other, T, matched=True) if levelled else None
    said = lesson_text.sentence_for_sharpness_alone(
        student.name,
        other.called,
        (now[0], now[1]),
        levelled,
        left,
        temperature=T,
        n=of.n,
        split=of.split,
    )
    finding(said)
    if not state.current().present:
        st.caption(_cost(of, student, other, T, left))


def _cost(
    of: data.Comparison, student: data.Model, other: data.Model, T: float, left: Interval | None
) -> str:
    gap = data.accuracy_difference(of, student, other)
    ours, theirs = data.summary(of, student, T), data.summary(of, other, T)
    kl = (ours.kl.estimate, theirs.kl.estimate) if ours.kl and theirs.kl else None
    error = None
    if ours.calibration_error and theirs.calibration_error:
        error = (ours.calibration_error.estimate, theirs.calibration_error.estimate)
    ends = None if gap is None or gap.low is None or gap.high is None else (gap.estimate, gap.low, gap.high)
    return lesson_text.sentence_for_cost(student.name, other.called, ends, kl, error, left)


LESSON = Lesson(
    title="Orthogonality",
    question="When are two classes kept apart, and when is a model only surer of itself?",
    show=show,
    asked="Can a model's classes be made orthogonal without training it at all?",
    answer="Yes: divide its logits by a smaller T. Every mark slides left and down along its own curve, and nothing was "
    "learnt. Two models are compared fairly at one place of the horizontal axis: with 'Each as unsure as the teacher' on, what height is "
    "left between two marks is not sharpness. And low overlap is not good in itself: a model that shares no probability between "
    "crab and lobster no longer says that they look alike, which is what a student learns from.",
)
