"""Overview: the finding as a title, the headline figures of every model, and where to look next."""

from __future__ import annotations

import streamlit as st

from app import data, state, taking
from app.components import (
    export_menu,
    figure_tables,
    frame,
    maps,
    matrix,
    picture_feed,
    scatter,
    selection_bar,
    style,
    thumbs,
)
from app.registry import open_page
from app.views import tour
from bickd_core.geometry import Interval
from bickd_viz import colouring, text
from bickd_viz.charts import Row, whisker_html
from bickd_viz.geometry_text import telling_pair_title
from bickd_viz.seeds_text import accuracy_note


def show() -> None:
    of = frame.load_comparison()
    view = state.current()
    student = frame.focused(of)
    other = frame.baseline(of, student)
    _finding(of, student, other, view.temperature)
    _buttons()
    _cards(of, view.temperature)
    _linked(of, student, other, view.temperature)
    figure_tables.every_figure(of, view.temperature)
    figure_tables.over_seeds(of, view.temperature)


def _finding(of: data.Comparison, student: data.Model, other: data.Model | None, T: float) -> None:
    mine = data.summary(of, student, T)
    if not of.students or mine.overlap is None:
        accuracy = (
            "" if mine.accuracy is None else f" with an accuracy of {text.percent(mine.accuracy.estimate)}"
        )
        taking.title(
            f"{of.teacher.info.arch} on {of.data_title}{accuracy}: choose students to compare it with"
        )
        return
    against = other or of.teacher
    theirs = data.summary(of, against, T)
    assert theirs.overlap is not None
    taking.title(
        text.headline(
            student.name,
            against.called,
            mine.overlap.estimate,
            theirs.overlap.estimate,
            difference=data.overlap_difference(of, student, against, T),
            agreement=None if mine.agreement is None else mine.agreement.estimate,
            baseline_agreement=_estimate(theirs.agreement) if other else None,
            matched=_estimate(mine.overlap_matched),
            baseline_matched=_estimate(theirs.overlap_matched),
            matched_difference=data.overlap_difference(of, student, against, T, matched=True),
        )
    )
    note = text.headline_note(
        mine.overlap,
        theirs.overlap,
        temperature=T,
        images=of.n,
        split=of.split,
        matched=_estimate(mine.overlap_matched),
        baseline_matched=_estimate(theirs.overlap_matched),
    )
    gain = data.accuracy_difference(of, student, against)
    if gain is not None and mine.accuracy is not None and theirs.accuracy is not None:
        note += " " + accuracy_note(
            student.name,
            against.called,
            mine.accuracy.estimate,
            theirs.accuracy.estimate,
            gain,
            data.compare_over_seeds(of, student, against),
        )
    if "bickd" in (student.kind, against.kind):
        note += " BicKD here is a reconstruction from the paper's abstract."
    taking.note(note)


def _estimate(interval: Interval | None) -> float | None:
    return None if interval is None else interval.estimate


def _buttons() -> None:
    with st.container(horizontal=True):
        if st.button("Train one now", type="primary", key="overview-train", icon=":material/science:"):
            open_page("distill")
        if st.button("Load weights", key="overview-load", icon=":material/upload:"):
            from app.components import import_form  # what it imports, the first page does not need

            import_form.open_next()
            open_page("runs")
        if st.button("Take the tour", key="overview-tour", icon=":material/tour:"):
            tour.start()


def _cards(of: data.Comparison, T: float) -> None:
    looks = style.styles(of)
    with st.container(key="overview-cards"):
        columns = st.columns(len(figure_tables.CARDS), gap="small")
    for column, figure in zip(columns, figure_tables.CARDS, strict=True):
        with column, st.container(border=True, height="stretch"):
            style.card_title(figure.title, figure.said(T), figure.help)
            rows = []
            for model in of.models:
                itself = model.is_teacher and not figure.with_teacher
                interval = None if itself else getattr(data.summary(of, model, T), figure.field)
                if interval is None:
                    rows.append(
                        Row(looks[model.key], None, otherwise="the reference" if itself else "not available")
                    )
                else:
                    rows.append(Row(looks[model.key], interval.estimate, interval.low, interval.high))
            with st.container(key=f"overview-card-{figure.field}"):
                st.html(whisker_html(rows, fmt=figure.fmt, theme=style.theme(), slots=len(of.models)))
            unit = "%" if figure.fmt == "percent" else "mean cosine"
            export_menu.offer_whiskers(
                f"overview-{figure.field}",
                figure.title,
                rows,
                theme=style.theme(),
                fmt=figure.fmt,
                sentence=figure.said(T)[0].upper() + figure.said(T)[1:] + ".",
                x_title=f"{figure.title.lower()} ({unit})",
            )


@st.fragment
def _linked(of: data.Comparison, student: data.Model, other: data.Model | None, T: float) -> None:
    """Matrices, images and maps of the focused pair: a click redraws these and nothing else."""
    _matrices(of, student, other, T)
    if of.students:
        _pair(of, student, other, T)
        _maps(of, student, other, T)
    picture_feed.put(of)
    selection_bar.show(of)
    state.show_in_url()


def _matrices(of: data.Comparison, student: data.Model, other: data.Model | None, T: float) -> None:
    st.subheader("How each model overlaps its classes")
    st.caption(
        "Cosine between the class columns of the probability matrix, classes in the teacher's cluster order, one "
        "scale. Colour off the diagonal means two classes that share probability. Click a cell to see the images "
        "that carry it; drag to zoom, double-click to zoom out."
    )
    shown = [of.teacher, *([other] if other else []), *([student] if of.students else [])]
    order = data.class_order(of, "cluster")
    pair = frame.focused_pair(of, student, T) if of.students else None
    top = 0.6 if len(of.class_names) > 20 else 1.0
    looks = style.styles(of)
    for column, model in zip(st.columns(len(shown), gap="small"), shown, strict=True):
        with column, st.container(border=True):
            found = data.geometry(of, model, T)
            overlap = "not available" if found.overlap is None else text.number(found.overlap)
            style.model_title(looks[model.key], f"overlap {overlap}")
            matrix.show(
                found.gram,
                of.class_names,
                key=f"overview-gram-{model.key}",
                theme=style.theme(),
                order=order,
                zmax=top,
                selected=pair,
                on_cell=frame.on_cell(of, model),
                label=f"Class Gram of {model.called}",
                height=340,
            )


def _pair(of: data.Comparison, student: data.Model, other: data.Model | None, T: float) -> None:
    row, column = frame.focused_pair(of, student, T)
    names = of.class_names
    chosen = state.current().pair is not None
    against = other or of.teacher
    if chosen:
        title = f"In focus: {names[row]} and {names[column]}"
    else:
        separated = data.separates(of, student, against, (row, column), T)
        title = telling_pair_title(
            student.name, against.called, names[row], names[column], separated=separated
        )
    st.subheader(title)
    cosines = [f"{data.geometry(of, m, T).gram[row, column]:.2f} {m.name}" for m in of.models]
    said = (
        f"Cosine: {', '.join(cosines)}. Below, the images that carry most of it in {against.called}, each with its "
        f"true class and {against.called}'s probability of {names[row]} | {names[column]} at T = {T:g}."
    )
    st.caption(f"{said} {data.image_credit(of)}")
    report = thumbs.InReport("overview-pair", title, said)
    thumbs.pair_strip(of, against, (row, column), T, most=14, one_row=True, report=report)


def _maps(of: data.Comparison, student: data.Model, other: data.Model | None, T: float) -> None:
    shown = [of.teacher, *([other] if other else []), student]
    found_maps = [data.map_view(of, model, "umap") for model in shown]
    if any(found is None for found in found_maps):
        return
    row, column = frame.focused_pair(of, student, T)
    st.subheader("Where the two classes lie")
    first = found_maps[0]
    assert first is not None
    st.caption(
        text.sentence_for_map(
            method="UMAP",
            shown=of.n,
            total=max(of.n_each),
            seed=first.layout.seed,
            started_from_teacher=True,
            trustworthiness=first.layout.trustworthiness,
        )
    )
    scatter.show(
        maps.panels(of, shown, [found.coordinates for found in found_maps if found is not None], T),
        of.teacher.predictions.ids,
        key="overview-maps",
        theme=style.theme(),
        colouring=_pair_colours(of, shown, (row, column)),
        class_names=of.class_names,
        labels=of.labels,
        selected=maps.selected(of),
        height=380,
        pictures=picture_feed.name(of),
        on_select=maps.on_select(of),
        label=f"Prediction maps of {', '.join(model.called for model in shown)}",
    )


def _pair_colours(of: data.Comparison, shown: list[data.Model], pair: tuple[int, int]) -> colouring.Colouring:
    classes = [of.labels if of.labels is not None else model.predictions.predicted for model in shown]
    return colouring.highlighted(classes, tuple(dict.fromkeys(pair)), of.class_names, style.theme())
