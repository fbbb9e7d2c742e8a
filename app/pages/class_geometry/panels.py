"""Angles, class overlaps and eigenvalues of the class Grams, and the effect of temperature
alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from app import selection, state
from app.components import plot, style
from app.components.chart import Export
from app.plain import st
from bickd_core.comparing import class_geometry, class_ranking
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.gram_figures import Band
from bickd_viz import tables
from bickd_viz.charts.histogram import angles_plot
from bickd_viz.charts.ranking import ranking_plot
from bickd_viz.charts.sharpness import Curve, sharpness_plot
from bickd_viz.charts.spectrum import spectrum_plot
from bickd_viz.text import class_geometry as text
from bickd_viz.text import numbers

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
        _class_overlap(comparison, shown, student, lens)


def show(comparison: Comparison, student: Model, lens: Lens) -> None:
    """Draw the eigenvalues and the effect of temperature alone."""
    shown = _shown(comparison, student)
    _spectrum(comparison, shown, lens)
    _sharpness(comparison, shown, lens)


def _shown(comparison: Comparison, student: Model) -> tuple[Model, ...]:
    if not comparison.large:
        return comparison.models
    return (comparison.teacher, student) if comparison.students else (comparison.teacher,)


def _angles(comparison: Comparison, shown: tuple[Model, ...], lens: Lens) -> None:
    looks = style.styles(comparison)
    angles = []
    for model in shown:
        geometry = class_geometry.gram(comparison, model, lens)
        used = np.flatnonzero(~geometry.empty)
        gram = geometry.gram[np.ix_(used, used)]
        cosines = np.clip(gram[np.triu_indices(len(used), k=1)], -1, 1)
        angles.append((looks[model.key], np.degrees(np.arccos(cosines))))
    with st.container(border=True):
        what = f"Over all pairs of classes. 90° is {lens.apart}."
        style.card_title("Angles between classes", what)
        medians = [
            f"{model.called} {float(np.median(values)):.1f}°"
            for model, (_, values) in zip(shown, angles, strict=True)
            if len(values)
        ]
        sentence = f"Median angle: {', '.join(medians)}."
        plot.show(
            angles_plot(angles, height=HEIGHT),
            "geometry-angles",
            theme=style.theme(),
            export=Export(
                "Angles between classes",
                lambda: tables.angles_table(angles),
                f"{what} {sentence}",
                y_title="share of class pairs (%)",
            ),
        )
        st.caption(sentence)


def _class_overlap(
    comparison: Comparison, shown: tuple[Model, ...], student: Model, lens: Lens
) -> None:
    with st.container(border=True):
        what = f"Overlap of a class: its mean {lens.what} with all others."
        style.card_title(
            "Classes that overlap most with the others",
            f"{what} Click a class to select it.",
            f"The classes with the highest overlap in {student.called}. The lines are its 95%"
            " intervals.",
        )
        looks, names = style.styles(comparison), comparison.class_names
        models, limits = [], []
        for model in shown:
            empty = class_geometry.gram(comparison, model, lens).empty
            band = class_geometry.gram_figures(comparison, model, lens).class_overlap
            overlaps = np.full(len(empty), np.nan)
            if band is not None:
                overlaps = np.where(empty, np.nan, band.estimate)
            models.append((looks[model.key], overlaps))
            limits.append(
                _limits(band) if model is student else None
            )  # on all models they would cross
        place = shown.index(student)
        plot.show(
            ranking_plot(models, names, top=RANKED, order_by=place, height=HEIGHT, limits=limits),
            "geometry-class-overlap",
            theme=style.theme(),
            export=Export(
                "Classes that overlap most with the others",
                lambda: tables.ranking_table(models, names),
                f"{what} Classes are ordered by {student.called}.",
            ),
            on_pick=_choose_class(comparison, student, lens),
        )
        overlaps, ends = models[place][1], limits[place]
        if np.isfinite(overlaps).any():
            worst = int(np.nanargmax(overlaps))
            st.caption(
                text.sentence_for_class_overlap(
                    student.called,
                    names[worst],
                    float(overlaps[worst]),
                    None if ends is None else (float(ends[0][worst]), float(ends[1][worst])),
                    float(np.nanmedian(overlaps)),
                )
            )


def _limits(band: Band | None) -> tuple[np.ndarray, np.ndarray] | None:
    return None if band is None or not np.isfinite(band.low).all() else (band.low, band.high)


def _choose_class(comparison: Comparison, student: Model, lens: Lens):
    """A click on a class selects it. The focused pair becomes this class and its closest class."""

    def clicked(index: int) -> None:
        other = class_ranking.closest_class(comparison, student, lens, int(index))
        state.update(pair=(comparison.class_names[int(index)], comparison.class_names[other]))
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
            f"The effective rank is corrected for the number of {comparison.nouns}; the eigenvalues"
            " are not.",
        )
        values = [
            (looks[model.key], class_geometry.spectrum(comparison, model, lens)) for model in shown
        ]
        figures = [
            (model.called, class_geometry.gram_figures(comparison, model, lens)) for model in shown
        ]
        sentence = text.sentence_for_spectrum(
            [
                (name, None if each.effective_rank is None else each.effective_rank.estimate,
                 each.n_classes_used)
                for name, each in figures
            ]
        )  # fmt: skip
        plot.show(
            spectrum_plot(values, height=HEIGHT),
            "geometry-spectrum",
            theme=style.theme(),
            export=Export(
                "Eigenvalues of the class Gram",
                lambda: tables.spectrum_table(values),
                sentence,
                y_title="eigenvalue",
            ),
        )
        st.caption(sentence)


def _sharpness(comparison: Comparison, shown: tuple[Model, ...], lens: Lens) -> None:
    with st.container(border=True):
        style.card_title(
            "The effect of temperature alone",
            "Overlap against temperature, and against mean entropy. Dots: the sidebar's T.",
            f"{'' if lens.centred else 'A higher temperature alone raises overlap. '}The second"
            f" chart compares the models at equal mean entropy. {numbers.count(comparison.n)}"
            f" {comparison.split} {comparison.nouns}{', columns centred' if lens.centred else ''}.",
        )
        if comparison.large and not st.session_state.get("geometry-sharpness-asked"):
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
    by_temperature, by_entropy, overlaps = [], [], []
    for model in shown:
        curve = class_geometry.sharpness(comparison, model, centred=lens.centred)
        now = class_geometry.overlap(comparison, model, plain)
        if now is None:
            continue
        rows = zip(curve.temperatures, curve.entropy, curve.score, strict=True)
        note = [
            f"T = {t:g}, entropy {h:.2f} nats" + (f", score {s:.3f}" if np.isfinite(s) else "")
            for t, h, s in rows
        ]
        look = looks[model.key]
        by_temperature.append(Curve(look, curve.temperatures, curve.overlap, note, (T, now)))
        entropy = class_geometry.entropy_at(comparison, model, plain)
        by_entropy.append(Curve(look, curve.entropy, curve.overlap, note, (entropy, now)))
        mean, image = (
            _matched_overlap(comparison, model, replace(plain, matching=rule))
            for rule in ("mean", "image")
        )
        overlaps.append((model.called, now, mean, image))
    sentence = text.sentence_for_sharpness(
        overlaps, temperature=T, entropy=target, noun=comparison.noun
    )
    left, right = st.columns(2, gap="medium")
    log_y = not lens.centred
    with left:
        plot.show(
            sharpness_plot(
                by_temperature,
                x_title="temperature T",
                rule=(T, "now"),
                log_x=True,
                log_y=log_y,
                height=HEIGHT,
            ),
            "geometry-sharpness-temperature",
            theme=style.theme(),
            export=Export(
                "Overlap by temperature",
                lambda: tables.curves_table(by_temperature, "temperature"),
                sentence,
            ),
        )
    with right:
        plot.show(
            sharpness_plot(
                by_entropy,
                x_title="mean entropy (nats)",
                rule=(target, "teacher now"),
                log_y=log_y,
                height=HEIGHT,
            ),
            "geometry-sharpness-entropy",
            theme=style.theme(),
            export=Export(
                "Overlap by mean entropy",
                lambda: tables.curves_table(by_entropy, "entropy_nats"),
                sentence,
            ),
        )
    table = text.sharpness_rows(overlaps, temperature=T, entropy=target, noun=comparison.noun)
    if table:
        with st.expander("Overlap as a table"):
            st.dataframe(table, hide_index=True, key="geometry-sharpness-table")


def _matched_overlap(comparison: Comparison, model: Model, lens: Lens) -> float | None:
    """Overlap through this lens; None if no image can be matched to the teacher's entropy."""
    return (
        class_geometry.overlap(comparison, model, lens)
        if lens.match(comparison, model).unreached < comparison.n
        else None
    )
