"""Prediction map: teacher and students side by side, with figures on how reliable the maps are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from app import page_export, selection, state
from app.components import frame, maps, picture_feed, scatter, selection_bar, style, thumbs
from app.data import samples
from app.data.maps import MapView, map_view, simplex
from app.pages.prediction_map import controls, job
from app.plain import st
from bickd_core.comparing import measures
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.layout import Layout
from bickd_core.geometry.simplex import CORNERS
from bickd_core.maps.make import unmeasured
from bickd_viz import colouring
from bickd_viz.text import class_geometry as words
from bickd_viz.text import maps as map_text
from bickd_viz.text import numbers

MOST_IMAGES = 24


def show() -> None:
    comparison = frame.load_comparison()
    T = state.current().temperature
    student = frame.focused(comparison)
    _title(comparison, student, T)
    if comparison.students:
        student = frame.choose_student(comparison, "map-student")
    _linked(comparison, student, T)


@st.fragment
def _linked(comparison: Comparison, student: Model, T: float) -> None:
    """Draw controls, maps and images. A lasso redraws only these."""
    asked = controls.ask(comparison, student, T)
    if asked.method == "simplex":
        _triangle(comparison, student, T, asked)
    else:
        _maps(comparison, student, T, asked)
    picture_feed.put(comparison)
    selection_bar.show(comparison)
    state.show_in_url()


def _title(comparison: Comparison, student: Model, T: float) -> None:
    if not comparison.students:
        page_export.title(
            f"The teacher's predictions on {numbers.count(comparison.n)} {comparison.split}"
            f" {comparison.nouns}"
        )
        page_export.note(
            "Choose a student in the sidebar to see where it disagrees with the teacher."
        )
        return
    differs = comparison.teacher.predictions.predicted != student.predictions.predicted
    agreement = measures.summary(comparison, student, T).agreement
    page_export.title(
        f"{student.name} and the teacher disagree on {numbers.count(int(differs.sum()))} of "
        f"{numbers.count(comparison.n)} {comparison.nouns}"
    )
    where = ("where they disagree", "where they agree")
    means = zip(measures.displacement_by_agreement(comparison, student, T), where, strict=True)
    found = [
        f"{words.figure_with_interval('', mean)} {place}".strip() for mean, place in means if mean
    ]
    same = f"{words.same_class(agreement).capitalize()}. " if agreement else ""
    page_export.note(
        f"{same}Mean displacement: {', '.join(found)}.",
        "Displacement is the Hellinger distance between the two models' probabilities of a sample"
        f" at T = {T:g}. It is computed over all classes, not on the map. Intervals are at 95%,"
        f" over {numbers.count(comparison.n)} {comparison.split} {comparison.nouns}.",
    )


# -- maps
# -------------------------------------------------------------------------------------------------
def _maps(comparison: Comparison, student: Model, T: float, asked: controls.Asked) -> None:
    found = [map_view(comparison, model, asked.method) for model in comparison.models]
    missing = [model for model, view in zip(comparison.models, found, strict=True) if view is None]
    if missing:
        job.offer(comparison, asked.method, missing)
        return
    views = [view for view in found if view is not None]
    _draw(comparison, T, asked, [view.coordinates for view in views])
    st.caption(map_text.how_made(asked.method, bool(comparison.students)))
    _quality(comparison, asked.method, views)
    moved = _mean_move([view.coordinates for view in views])
    _limits(asked.method, moved)
    _images(comparison, student, T, asked)


def _draw(
    comparison: Comparison,
    T: float,
    asked: controls.Asked,
    coordinates: list[np.ndarray],
    *,
    limits: tuple[float, float, float, float] | None = None,
    background: scatter.Background | None = None,
) -> None:
    scatter.show(
        maps.panels(comparison, comparison.models, coordinates, T),
        comparison.teacher.predictions.ids,
        key="map-panels",
        theme=style.theme(),
        colouring=_colours(comparison, T, asked),
        class_names=comparison.class_names,
        labels=comparison.labels,
        selected=maps.selected(comparison),
        frame=limits,
        background=background,
        height=520,
        pictures=picture_feed.name(comparison),
        on_select=maps.on_select(comparison),
        label=(
            f"{map_text.METHODS[asked.method]} of {numbers.count(comparison.n)} samples in"
            f" {len(comparison.models)} models"
        ),
    )
    _with_selection(comparison, asked)


def _with_selection(comparison: Comparison, asked: controls.Asked) -> None:
    """Explain the colours while there is a selection."""
    chosen = selection.selected(comparison)
    if chosen is None or not len(chosen):
        return
    first = comparison.teacher.predictions.predicted[chosen.positions]
    differing = [
        (model.name, int((model.predictions.predicted[chosen.positions] != first).sum()))
        for model in comparison.students
    ]
    st.caption(map_text.with_selection(asked.colour, len(chosen), differing))


def _colours(comparison: Comparison, T: float, asked: controls.Asked) -> colouring.Colouring:
    theme, said = style.theme(), [model.predictions.predicted for model in comparison.models]
    true = said if comparison.labels is None else [comparison.labels] * len(said)
    match asked.colour:
        case "true":
            return colouring.by_class(true, comparison.class_names, theme)
        case "predicted":
            return colouring.by_class(said, comparison.class_names, theme)
        case "disagreement":
            return colouring.by_disagreement(said, said[0], theme)
        case "displacement":
            moved = [measures.displacement(comparison, model, T) for model in comparison.models]
            top = max(0.1, np.ceil(10 * max(float(values.max()) for values in moved)) / 10)
            moved[0] = np.full(comparison.n, np.nan)  # displacement is measured from the teacher
            return colouring.by_value(moved, f"displacement at T = {T:g}", float(top), theme)
    return colouring.highlighted(true, asked.classes, comparison.class_names, theme)


def _quality(comparison: Comparison, method: str, views: list[MapView]) -> None:
    rows = []
    for model, view in zip(comparison.models, views, strict=True):
        layout = view.layout
        rows.append(
            {
                "model": model.name,
                "trustworthiness": _figure(layout.trustworthiness),
                "continuity": _figure(layout.continuity),
                "moved by another seed": _moved_by_seed(layout),
                "duplicates": numbers.percent(layout.duplicate_fraction),
                "seed": "none" if layout.seed is None else str(layout.seed),
                "samples": f"{numbers.count(comparison.n)} of {numbers.count(layout.n)}",
            }
        )
    st.subheader("How reliable are these maps?")
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="map-quality")
    first = views[0].layout
    st.caption(
        "The best value of trustworthiness and continuity is 1.",
        help=map_text.quality_note(first.displaced_beyond, first.quality_n, first.n),
    )
    if any(unmeasured(view.layout) for view in views):
        job.measure(comparison, method)


def _moved_by_seed(layout: Layout) -> str:
    if layout.displaced_share is None:
        return "has no seed" if layout.seed is None else "not measured"
    return (
        f"{numbers.percent(layout.displaced_share)}"
        f" ({numbers.counted(layout.reseeds, 'other seed')})"
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _mean_move(coordinates: list[np.ndarray]) -> float | None:
    """Mean distance of a sample from its place on the teacher's map, in widths of that map."""
    first, *others = coordinates
    width = float(np.ptp(first, axis=0).max())
    if not others or not width:
        return None
    return float(np.mean([np.linalg.norm(xy - first, axis=1).mean() for xy in others])) / width


def _limits(method: str, moved: float | None = None) -> None:
    with st.expander("What this map cannot show", icon=":material/help:"):
        st.markdown(map_text.cannot_tell(method, moved))


# -- three classes
# ----------------------------------------------------------------------------------------
def _triangle(comparison: Comparison, student: Model, T: float, asked: controls.Asked) -> None:
    if len(asked.classes) != 3:
        st.info("Choose three classes for the corners of the triangle.")
        return
    found = [simplex(comparison, model, T, asked.classes) for model in comparison.models]
    shown = []
    for view in found:
        xy = view.coordinates.copy()
        xy[view.mass < asked.least] = np.nan
        shown.append(xy)
    corners = [tuple(corner) for corner in CORNERS]
    offsets = ((0.0, -0.06), (0.0, -0.06), (0.0, 0.06))
    labels = [
        (x + dx, y + dy, comparison.class_names[c])
        for (x, y), (dx, dy), c in zip(corners, offsets, asked.classes, strict=True)
    ]
    background = scatter.Background(lines=[[*corners, corners[0]]], labels=labels)
    _draw(comparison, T, asked, shown, limits=(-0.12, 1.12, -0.12, 0.99), background=background)
    theirs = (
        np.isin(comparison.labels, asked.classes)
        if comparison.labels is not None
        else np.zeros(comparison.n, dtype=bool)
    )
    st.caption(f"{map_text.how_made('simplex')} Probabilities are at T = {T:g}.")
    st.caption(
        map_text.simplex_note(
            [model.name for model in comparison.models],
            [1 - float(view.mass.mean()) for view in found],
            [
                1 - float(view.mass[theirs].mean()) if theirs.any() else float("nan")
                for view in found
            ],
            asked.least,
        )
    )
    _limits("simplex")
    _images(comparison, student, T, asked)


# -- images
# -----------------------------------------------------------------------------------------------
def _images(comparison: Comparison, student: Model, T: float, asked: controls.Asked) -> None:
    """Show images of the selection, else of the coloured classes, the most displaced first."""
    chosen = selection.selected(comparison)
    moved = measures.displacement(comparison, student, T)
    if chosen is not None and len(chosen):
        candidates, lead = chosen.positions, f"The selection: {chosen.title}"
    elif asked.classes and comparison.labels is not None:
        candidates = np.flatnonzero(np.isin(comparison.labels, asked.classes))
        lead = (
            f"{comparison.nouns.capitalize()} of"
            f" {', '.join(comparison.class_names[c] for c in asked.classes)}"
        )
    else:
        candidates = np.arange(comparison.n)
        lead = (
            f"The most displaced {comparison.nouns}"
            if comparison.students
            else f"The first {comparison.nouns}"
        )
    st.subheader(lead)
    positions = candidates[np.argsort(-moved[candidates], kind="stable")][:MOST_IMAGES]
    who = (
        f"the top-1 classes of the teacher | {student.name}"
        if comparison.students
        else "the teacher's top-1 class"
    )
    said = (
        f"{numbers.count(len(positions))} of"
        f" {numbers.counted(len(candidates), comparison.noun)}"
        f"{', the most displaced first' if comparison.students else ''}."
        f" Under each: its true class, then {who}."
    )
    st.caption(said)
    with st.container(key="map-images"):
        report = thumbs.InReport("map-images", lead, said)
        thumbs.show(
            comparison,
            positions,
            thumbs.who_says_what(comparison, student, positions),
            report=report,
        )
    st.caption(samples.image_credit(comparison))
