"""Calibration figures with intervals, the best temperatures, and calibration by class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from app import selection
from app.components import class_search, export_menu, frame, plot, style
from app.components.chart import Export
from app.data import best_temperature
from app.plain import st
from bickd_core.comparing import calibration
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.calibration import BINS, ClassCalibration
from bickd_core.geometry.calibration_summary import CalibrationSummary
from bickd_core.geometry.intervals import Interval
from bickd_viz import tables
from bickd_viz.charts.ranking import ranking_plot
from bickd_viz.charts.whisker_html import whisker_html
from bickd_viz.charts.whiskers import Row
from bickd_viz.text import calibration as text
from bickd_viz.text import numbers

At = Callable[[Model], float]

FIGURES: tuple[tuple[str, str, str, Callable[[CalibrationSummary], Interval]], ...] = (
    ("ECE, equal width", "lower is better", "percent", lambda summary: summary.ece_width),
    ("ECE, equal counts", "lower is better", "percent", lambda summary: summary.ece_mass),
    ("Brier score", "0 to 2, lower is better", "number", lambda summary: summary.brier),
    ("NLL", "nats, lower is better", "number", lambda summary: summary.nll),
)


def cards(comparison: Comparison, at: At) -> None:
    """Show the four headline figures of every model."""
    looks = style.styles(comparison)
    summaries = {
        model.key: calibration.calibration(comparison, model, at(model))
        for model in comparison.models
    }
    st.subheader("Calibration of every model")
    for column, (title, note, fmt, figure) in zip(st.columns(4, gap="small"), FIGURES, strict=True):
        with column, st.container(border=True, height="stretch"):
            style.card_title(title, note)
            rows = []
            for model in comparison.models:
                interval = figure(summaries[model.key])
                rows.append(Row(looks[model.key], interval.estimate, interval.low, interval.high))
            st.html(whisker_html(rows, fmt=fmt, theme=style.theme(), slots=len(comparison.models)))
            export_menu.offer_whiskers(
                f"calibration-{title}",
                title,
                rows,
                theme=style.theme(),
                fmt=fmt,
                sentence=f"{note}.",
                x_title=title,
            )
    chances = ", ".join(
        f"{model.name} {numbers.percent(summary.ece_width.plain)}"
        f" ({numbers.percent(summary.chance_width)})"
        for model in comparison.models
        for summary in (summaries[model.key],)
    )
    st.caption(
        f"95% intervals over {numbers.count(comparison.n)} {comparison.split} {comparison.nouns}."
        " ECE is corrected for chance.",
        help=(
            "With few samples, even a perfectly calibrated model has an ECE above 0. This chance"
            f" level is subtracted. Plain ECE in {BINS} bins of equal width, with the chance level"
            f" in brackets: {chances}."
        ),
    )


def temperatures(comparison: Comparison) -> None:
    """Show the best temperature of each model, with its figures before and after on the split
    shown."""
    st.subheader("Temperature scaling")
    rows, missing = [], []
    for model in comparison.models:
        best = best_temperature.best_temperature(model)
        if best is None:
            missing.append(model.called)
            continue
        fitted, reached = best.fitted.temperature, best.fitted.reached
        before, after = (calibration.calibration(comparison, model, T) for T in (1.0, best.shown))
        rows.append(
            {
                "model": model.name,
                "best T": (numbers.estimate_text(fitted) if reached else "none"),
                "ECE before": numbers.estimate_text(before.ece_width, "percent"),
                "ECE after": (
                    numbers.estimate_text(after.ece_width, "percent") if reached else "–"
                ),
                "plain ECE after": numbers.percent(after.ece_width.plain) if reached else "–",
                "chance level": numbers.percent(after.chance_width) if reached else "–",
                "NLL before": numbers.estimate_text(before.nll),
                "NLL after": numbers.estimate_text(after.nll) if reached else "–",
            }
        )
    if rows:
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="calibration-temperatures")
    notes = []
    focus = frame.focused(comparison) if comparison.students else comparison.teacher
    best = best_temperature.best_temperature(focus)
    if best is not None:
        notes.append(
            text.temperature_sentence(
                focus.called,
                best.fitted.temperature,
                split=best.split,
                n=best.n,
                shown=comparison.split,
                reached=best.fitted.reached,
                noun=comparison.noun,
            )
        )
    with_fit = [model for model in comparison.models if model.called not in missing]
    if seen := text.seen_temperature_sentence(
        [m.called for m in with_fit if m.info.source.saw_validation]
    ):
        notes.append(seen)
    if missing:
        notes.append(f"No labelled validation predictions to fit on: {', '.join(missing)}.")
        if all(model.info.source.kind == "predictions" for model in comparison.models):
            notes.append("You can add them on the page Bring your own.")
    notes.append("Accuracy does not change.")
    st.caption(
        " ".join(notes),
        help=(
            "One temperature for all samples never changes the top-1 class. ECE is corrected for"
            " chance. Compare the plain ECE with the chance level beside it. Intervals are at 95%,"
            f" over {comparison.nouns}."
        ),
    )


def by_class(comparison: Comparison, student: Model, at: At) -> None:
    """Show the class-wise error: a ranking over all models, and the focused student's table."""
    errors = calibration.calibration(comparison, student, at(student)).by_class
    mean, chance = (
        numbers.percent(float(values.mean()), 2) for values in (errors.error, errors.chance)
    )
    st.subheader("Class by class")
    st.caption(
        f"Mean class-wise error of {student.called}: {mean}. A perfectly calibrated model would"
        f" show {chance} by chance.",
        help=(
            "The class-wise error is the gap between a class's probability and the frequency of"
            f" that class. It is summed over {BINS} bins of equal width, as a share of all"
            f" {comparison.nouns}. The mean is over {len(comparison.class_names)} classes."
        ),
    )
    left, right = st.columns(2, gap="small")
    with left, st.container(border=True):
        _ranking(comparison, student, at)
    with right, st.container(border=True):
        _table(comparison, student, errors)


def _ranking(comparison: Comparison, student: Model, at: At) -> None:
    style.card_title(
        "Classes with the largest error",
        f"Ordered by {student.called}. Click a class to select it.",
    )
    looks, names = style.styles(comparison), comparison.class_names
    errors = [
        (looks[m.key], calibration.calibration(comparison, m, at(m)).by_class.error * 100)
        for m in comparison.models
    ]
    plot.show(
        ranking_plot(
            errors,
            names,
            top=10,
            order_by=comparison.models.index(student),
            x_title="class-wise error, %",
            height=390,
        ),
        "calibration-classes",
        theme=style.theme(),
        export=Export(
            "Classes with the largest calibration error",
            lambda: tables.ranking_table(errors, names, "class-wise error percent"),
        ),
        on_pick=lambda c: selection.select("class", names[c]),
    )


def _table(comparison: Comparison, student: Model, errors: ClassCalibration) -> None:
    assert comparison.labels is not None
    style.card_title(f"{student.name}, all classes", "Choose a row to select its class.")
    order = np.argsort(-errors.error, kind="stable")
    counts = np.bincount(comparison.labels, minlength=len(comparison.class_names))
    predicted = comparison.n * errors.bias + counts
    found = class_search.chosen(comparison)
    if found is not None:
        error, chance = (
            numbers.percent(float(each[found]), 2) for each in (errors.error, errors.chance)
        )
        st.write(
            f"{comparison.class_names[found]}: error {error}, by chance {chance}. Predicted count"
            f" {predicted[found]:,.1f} for {numbers.counted(int(counts[found]), comparison.noun)}."
        )
    rows = [
        {
            "class": comparison.class_names[c],
            comparison.nouns: int(counts[c]),
            "predicted count": round(float(predicted[c]), 1),
            "error": numbers.percent(float(errors.error[c]), 2),
            "chance": numbers.percent(float(errors.chance[c]), 2),
        }
        for c in order
    ]

    def chosen() -> None:
        picked = st.session_state["calibration-table"]["selection"]["rows"]
        if picked:
            selection.select("class", comparison.class_names[int(order[picked[0]])])

    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="calibration-table",
        height=36 * (min(len(rows), 9) + 1),
        on_select=chosen,
        selection_mode="single-row",
    )
    st.caption(
        f"Predicted count: the sum of the class's probability over all {comparison.nouns}. If it is"
        f" higher than the number of {comparison.nouns}, the model predicts this class too often."
    )
