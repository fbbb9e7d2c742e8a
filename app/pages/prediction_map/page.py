"""Prediction map: teacher and students side by side, with figures on how reliable the maps are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from app import page_export, selection, state
from app.components import frame, maps, picture_feed, selection_bar, style, thumbs
from app.data import samples
from app.data.maps import MapView, map_view, simplex
from app.pages.prediction_map import controls, job
from app.plain import st
from bickd_core.comparing import measures
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.maps import pca_map
from bickd_core.geometry.layout import Layout
from bickd_core.geometry.simplex import CORNERS
from bickd_core.maps.make import unmeasured
from bickd_viz import colouring
from bickd_viz.charts.map_scene import Background
from bickd_viz.frames import Frame
from bickd_viz.text import class_geometry, numbers
from bickd_viz.text import maps as map_text

MOST_IMAGES = 24


def show() -> None:
    comparison = frame.load_comparison()
    if comparison is None:
        return
    T = state.current().temperature
    student = frame.focused(comparison)
    _title(comparison, student, T)
    if comparison.students:
        student = frame.choose_student(comparison, "map-student")
    _linked(comparison, student, T)


@frame.linked
def _linked(comparison: Comparison, student: Model, T: float) -> None:
    """Draw controls, maps and images. A lasso redraws only these."""
    choices = controls.show(comparison, student, T)
    if choices.method == "simplex":
        _triangle(comparison, student, T, choices)
    else:
        _maps(comparison, student, T, choices)
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
    displacements = [
        f"{class_geometry.figure_with_interval('', mean)} {place}".strip()
        for mean, place in means
        if mean
    ]
    same = f"{class_geometry.same_class(agreement).capitalize()}. " if agreement else ""
    page_export.note(
        f"{same}Mean displacement: {', '.join(displacements)}.",
        "Displacement is the Hellinger distance between the two models' probabilities of a sample"
        f" at T = {T:g}. It is computed over all classes, not on the map. Intervals are at 95%,"
        f" over {numbers.count(comparison.n)} {comparison.split} {comparison.nouns}.",
    )


# -- maps
# -------------------------------------------------------------------------------------------------
def _maps(comparison: Comparison, student: Model, T: float, choices: controls.Choices) -> None:
    stored = [map_view(comparison, model, choices.method) for model in comparison.models]
    missing = [model for model, view in zip(comparison.models, stored, strict=True) if view is None]
    if missing:
        job.offer(comparison, choices.method, missing)
        quick = [pca_map(comparison, model) for model in comparison.models]
        st.caption(f"Below is a PCA instead. {map_text.layout_sentence('pca')}")
        _draw(comparison, T, replace(choices, method="pca"), quick)
        _images(comparison, student, T, choices)
        return
    views = [view for view in stored if view is not None]
    coordinates = [view.coordinates for view in views]
    _draw(comparison, T, choices, coordinates)
    st.caption(map_text.layout_sentence(choices.method, bool(comparison.students)))
    _quality(comparison, choices.method, views)
    _limits(choices.method, _mean_move(coordinates))
    _images(comparison, student, T, choices)


def _draw(
    comparison: Comparison,
    T: float,
    choices: controls.Choices,
    coordinates: list[np.ndarray],
    *,
    area: Frame | None = None,
    background: Background | None = None,
) -> None:
    scene = maps.scene(
        comparison,
        list(zip(comparison.models, coordinates, strict=True)),
        _colours(comparison, T, choices),
        title=(
            f"{map_text.METHODS[choices.method]} of {numbers.count(comparison.n)} samples in"
            f" {len(comparison.models)} models"
        ),
        T=T,
    )
    scene = replace(scene, frame=area, background=background or Background())
    maps.show(comparison, scene, key="map-panels", height=520)
    _with_selection(comparison, choices)


def _with_selection(comparison: Comparison, choices: controls.Choices) -> None:
    """Explain the colours while there is a selection."""
    chosen = selection.selected(comparison)
    if chosen is None or not len(chosen):
        return
    first = comparison.teacher.predictions.predicted[chosen.positions]
    differing = [
        (model.name, int((model.predictions.predicted[chosen.positions] != first).sum()))
        for model in comparison.students
    ]
    st.caption(map_text.with_selection(choices.colour, len(chosen), differing))


def _colours(comparison: Comparison, T: float, choices: controls.Choices) -> colouring.Colouring:
    theme, names = style.theme(), comparison.class_names
    predicted = [model.predictions.predicted for model in comparison.models]
    true = predicted if comparison.labels is None else [comparison.labels] * len(predicted)
    match choices.colour:
        case "true":
            return colouring.by_class(true, names, theme)
        case "predicted":
            return colouring.by_class(predicted, names, theme)
        case "disagreement":
            return colouring.by_disagreement(predicted, predicted[0], theme)
        case "displacement":
            moved = [measures.displacement(comparison, model, T) for model in comparison.models]
            top = max(0.1, np.ceil(10 * max(float(values.max()) for values in moved)) / 10)
            moved[0] = np.full(comparison.n, np.nan)  # displacement is measured from the teacher
            return colouring.by_value(moved, f"displacement at T = {T:g}", float(top), theme)
    return colouring.highlighted(true, choices.classes, names, theme)


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
def _triangle(comparison: Comparison, student: Model, T: float, choices: controls.Choices) -> None:
    if len(choices.classes) != 3:
        st.info("Choose three classes for the corners of the triangle.")
        return
    views = [simplex(comparison, model, T, choices.classes) for model in comparison.models]
    coordinates = []
    for view in views:
        xy = view.coordinates.copy()
        xy[view.mass < choices.least] = np.nan
        coordinates.append(xy)
    corners = [tuple(corner) for corner in CORNERS]
    offsets = ((0.0, -0.06), (0.0, -0.06), (0.0, 0.06))
    labels = [
        (x + dx, y + dy, comparison.class_names[c])
        for (x, y), (dx, dy), c in zip(corners, offsets, choices.classes, strict=True)
    ]
    background = Background(lines=[[*corners, corners[0]]], labels=labels)
    area = (-0.12, 1.12, -0.12, 0.99)
    _draw(comparison, T, choices, coordinates, area=area, background=background)
    of_corners = (
        np.isin(comparison.labels, choices.classes)
        if comparison.labels is not None
        else np.zeros(comparison.n, dtype=bool)
    )
    st.caption(f"{map_text.layout_sentence('simplex')} Probabilities are at T = {T:g}.")
    st.caption(
        map_text.simplex_note(
            [model.name for model in comparison.models],
            [1 - float(view.mass.mean()) for view in views],
            [
                1 - float(view.mass[of_corners].mean()) if of_corners.any() else float("nan")
                for view in views
            ],
            choices.least,
        )
    )
    _limits("simplex")
    _images(comparison, student, T, choices)


# -- images
# -----------------------------------------------------------------------------------------------
def _images(comparison: Comparison, student: Model, T: float, choices: controls.Choices) -> None:
    """Show images of the selection, else of the coloured classes, the most displaced first."""
    chosen = selection.selected(comparison)
    moved = measures.displacement(comparison, student, T)
    if chosen is not None and len(chosen):
        candidates, lead = chosen.positions, f"The selection: {chosen.title}"
    elif choices.classes and comparison.labels is not None:
        candidates = np.flatnonzero(np.isin(comparison.labels, choices.classes))
        lead = (
            f"{comparison.nouns.capitalize()} of"
            f" {', '.join(comparison.class_names[c] for c in choices.classes)}"
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
    predictions = (
        f"the top-1 classes of the teacher | {student.name}"
        if comparison.students
        else "the teacher's top-1 class"
    )
    caption = (
        f"{numbers.count(len(positions))} of"
        f" {numbers.counted(len(candidates), comparison.noun)}"
        f"{', the most displaced first' if comparison.students else ''}."
        f" Under each: {thumbs.true_class_words(comparison)}, then {predictions}."
    )
    st.caption(caption)
    with st.container(key="map-images"):
        report = thumbs.InReport("map-images", lead, caption)
        thumbs.show(
            comparison,
            positions,
            thumbs.teacher_and_student(comparison, student, positions),
            report=report,
        )
    st.caption(samples.image_credit(comparison))
