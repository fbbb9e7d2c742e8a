"""Angles, leakage and eigenvalues of the class Grams, and the effect of temperature alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from app import selection, state
from app.components import plot, ranking, style
from app.components.chart import Export
from app.plain import st
from bickd_core.comparing import class_geometry, measures
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.gram_figures import Band
from bickd_viz import tables
from bickd_viz.charts.eigen import spectrum, spectrum_plot
from bickd_viz.charts.histogram import angles, angles_plot
from bickd_viz.charts.sharpness import Curve, sharpness_curves, sharpness_plot
from bickd_viz.text import class_geometry as words
from bickd_viz.text import numbers

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 300
RANKED = 10


def linked(comparison: Comparison, student: Model, lens: Lens) -> None:
    """Draw the angles and the ranking of classes. A click in the ranking selects, so both are in
    the selection's fragment."""
    shown = _shown(comparison, student)
    if len(shown) < len(comparison.models):
        st.caption(
            "The panels below show only the teacher and the student in focus.",
            help=(
                f"Each model has {comparison.n:,} × {len(comparison.class_names):,} probabilities."
                " All students at once would take too long."
            ),
        )
    left, right = st.columns(2, gap="small")
    with left:
        _angles(comparison, shown, lens)
    with right:
        _leakage(comparison, shown, student, lens)


def show(comparison: Comparison, student: Model, lens: Lens) -> None:
    """Draw the eigenvalues and the effect of temperature alone."""
    shown = _shown(comparison, student)
    _spectrum(comparison, shown, lens)
    _sharpness(comparison, shown, lens)


def _shown(comparison: Comparison, student: Model) -> tuple[Model, ...]:
    if not measures.is_large(comparison):
        return comparison.models
    return (comparison.teacher, student) if comparison.students else (comparison.teacher,)


def _angles(comparison: Comparison, shown: tuple[Model, ...], lens: Lens) -> None:
    looks = style.styles(comparison)
    found = []
    for model in shown:
        geometry = class_geometry.gram(comparison, model, lens)
        used = np.flatnonzero(~geometry.empty)
        gram = geometry.gram[np.ix_(used, used)]
        cosines = np.clip(gram[np.triu_indices(len(used), k=1)], -1, 1)
        found.append((looks[model.key], np.degrees(np.arccos(cosines))))
    with st.container(border=True):
        style.card_title(
            "Angles between classes", f"Over all pairs of classes. 90° is {lens.apart}."
        )
        medians = [
            (model.called, float(np.median(a)))
            for model, (_, a) in zip(shown, found, strict=True)
            if len(a)
        ]
        said = "Median angle: " + ", ".join(f"{name} {angle:.1f}°" for name, angle in medians) + "."
        theme = style.theme()
        plot.show(
            angles_plot(found, height=HEIGHT),
            "geometry-angles",
            theme=theme,
            export=Export(
                "Angles between classes",
                lambda: tables.angles_table(found),
                f"Over all pairs of classes. 90° is {lens.apart}. {said}",
                y_title="share of class pairs (%)",
                figure=lambda: angles(found, theme=theme, height=HEIGHT),
            ),
        )
        st.caption(said)


def _leakage(comparison: Comparison, shown: tuple[Model, ...], student: Model, lens: Lens) -> None:
    with st.container(border=True):
        style.card_title(
            "Classes that leak most",
            f"Leakage: mean {lens.what} of a class with all others. Click a class to select it.",
            f"The classes with the highest leakage in {student.called}. The lines are its 95%"
            " intervals.",
        )
        models, limits = [], []
        for model in shown:
            empty = class_geometry.gram(comparison, model, lens).empty
            band = class_geometry.gram_figures(comparison, model, lens).leakage
            leaks = (
                np.full(len(empty), np.nan)
                if band is None
                else np.where(empty, np.nan, band.estimate)
            )
            models.append((model, leaks))
            limits.append(
                _limits(band) if model is student else None
            )  # on all models they would cross
        ranking.show(
            comparison,
            models,
            "geometry-leakage",
            title="Classes that leak most",
            order_by=student,
            what="leakage",
            column="leakage",
            top=RANKED,
            height=HEIGHT,
            on_class=_choose_class(comparison, student, lens),
            limits=limits,
            sentence=(
                f"Leakage: mean {lens.what} of a class with all others. Classes are ordered by"
                f" {student.called}."
            ),
        )
        place = shown.index(student)
        own, ends = models[place][1], limits[place]
        if np.isfinite(own).any():
            worst = int(np.nanargmax(own))
            st.caption(
                words.sentence_for_leakage(
                    student.called,
                    comparison.class_names[worst],
                    float(own[worst]),
                    None if ends is None else (float(ends[0][worst]), float(ends[1][worst])),
                    float(np.nanmedian(own)),
                )
            )


def _limits(band: Band | None) -> tuple[np.ndarray, np.ndarray] | None:
    return None if band is None or not np.isfinite(band.low).all() else (band.low, band.high)


def _choose_class(comparison: Comparison, student: Model, lens: Lens):
    """A click on a class selects it. The focused pair becomes this class and its closest class."""

    def clicked(index: int) -> None:
        row = class_geometry.gram(comparison, student, lens).gram[int(index)].copy()
        row[int(index)] = -np.inf
        state.update(
            pair=(comparison.class_names[int(index)], comparison.class_names[int(row.argmax())])
        )
        if comparison.labels is not None:
            selection.select("class", comparison.class_names[int(index)])

    return clicked


def _spectrum(comparison: Comparison, shown: tuple[Model, ...], lens: Lens) -> None:
    looks = style.styles(comparison)
    with st.container(border=True):
        style.card_title(
            "Eigenvalues of the class Gram",
            f"If all classes are {lens.apart}, all eigenvalues are 1. A steep fall means that a few"
            " directions dominate.",
        )
        values = [
            (looks[model.key], class_geometry.spectrum(comparison, model, lens)) for model in shown
        ]
        figures = [
            (model.called, class_geometry.gram_figures(comparison, model, lens).effective_rank)
            for model in shown
        ]
        ranks = [(name, 0.0 if rank is None else rank.estimate) for name, rank in figures]
        said = words.sentence_for_spectrum(
            ranks, class_geometry.gram(comparison, comparison.teacher, lens).n_classes_used
        )
        theme = style.theme()
        export = Export(
            "Eigenvalues of the class Gram",
            lambda: tables.spectrum_table(values),
            said,
            y_title="eigenvalue",
            figure=lambda: spectrum(values, theme=theme, height=HEIGHT),
        )
        plot.show(
            spectrum_plot(values, height=HEIGHT), "geometry-spectrum", theme=theme, export=export
        )
        st.caption(said)


def _sharpness(comparison: Comparison, shown: tuple[Model, ...], lens: Lens) -> None:
    with st.container(border=True):
        style.card_title(
            "The effect of temperature alone",
            "Overlap against temperature, and against mean entropy. Dots: the sidebar's T.",
            f"{'' if lens.centred else 'A higher temperature alone raises overlap. '}The second"
            f" chart compares the models at equal mean entropy. {numbers.count(comparison.n)}"
            f" {comparison.split} {comparison.nouns}{', columns centred' if lens.centred else ''}.",
        )
        if measures.is_large(comparison) and not st.session_state.get("geometry-sharpness-asked"):
            st.button(
                "Compute (takes some seconds for this many samples)",
                key="geometry-sharpness-ask",
                on_click=lambda: st.session_state.update({"geometry-sharpness-asked": True}),
            )
            return
        _sharpness_charts(comparison, shown, lens)


def _sharpness_charts(comparison: Comparison, shown: tuple[Model, ...], lens: Lens) -> None:
    looks, T = style.styles(comparison), lens.temperature
    plain = Lens(T, "none", lens.centred)
    target = class_geometry.entropy_at(comparison, comparison.teacher, plain)
    against_t, against_entropy, said = [], [], []
    for model in shown:
        curve = class_geometry.sharpness(comparison, model, centred=lens.centred)
        now = class_geometry.overlap(comparison, model, plain)
        if now is None:
            continue
        rows = zip(curve.temperatures, curve.entropy, curve.score, strict=True)
        note = [f"T = {t:g}, entropy {h:.2f} nats, score {s:.3f}" for t, h, s in rows]
        look = looks[model.key]
        against_t.append(Curve(look, curve.temperatures, curve.overlap, note, (T, now)))
        there = (class_geometry.entropy_at(comparison, model, plain), now)
        against_entropy.append(Curve(look, curve.entropy, curve.overlap, note, there))
        mean, image = (
            _matched_overlap(comparison, model, replace(plain, matching=rule))
            for rule in ("mean", "image")
        )
        said.append((model.called, now, mean, image))
    at_once = words.sentence_for_sharpness(
        said, temperature=T, entropy=target, noun=comparison.noun
    )
    left, right = st.columns(2, gap="medium")
    with left:
        _curves(
            against_t, "temperature", "Overlap by temperature", at_once, x_title="temperature T",
            mark=T,
            mark_name="now", log_x=True, log_y=not lens.centred,
        )  # fmt: skip
    with right:
        _curves(
            against_entropy, "entropy", "Overlap by mean entropy", at_once,
            x_title="mean entropy (nats)",
            mark=target, mark_name="teacher now", log_x=False, log_y=not lens.centred,
        )  # fmt: skip
    if table := words.sharpness_rows(said, temperature=T, entropy=target, noun=comparison.noun):
        with st.expander("Overlap as a table"):
            st.dataframe(table, hide_index=True, key="geometry-sharpness-table")


def _matched_overlap(comparison: Comparison, model: Model, lens: Lens) -> float | None:
    """Overlap through this lens; None if no image can be matched to the teacher's entropy."""
    return (
        class_geometry.overlap(comparison, model, lens)
        if lens.match(comparison, model).unreached < comparison.n
        else None
    )


def _curves(
    curves: list[Curve],
    what: str,
    title: str,
    sentence: str,
    *,
    x_title: str,
    mark: float,
    mark_name: str,
    log_x: bool,
    log_y: bool,
) -> None:
    theme = style.theme()
    column = "temperature" if what == "temperature" else "entropy_nats"

    def figure() -> go.Figure:
        return sharpness_curves(
            curves, x_title=x_title, mark=mark, mark_name=mark_name, log_x=log_x, log_y=log_y,
            theme=theme,
            height=HEIGHT,
        )  # fmt: skip

    drawn = sharpness_plot(
        curves,
        x_title=x_title,
        mark=mark,
        mark_name=mark_name,
        log_x=log_x,
        log_y=log_y,
        height=HEIGHT,
    )
    export = Export(title, lambda: tables.curves_table(curves, column), sentence, figure=figure)
    plot.show(drawn, f"geometry-sharpness-{what}", theme=theme, export=export)
