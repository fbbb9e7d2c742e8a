"""Angles, leakage and eigenvalues of the class Grams, and the effect of temperature alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from app import data, selection, state
from app.components import plot, ranking, style
from app.components.chart import Take
from app.plain import st
from bickd_core.geometry.gram_figures import Band
from bickd_viz import tables
from bickd_viz.charts import (
    Curve,
    angles,
    angles_plot,
    sharpness_curves,
    sharpness_plot,
    spectrum,
    spectrum_plot,
)
from bickd_viz.text import class_geometry as words
from bickd_viz.text import numbers

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 300
RANKED = 10


def linked(of: data.Comparison, student: data.Model, lens: data.Lens) -> None:
    """Draw the angles and the ranking of classes. A click in the ranking selects, so both are in the selection's fragment."""
    shown = _shown(of, student)
    if len(shown) < len(of.models):
        st.caption(
            "The panels below show only the teacher and the student in focus.",
            help=f"Each model has {of.n:,} × {len(of.class_names):,} probabilities. All students at once would take too long.",
        )
    left, right = st.columns(2, gap="small")
    with left:
        _angles(of, shown, lens)
    with right:
        _leakage(of, shown, student, lens)


def show(of: data.Comparison, student: data.Model, lens: data.Lens) -> None:
    """Draw the eigenvalues and the effect of temperature alone."""
    shown = _shown(of, student)
    _spectrum(of, shown, lens)
    _sharpness(of, shown, lens)


def _shown(of: data.Comparison, student: data.Model) -> tuple[data.Model, ...]:
    if not data.is_large(of):
        return of.models
    return (of.teacher, student) if of.students else (of.teacher,)


def _angles(of: data.Comparison, shown: tuple[data.Model, ...], lens: data.Lens) -> None:
    looks = style.styles(of)
    found = []
    for model in shown:
        geometry = data.gram(of, model, lens)
        used = np.flatnonzero(~geometry.empty)
        gram = geometry.gram[np.ix_(used, used)]
        cosines = np.clip(gram[np.triu_indices(len(used), k=1)], -1, 1)
        found.append((looks[model.key], np.degrees(np.arccos(cosines))))
    with st.container(border=True):
        style.card_title("Angles between classes", f"Over all pairs of classes. 90° is {lens.apart}.")
        medians = [
            (model.called, float(np.median(a))) for model, (_, a) in zip(shown, found, strict=True) if len(a)
        ]
        said = "Median angle: " + ", ".join(f"{name} {angle:.1f}°" for name, angle in medians) + "."
        theme = style.theme()
        plot.show(
            angles_plot(found, height=HEIGHT),
            "geometry-angles",
            theme=theme,
            take=Take(
                "Angles between classes",
                lambda: tables.angles_table(found),
                f"Over all pairs of classes. 90° is {lens.apart}. {said}",
                y_title="share of class pairs (%)",
                figure=lambda: angles(found, theme=theme, height=HEIGHT),
            ),
        )
        st.caption(said)


def _leakage(
    of: data.Comparison, shown: tuple[data.Model, ...], student: data.Model, lens: data.Lens
) -> None:
    with st.container(border=True):
        style.card_title(
            "Classes that leak most",
            f"Leakage: mean {lens.what} of a class with all others. Click a class to select it.",
            f"The classes with the highest leakage in {student.called}. The lines are its 95% intervals.",
        )
        models, limits = [], []
        for model in shown:
            empty = data.gram(of, model, lens).empty
            band = data.gram_figures(of, model, lens).leakage
            leaks = np.full(len(empty), np.nan) if band is None else np.where(empty, np.nan, band.estimate)
            models.append((model, leaks))
            limits.append(_limits(band) if model is student else None)  # on all models they would cross
        ranking.show(
            of,
            models,
            "geometry-leakage",
            title="Classes that leak most",
            order_by=student,
            what="leakage",
            column="leakage",
            top=RANKED,
            height=HEIGHT,
            on_class=_choose_class(of, student, lens),
            limits=limits,
            sentence=f"Leakage: mean {lens.what} of a class with all others. Classes are ordered by {student.called}.",
        )
        place = shown.index(student)
        own, ends = models[place][1], limits[place]
        if np.isfinite(own).any():
            worst = int(np.nanargmax(own))
            st.caption(
                words.sentence_for_leakage(
                    student.called,
                    of.class_names[worst],
                    float(own[worst]),
                    None if ends is None else (float(ends[0][worst]), float(ends[1][worst])),
                    float(np.nanmedian(own)),
                )
            )


def _limits(band: Band | None) -> tuple[np.ndarray, np.ndarray] | None:
    return None if band is None or not np.isfinite(band.low).all() else (band.low, band.high)


def _choose_class(of: data.Comparison, student: data.Model, lens: data.Lens):
    """A click on a class selects it. The focused pair becomes this class and its closest class."""

    def clicked(index: int) -> None:
        row = data.gram(of, student, lens).gram[int(index)].copy()
        row[int(index)] = -np.inf
        state.update(pair=(of.class_names[int(index)], of.class_names[int(row.argmax())]))
        if of.labels is not None:
            selection.select("class", of.class_names[int(index)])

    return clicked


def _spectrum(of: data.Comparison, shown: tuple[data.Model, ...], lens: data.Lens) -> None:
    looks = style.styles(of)
    with st.container(border=True):
        style.card_title(
            "Eigenvalues of the class Gram",
            f"If all classes are {lens.apart}, all eigenvalues are 1. A steep fall means that a few directions dominate.",
        )
        values = [(looks[model.key], data.spectrum(of, model, lens)) for model in shown]
        figures = [(model.called, data.gram_figures(of, model, lens).effective_rank) for model in shown]
        ranks = [(name, 0.0 if rank is None else rank.estimate) for name, rank in figures]
        said = words.sentence_for_spectrum(ranks, data.gram(of, of.teacher, lens).n_classes_used)
        theme = style.theme()
        take = Take(
            "Eigenvalues of the class Gram",
            lambda: tables.spectrum_table(values),
            said,
            y_title="eigenvalue",
            figure=lambda: spectrum(values, theme=theme, height=HEIGHT),
        )
        plot.show(spectrum_plot(values, height=HEIGHT), "geometry-spectrum", theme=theme, take=take)
        st.caption(said)


def _sharpness(of: data.Comparison, shown: tuple[data.Model, ...], lens: data.Lens) -> None:
    with st.container(border=True):
        style.card_title(
            "The effect of temperature alone",
            "Overlap against temperature, and against mean entropy. Dots: the sidebar's T.",
            f"{'' if lens.centred else 'A higher temperature alone raises overlap. '}"
            "The second chart compares the models at equal mean entropy. "
            f"{numbers.count(of.n)} {of.split} {of.nouns}{', columns centred' if lens.centred else ''}.",
        )
        if data.is_large(of) and not st.session_state.get("geometry-sharpness-asked"):
            st.button(
                "Compute (takes some seconds for this many samples)",
                key="geometry-sharpness-ask",
                on_click=lambda: st.session_state.update({"geometry-sharpness-asked": True}),
            )
            return
        _sharpness_charts(of, shown, lens)


def _sharpness_charts(of: data.Comparison, shown: tuple[data.Model, ...], lens: data.Lens) -> None:
    looks, T = style.styles(of), lens.temperature
    plain = data.Lens(T, "none", lens.centred)
    target = data.entropy_at(of, of.teacher, plain)
    against_t, against_entropy, said = [], [], []
    for model in shown:
        curve = data.sharpness(of, model, centred=lens.centred)
        now = data.overlap(of, model, plain)
        if now is None:
            continue
        rows = zip(curve.temperatures, curve.entropy, curve.score, strict=True)
        note = [f"T = {t:g}, entropy {h:.2f} nats, score {s:.3f}" for t, h, s in rows]
        look = looks[model.key]
        against_t.append(Curve(look, curve.temperatures, curve.overlap, note, (T, now)))
        there = (data.entropy_at(of, model, plain), now)
        against_entropy.append(Curve(look, curve.entropy, curve.overlap, note, there))
        mean, image = (
            _matched_overlap(of, model, replace(plain, matching=rule)) for rule in ("mean", "image")
        )
        said.append((model.called, now, mean, image))
    at_once = words.sentence_for_sharpness(said, temperature=T, entropy=target, noun=of.noun)
    left, right = st.columns(2, gap="medium")
    with left:
        _curves(
            against_t, "temperature", "Overlap by temperature", at_once, x_title="temperature T", mark=T,
            mark_name="now", log_x=True, log_y=not lens.centred,
        )  # fmt: skip
    with right:
        _curves(
            against_entropy, "entropy", "Overlap by mean entropy", at_once, x_title="mean entropy (nats)",
            mark=target, mark_name="teacher now", log_x=False, log_y=not lens.centred,
        )  # fmt: skip
    if table := words.sharpness_rows(said, temperature=T, entropy=target, noun=of.noun):
        with st.expander("Overlap as a table"):
            st.dataframe(table, hide_index=True, key="geometry-sharpness-table")


def _matched_overlap(of: data.Comparison, model: data.Model, lens: data.Lens) -> float | None:
    """Overlap through this lens; None if no image can be matched to the teacher's entropy."""
    return data.overlap(of, model, lens) if lens.match(of, model).unreached < of.n else None


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
            curves, x_title=x_title, mark=mark, mark_name=mark_name, log_x=log_x, log_y=log_y, theme=theme,
            height=HEIGHT,
        )  # fmt: skip

    drawn = sharpness_plot(
        curves, x_title=x_title, mark=mark, mark_name=mark_name, log_x=log_x, log_y=log_y, height=HEIGHT
    )
    take = Take(title, lambda: tables.curves_table(curves, column), sentence, figure=figure)
    plot.show(drawn, f"geometry-sharpness-{what}", theme=theme, take=take)
