"""One sample: its image, every model's prediction, its nearest neighbours, and its position on the
maps."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from html import escape
from typing import Any

import numpy as np

from app import selection, state
from app.components import export_menu, frame, maps, picture_feed, selection_bar, style, thumbs
from app.data import samples
from app.data.maps import map_view
from app.plain import st
from bickd_core.comparing import calibration, measures
from bickd_core.comparing.comparison import Comparison
from bickd_viz import colouring, tables
from bickd_viz.charts.paired import paired_bars, paired_html
from bickd_viz.text import numbers
from bickd_viz.text.calibration import sample_title

NEIGHBOURS = 9


def show() -> None:
    comparison = frame.load_comparison(_first_of_class)
    if comparison is None:
        return
    T = state.current().temperature
    around, where = _around(comparison)
    position = _position(comparison, around)
    if position is None:
        _not_here(comparison, around)
        return
    _way(comparison, position, around, where)
    _title(comparison, position)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _image(comparison, position)
    with right, st.container(border=True):
        _bars(comparison, position, T)
    _neighbours(comparison, position, T)
    _place(comparison, position, T)
    picture_feed.put(comparison)
    selection_bar.show(comparison)


def _around(comparison: Comparison) -> tuple[np.ndarray, str]:
    """The samples that Previous and Next go through, and their description."""
    chosen = selection.selected(comparison)
    if chosen is not None and len(chosen):
        return chosen.positions, f"in the selection: {chosen.title}"
    return np.arange(comparison.n), f"in {comparison.split}"


def _position(comparison: Comparison, around: np.ndarray) -> int | None:
    """Row of the sample in the link, or of the first one if the link names none; None if it is not
    in the comparison."""
    wanted = state.current().sample
    if not wanted:
        return int(around[0])
    rows = np.flatnonzero(comparison.teacher.predictions.ids.astype(str) == wanted)
    return int(rows[0]) if len(rows) else None


def _not_here(comparison: Comparison, around: np.ndarray) -> None:
    st.title("This sample is not in the comparison")
    st.info(
        f"Sample {state.current().sample[:40]} is not among the"
        f" {numbers.counted(comparison.n, 'sample')} that these models share"
        f" ({comparison.data_title}, {comparison.split}). Choose the other split or other runs in"
        " the sidebar."
    )
    st.button(
        "Show the first sample", key="sample-first", on_click=_go, args=(comparison, int(around[0]))
    )


def _go(comparison: Comparison, position: int) -> None:
    state.update(sample=str(comparison.teacher.predictions.ids[position]))


def _first_of_class(comparison: Comparison, c: int) -> None:
    """Go to the first sample of a class that was found in the sidebar."""
    if comparison.labels is not None:
        rows = np.flatnonzero(comparison.labels == c)
        if len(rows):
            _go(comparison, int(rows[0]))


def _open(now: str, ids: list[Any]) -> None:
    """Open the sample that was added to the selection, which was the sample `now` alone."""
    if added := [str(id) for id in ids if str(id) != now]:
        state.update(sample=added[0])


def _way(comparison: Comparison, position: int, around: np.ndarray, where: str) -> None:
    """Show Previous and Next, through the selection or through all samples."""
    at = np.flatnonzero(around == position)
    place = int(at[0]) if len(at) else None
    before = around[place - 1] if place else None
    after = (
        around[(place + 1 if place is not None else 0)]
        if place is None or place + 1 < len(around)
        else None
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="sample-way"):
        for key, icon, label, other in (
            ("previous", ":material/chevron_left:", "Previous", before),
            ("next", ":material/chevron_right:", "Next", after),
        ):
            st.button(
                label,
                key=f"sample-{key}",
                icon=icon,
                disabled=other is None,
                on_click=_go,
                args=(comparison, 0 if other is None else int(other)),
            )
        stands = (
            f"This {comparison.noun} is not {where}"
            if place is None
            else (
                f"{comparison.noun.capitalize()} {numbers.count(place + 1)} of"
                f" {numbers.count(len(around))} {where}"
            )
        )
        st.caption(f"{stands}. Its id is {comparison.teacher.predictions.ids[position]}.")


def _title(comparison: Comparison, position: int) -> None:
    true = (
        None if comparison.labels is None else comparison.class_names[comparison.labels[position]]
    )
    predictions = [
        (model.called, comparison.class_names[model.predictions.predicted[position]])
        for model in comparison.models
    ]
    st.title(sample_title(true, predictions))


def _image(comparison: Comparison, position: int) -> None:
    id = comparison.teacher.predictions.ids[position].item()
    pictures = samples.thumbnails(comparison)
    if text := pictures.texts.get(id):
        with st.container(border=True, key="sample-text"):
            st.text(text)
    if uri := pictures.data_uri(id):
        name = thumbs.true_class(comparison, position)
        st.html(f'<div class="bk-large"><img src="{uri}" alt="{escape(name)}" width="320"></div>')
    elif not text:
        st.info(pictures.reason or f"There is no {comparison.noun} of this sample.")
    source = (
        comparison.data_title
        if comparison.labels is None
        else f"{comparison.class_names[comparison.labels[position]]} in {comparison.data_title}"
    )
    st.caption(
        f"Id {id}, {source}, {comparison.split}. {samples.image_credit(comparison)}",
        help=comparison.data_path,
    )


def _bars(comparison: Comparison, position: int, T: float) -> None:
    style.card_title(
        "Predictions of each model",
        f"Each model's most probable classes at T = {T:g}."
        + (" The true class is bold." if comparison.labels is not None else ""),
    )
    looks = style.styles(comparison)
    models = [
        (looks[model.key], measures.probabilities_at(model, np.array([position]), T)[0])
        for model in comparison.models
    ]
    true = None if comparison.labels is None else int(comparison.labels[position])
    names, theme = comparison.class_names, style.theme()
    st.html(paired_html(models, names, top=5, most=6, true_class=true, theme=theme, legend=True))
    export_menu.offer(
        "sample-bars",
        f"Predictions of each model for sample {comparison.teacher.predictions.ids[position]}",
        lambda: paired_bars(models, names, most=6, true_class=true, theme=theme),
        lambda: tables.classes_table(models, names),
    )
    if len(comparison.models) > 1:
        moved = [
            f"{m.name} {measures.displacement(comparison, m, T)[position]:.2f}"
            for m in comparison.students
        ]
        st.caption(
            f"Displacement from the teacher (Hellinger distance, 0 to 1): {', '.join(moved)}."
        )


def _neighbours(comparison: Comparison, position: int, T: float) -> None:
    st.subheader("Nearest neighbours in each model")
    st.caption(
        f"{comparison.nouns.capitalize()} with the most similar predictions at T = {T:g}. Under"
        f" each: {thumbs.true_class_words(comparison)}, then the Hellinger distance.",
        help=(
            f"The distance is computed over all {len(comparison.class_names)} classes, not on a"
            " map."
        ),
    )
    looks = style.styles(comparison)
    for model in comparison.models:
        positions, distances = calibration.neighbours(comparison, model, position, T, NEIGHBOURS)
        with st.container(border=True, key=f"sample-near-{model.key.replace('/', '-')}"):
            style.model_title(looks[model.key], _company(comparison, position, positions))
            captions = [
                (thumbs.true_class(comparison, p), f"{d:.3f}")
                for p, d in zip(positions, distances, strict=True)
            ]
            thumbs.show(comparison, positions, captions, one_row=True, say_why=False)


def _company(comparison: Comparison, position: int, positions: np.ndarray) -> str:
    if comparison.labels is None or not len(positions):
        return ""
    same = int((comparison.labels[positions] == comparison.labels[position]).sum())
    return f"{same} of {len(positions)} have its class"


def _place(comparison: Comparison, position: int, T: float) -> None:
    views = [(model, map_view(comparison, model, "umap")) for model in comparison.models]
    shown = [(model, view.coordinates) for model, view in views if view is not None]
    if not shown:
        return
    st.subheader("Position on the maps")
    scene = maps.scene(
        comparison,
        shown,
        _colours(comparison, position, len(shown)),
        title="Position of this sample on each map; click a point to open that sample",
        T=T,
    )
    scene = replace(scene, selected=np.array([position]))
    shown_id = str(comparison.teacher.predictions.ids[position])
    maps.show(comparison, scene, key="sample-maps", height=340, on_select=partial(_open, shown_id))
    st.caption(
        f"Click a point to open its {comparison.noun}. Maps distort distances, so rely on the"
        " neighbours above.",
        help="UMAP at T = 4.",
    )


def _colours(comparison: Comparison, position: int, count: int) -> colouring.Colouring:
    if comparison.labels is None:
        return colouring.quiet(count, comparison.n)
    label = int(comparison.labels[position])
    return colouring.highlighted(
        [comparison.labels] * count, (label,), comparison.class_names, style.theme()
    )
