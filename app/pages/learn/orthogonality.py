"""Lesson 3: the angle between two columns, overlap and sharpness, and what lower overlap costs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from app import state
from app.components import bound, chart, frame, style
from app.pages.learn import presenter
from app.pages.learn.lesson import Lesson, draw, finding, needs_a_student
from app.pages.learn.temperature import temperature_slider
from app.plain import st
from bickd_core.comparing import class_geometry, measures
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison, Model
from bickd_viz import tables
from bickd_viz.charts.class_vectors import class_vectors
from bickd_viz.charts.sharpness import Curve, sharpness_plot, with_point, zoom_to_dots
from bickd_viz.text import lessons
from bickd_viz.theme import ModelStyle


def show(comparison: Comparison, height: int) -> None:
    if needs_a_student(comparison) or len(comparison.class_names) < 2:
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        T = temperature_slider("learn-sharpness")
        matching = bound.matching("learn-matching", comparison.noun)
        student = frame.choose_student(comparison, "learn-student")
    lens = Lens(T, matching)
    other = frame.baseline(comparison, student) or comparison.teacher
    sentence = _sentence(comparison, student, other, T)
    left, right = st.columns([4, 7], gap="medium")
    with left:
        _vectors(comparison, student, lens, height)
    with right:
        _paths(comparison, lens, height, sentence)
    if sentence:
        finding(sentence)
        if not state.current().present:
            st.caption(_cost(comparison, student, other, T))


def _vectors(comparison: Comparison, student: Model, lens: Lens, height: int) -> None:
    row, column = frame.focused_pair(comparison, student, lens.temperature, distinct=True)
    cosine, at_teacher = (
        float(class_geometry.gram(comparison, m, lens).gram[row, column])
        for m in (student, comparison.teacher)
    )
    style.card_title(
        f"Gram cell {cosine:.2f}: the cosine of two columns",
        f"{comparison.class_names[row]} and {comparison.class_names[column]} in {student.name}",
    )
    drawn = class_vectors(
        cosine,
        (comparison.class_names[row], comparison.class_names[column]),
        colour=style.styles(comparison)[student.key].colour,
        reference=("teacher", at_teacher),
        theme=style.theme(),
        height=presenter.room(height - (10 if state.current().present else 50)),
    )
    pair = f"{comparison.class_names[row]} and {comparison.class_names[column]}"
    rows = [
        (f"{pair} in {name}", value)
        for name, value in ((student.name, cosine), ("the teacher", at_teacher))
    ]
    export = chart.Export(
        f"Two columns and their angle: {pair}, {lens.describe(comparison.noun)}",
        lambda: pd.DataFrame(rows, columns=["columns", "cosine"]),
    )
    draw(drawn, "learn-vectors", export)


def _paths(comparison: Comparison, lens: Lens, height: int, sentence: str) -> None:
    zoomed = lens.matching != "none"  # matched, the marks are close together
    marks = f"marks: {lens.describe(comparison.noun)}"
    style.card_title(
        "Overlap and entropy of each model, for all temperatures",
        f"{marks}{', zoomed in' if zoomed else ''}"
        + ("; lines: one temperature for all" if lens.matching == "image" else ""),
    )
    curves = curves_of(comparison, lens, style.styles(comparison))
    paths = sharpness_plot(
        curves,
        x_title="mean entropy (nats), from sharp to soft",
        y_title="class overlap",
        rule=(
            class_geometry.entropy_at(comparison, comparison.teacher, lens),
            "teacher's entropy",
        ),
        height=presenter.room(height - (10 if state.current().present else 50)),
    )
    export = chart.Export(
        f"Overlap by mean entropy, {marks}",
        lambda: tables.curves_table(curves, "entropy_nats"),
        sentence,
    )
    drawn = zoom_to_dots(paths) if zoomed else paths
    draw(drawn.figure(style.theme()), "learn-paths", export)


def curves_of(comparison: Comparison, lens: Lens, looks: Mapping[str, ModelStyle]) -> list[Curve]:
    """Return the line of each model over all temperatures, with its mark."""
    curves = []
    for model in comparison.models:
        curve = class_geometry.sharpness(comparison, model)
        now = class_geometry.overlap(comparison, model, lens)
        at = (class_geometry.entropy_at(comparison, model, lens), now) if now is not None else None
        note = [f"T = {t:g}" for t in curve.temperatures]
        path = Curve(looks[model.key], curve.entropy, curve.overlap, note, at)
        if lens.matching != "none":  # zoomed in, the grid of temperatures is too coarse for a line
            even = Lens(lens.temperature, "mean")
            overlap = class_geometry.overlap(comparison, model, even)
            path = with_point(path, class_geometry.entropy_at(comparison, model, even), overlap)
        curves.append(path)
    return curves


def _sentence(comparison: Comparison, student: Model, other: Model, T: float) -> str:
    """Return the finding; "" without the overlap of both models."""
    now = [class_geometry.overlap(comparison, m, Lens(T)) for m in (student, other)]
    if now[0] is None or now[1] is None:
        return ""
    matched = []
    for lens, called in (
        (Lens(T, "mean"), "at matched mean entropy"),
        (Lens(T, "image"), f"matched per {comparison.noun}"),
    ):
        even = [class_geometry.overlap(comparison, m, lens) for m in (student, other)]
        left = measures.overlap_difference(comparison, student, other, T, matching=lens.matching)
        both = (
            (even[0], even[1])
            if left is not None and even[0] is not None and even[1] is not None
            else None
        )
        matched.append((called, both, left))
    return lessons.sentence_for_matching(
        student.name,
        other.called,
        (now[0], now[1]),
        matched,
        temperature=T,
        n=comparison.n,
        split=comparison.split,
        noun=comparison.noun,
    )


def _cost(comparison: Comparison, student: Model, other: Model, T: float) -> str:
    left = measures.overlap_difference(comparison, student, other, T, matching="image")
    gap = measures.accuracy_difference(comparison, student, other)
    first, second = (measures.summary(comparison, m, T) for m in (student, other))
    kl = (first.kl.estimate, second.kl.estimate) if first.kl and second.kl else None
    error = None
    if first.calibration_error and second.calibration_error:
        error = (first.calibration_error.estimate, second.calibration_error.estimate)
    return lessons.sentence_for_cost(
        student.name, other.called, gap, kl, error, left, comparison.noun
    )


LESSON = Lesson(
    title="Orthogonality",
    question="Are two classes kept apart, or is the model only more confident?",
    show=show,
    exercise="Can you make a model's classes orthogonal without training it?",
    answer=(
        "Yes: divide its logits by a smaller T. Each mark moves left and down along its curve,"
        " although nothing was learnt. So compare models at the same entropy. If only the mean"
        " entropy is matched, two models can still distribute it differently over the images. If it"
        " is matched per image, they cannot. Say which rule you used: the gap that is left depends"
        " on it. Low overlap is not good in itself: a model that shares no probability"
        " between crab and lobster no longer shows that they look alike, and this is what a student"
        " learns from."
    ),
)
