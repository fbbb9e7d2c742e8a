"""Calibration's figures with intervals, the best temperatures, and calibration class by class."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from app import data, selecting
from app.components import export_menu, frame, ranking, style
from bickd_core.geometry import BINS, CalibrationSummary, ClassCalibration, Interval
from bickd_viz import judging_text as words
from bickd_viz import text
from bickd_viz.charts import Row, whisker_html

At = Callable[[data.Model], float]

FIGURES: tuple[tuple[str, str, str, Callable[[CalibrationSummary], Interval]], ...] = (
    ("ECE, equal width", "lower is better", "percent", lambda found: found.ece_width),
    ("ECE, equal counts", "lower is better", "percent", lambda found: found.ece_mass),
    ("Brier score", "0 to 2, lower is better", "number", lambda found: found.brier),
    ("NLL", "nats, lower is better", "number", lambda found: found.nll),
)


def cards(of: data.Comparison, at: At) -> None:
    """The four headline figures of every model."""
    looks = style.styles(of)
    found = {model.key: data.calibration(of, model, at(model)) for model in of.models}
    st.subheader("Every model's figures")
    for column, (title, note, fmt, figure) in zip(st.columns(4, gap="small"), FIGURES, strict=True):
        with column, st.container(border=True, height="stretch"):
            style.card_title(title, note)
            rows = []
            for model in of.models:
                interval = figure(found[model.key])
                rows.append(Row(looks[model.key], interval.estimate, interval.low, interval.high))
            st.html(whisker_html(rows, fmt=fmt, theme=style.theme(), slots=len(of.models)))
            export_menu.offer_whiskers(
                f"calibration-{title}",
                title,
                rows,
                theme=style.theme(),
                fmt=fmt,
                sentence=f"{note}.",
                x_title=title,
            )
    chances = ", ".join(f"{model.name} {text.percent(found[model.key].chance_width)}" for model in of.models)
    st.caption(
        f"95% intervals over {text.count(of.n)} {of.split} images. By chance alone, perfectly calibrated models as sure as "
        f"these would show an ECE of {chances} in {BINS} bins of equal width."
    )


def temperatures(of: data.Comparison) -> None:
    """The best temperature of each model, with its figures before and after on the split shown."""
    st.subheader("What one temperature mends")
    rows, missing = [], []
    for model in of.models:
        best = data.best_temperature(model)
        if best is None:
            missing.append(model.called)
            continue
        before, after = data.calibration(of, model, 1.0), data.calibration(of, model, best.shown)
        fitted = best.fitted.temperature
        rows.append(
            {
                "model": model.name,
                "best T": f"{fitted.estimate:.2f} {text.interval_text(fitted)}"
                if best.fitted.reached
                else "none",
                "ECE before": _figure(before.ece_width, "percent"),
                "ECE after": _figure(after.ece_width, "percent"),
                "NLL before": _figure(before.nll),
                "NLL after": _figure(after.nll),
            }
        )
    if rows:
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="calibration-temperatures")
    notes = []
    focus = frame.focused(of) if of.students else of.teacher
    best = data.best_temperature(focus)
    if best is not None:
        notes.append(
            words.temperature_sentence(
                focus.called,
                best.fitted.temperature,
                split=best.split,
                n=best.n,
                shown=of.split,
                reached=best.fitted.reached,
            )
        )
    if missing:
        notes.append(f"No labelled predictions on validation to fit on: {', '.join(missing)}.")
    notes.append(
        "A temperature changes no top-1 class, so accuracy stays as it is. Intervals are at 95% over images."
    )
    st.caption(" ".join(notes))


def _figure(interval: Interval, fmt: str = "number") -> str:
    shape = text.percent if fmt == "percent" else text.number
    return f"{shape(interval.estimate)} {text.interval_text(interval, fmt)}"


def by_class(of: data.Comparison, student: data.Model, at: At) -> None:
    """Class-wise error: a ranking over all models, and the focused student's table."""
    found = data.calibration(of, student, at(student)).by_class
    mean = f"{text.percent(found.mean.estimate, 2)} {_ends(found.mean.low, found.mean.high)}"
    st.subheader("Class by class")
    st.caption(
        f"Class-wise error: the gap between a class's probability and how often it is that class, over {BINS} bins of equal "
        f"width, as a share of all images. Mean over {len(of.class_names)} classes for {student.called}: {mean}."
    )
    left, right = st.columns(2, gap="small")
    with left, st.container(border=True):
        _ranking(of, student, at)
    with right, st.container(border=True):
        _table(of, student, found)


def _ranking(of: data.Comparison, student: data.Model, at: At) -> None:
    style.card_title(
        "Classes with the largest error", f"Ordered by {student.called}. Click a mark to select its class."
    )
    ranking.show(
        of,
        [(m, data.calibration(of, m, at(m)).by_class.error * 100) for m in of.models],
        "calibration-classes",
        title="Classes with the largest calibration error",
        order_by=student,
        what="class-wise error, %",
        column="class-wise error percent",
        top=10,
        height=390,
        on_class=lambda c: selecting.select("class", of.class_names[c]),
    )


def _table(of: data.Comparison, student: data.Model, found: ClassCalibration) -> None:
    assert of.labels is not None
    style.card_title(f"{student.name}, all classes", "Choose a row to select its class.")
    order = np.argsort(-found.error, kind="stable")
    counts = np.bincount(of.labels, minlength=len(of.class_names))
    rows = [
        {
            "class": of.class_names[c],
            "images": int(counts[c]),
            "said": round(float(of.n * found.bias[c] + counts[c]), 1),
            "error": f"{text.percent(float(found.error[c]), 2)} {_ends(float(found.low[c]), float(found.high[c]))}",
        }
        for c in order
    ]

    def chosen() -> None:
        picked = st.session_state["calibration-table"]["selection"]["rows"]
        if picked:
            selecting.select("class", of.class_names[int(order[picked[0]])])

    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="calibration-table",
        height=36 * (min(len(rows), 9) + 1),
        on_select=chosen,
        selection_mode="single-row",
    )
    st.caption(
        "“said” is the sum of the class's probability over all images: more than its images means said too often."
    )


def _ends(low: float | None, high: float | None) -> str:
    if low is None or high is None or not np.isfinite(low):
        return "[not available]"
    return f"[{text.percent(low, 2)}, {text.percent(high, 2)}]"
