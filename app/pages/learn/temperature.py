"""Lesson 1: how the temperature changes the probabilities of one image."""

from __future__ import annotations

from html import escape

import numpy as np

from app import state
from app.components import chart, style
from app.data import lessons as facts
from app.data import samples
from app.pages.learn import presenter
from app.pages.learn.lesson import Lesson, draw, finding
from app.plain import st
from bickd_core.comparing import class_geometry, measures
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison
from bickd_viz import tables
from bickd_viz.charts.sharpness import Curve, sharpness_plot
from bickd_viz.charts.soft_targets import soft_targets
from bickd_viz.text import lessons
from bickd_viz.theme import ModelStyle


def temperature_slider(key: str) -> float:
    """Draw a slider for the view's temperature, which is also in the sidebar."""
    T = state.current().temperature
    st.session_state[key] = T

    def chosen() -> None:
        state.update(temperature=st.session_state[key])

    st.select_slider(
        "Temperature T",
        list(state.TEMPERATURES),
        key=key,
        format_func=lambda t: f"{t:g}",
        on_change=chosen,
    )
    return T


def show(comparison: Comparison, height: int) -> None:
    positions = facts.images_by_entropy(comparison)
    names, labels = comparison.class_names, comparison.labels
    predicted = comparison.teacher.predictions.predicted
    classes = [names[c] for c in (predicted if labels is None else labels)[positions]]
    called = [
        name if classes.count(name) == 1 else f"{name} {classes[: k + 1].count(name)}"
        for k, name in enumerate(classes)
    ]  # of equal names, a press would choose the last one
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        T = temperature_slider("learn-temperature")
        place = st.segmented_control(
            f"{comparison.noun.capitalize()}, from certain to uncertain at T = 1",
            range(len(positions)),
            default=_first_right(comparison, positions),
            key="learn-image",
            format_func=lambda k: called[k],
            required=True,
        )
    at = int(positions[place])
    st.caption(
        "Overlap is the mean cosine between the probabilities of two classes over all"
        f" {comparison.nouns}.",
        help=(
            f"It is 0 if no {comparison.noun} gives both classes any probability, and 1 if both get"
            f" the same probability in every {comparison.noun}, up to a factor."
        ),
    )
    picture, bars, curves = st.columns([2, 5, 5], gap="medium")
    with picture:
        _picture(comparison, at)
    p = measures.probabilities_at(comparison.teacher, np.array([at]), T)[0]
    truth = None if labels is None else int(labels[at])
    colour = (
        style.styles(comparison)[comparison.students[-1].key].colour
        if comparison.students
        else style.theme().accent
    )
    with bars:
        drawn = soft_targets(
            p,
            names,
            truth=truth,
            colour=style.theme().accent,
            theme=style.theme(),
            height=presenter.room(height),
        )
        look = style.styles(comparison)[comparison.teacher.key]
        where = f"the teacher on sample {comparison.teacher.predictions.ids[at]} at T = {T:g}"
        export = chart.Export(
            f"Probabilities of {where}", lambda: tables.classes_table([(look, p)], names)
        )
        draw(drawn, "learn-bars", export)
    with curves:
        lines = _curves(comparison, at, T, colour)
        drawn = sharpness_plot(
            lines,
            x_title="temperature T",
            y_title="entropy (share of log C) and overlap",
            rule=(T, ""),
            log_x=True,
            height=presenter.room(height),
        ).figure(style.theme())
        export = chart.Export(
            f"Entropy and overlap by temperature, {where}",
            lambda: tables.curves_table(lines, "temperature", "value"),
        )
        draw(drawn, "learn-curves", export)
    first = int(predicted[at])
    finding(
        lessons.sentence_for_temperature(
            truth="" if truth is None else names[truth],
            first=names[first],
            probability=float(p[first]),
            entropy=facts.sample_entropy(comparison, comparison.teacher, at, T),
            overlap=class_geometry.overlap(comparison, comparison.teacher, Lens(T)),
            temperature=T,
            n=comparison.n,
            split=comparison.split,
            noun=comparison.noun,
        )
    )


def _first_right(comparison: Comparison, positions: np.ndarray) -> int:
    """Return the place of the initial image: the one nearest the middle that the teacher gets
    right."""
    middle = (len(positions) - 1) / 2
    places = sorted(range(len(positions)), key=lambda k: (abs(k - middle), k))
    if comparison.labels is None:
        return places[0]
    right = comparison.teacher.predictions.predicted[positions] == comparison.labels[positions]
    return next((k for k in places if right[k]), places[0])


def _curves(comparison: Comparison, at: int, T: float, colour: str) -> list[Curve]:
    curve = class_geometry.sharpness(comparison, comparison.teacher)
    theme = style.theme()
    share = np.array(
        [
            facts.sample_entropy(comparison, comparison.teacher, at, float(t))
            for t in curve.temperatures
        ]
    )
    note = [f"T = {t:g}" for t in curve.temperatures]
    overlap = class_geometry.overlap(comparison, comparison.teacher, Lens(T))
    return [
        Curve(
            ModelStyle("entropy", theme.accent),
            curve.temperatures,
            share,
            note,
            (T, facts.sample_entropy(comparison, comparison.teacher, at, T)),
        ),
        Curve(
            ModelStyle("overlap", colour, "diamond"),
            curve.temperatures,
            curve.overlap,
            note,
            None if overlap is None else (T, overlap),
        ),
    ]


def _picture(comparison: Comparison, at: int) -> None:
    uri = samples.thumbnails(comparison).data_uri(comparison.teacher.predictions.ids[at].item())
    name = "" if comparison.labels is None else comparison.class_names[comparison.labels[at]]
    if uri:
        st.html(
            f'<figure class="bk-learn-picture"><img src="{uri}" alt="{escape(name)}">'
            f"<figcaption>{escape(name)}</figcaption></figure>"
        )


LESSON = Lesson(
    title="Temperature",
    question="What does a teacher know beyond the right answer?",
    show=show,
    exercise="If T grows without limit, what happens to the bars and to the overlap?",
    answer=(
        "Every class gets the same probability, 1/C, for every image. All columns of the"
        " probability matrix are then equal, so every cosine is 1. The overlap goes to 1 although"
        " the model has not changed. If T goes to 0, each image has only one class left, and the"
        " overlap goes to 0. So an overlap means nothing without its temperature."
    ),
)
