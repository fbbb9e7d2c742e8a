"""One sample: its image, every model's prediction, its nearest neighbours, and its position on the maps."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from app import data, selection, state
from app.components import chart, frame, maps, picture_feed, scatter, selection_bar, style, thumbs
from app.plain import st
from bickd_viz import colouring, tables
from bickd_viz.charts import paired_bars
from bickd_viz.text import numbers
from bickd_viz.text.calibration import sample_title

NEIGHBOURS = 9


def show() -> None:
    of = frame.load_comparison()
    T = state.current().temperature
    around, where = _around(of)
    position = _position(of, around)
    if position is None:
        _not_here(of, around)
        return
    _way(of, position, around, where)
    _title(of, position)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        _image(of, position)
    with right, st.container(border=True):
        _bars(of, position, T)
    _neighbours(of, position, T)
    _place(of, position, T)
    picture_feed.put(of)
    selection_bar.show(of)


def _around(of: data.Comparison) -> tuple[np.ndarray, str]:
    """The samples that Previous and Next go through, and their description."""
    chosen = selection.selected(of)
    if chosen is not None and len(chosen):
        return chosen.positions, f"in the selection: {chosen.title}"
    return np.arange(of.n), f"in {of.split}"


def _position(of: data.Comparison, around: np.ndarray) -> int | None:
    """Row of the sample in the link, or of the first one if the link names none; None if it is not in the comparison."""
    wanted = state.current().sample
    if not wanted:
        return int(around[0])
    found = np.flatnonzero(of.teacher.predictions.ids.astype(str) == wanted)
    return int(found[0]) if len(found) else None


def _not_here(of: data.Comparison, around: np.ndarray) -> None:
    st.title("This sample is not in the comparison")
    st.info(
        f"Sample {state.current().sample[:40]} is not among the {numbers.counted(of.n, 'sample')} that these models share "
        f"({of.data_title}, {of.split}). Choose the other split or other runs in the sidebar."
    )
    st.button("Show the first sample", key="sample-first", on_click=_go, args=(of, int(around[0])))


def _go(of: data.Comparison, position: int) -> None:
    state.update(sample=str(of.teacher.predictions.ids[position]))


def _open(ids: list[Any]) -> None:
    if ids:
        state.update(sample=str(ids[0]))


def _way(of: data.Comparison, position: int, around: np.ndarray, where: str) -> None:
    """Show Previous and Next, through the selection or through all samples."""
    at = np.flatnonzero(around == position)
    place = int(at[0]) if len(at) else None
    before = around[place - 1] if place else None
    after = (
        around[(place + 1 if place is not None else 0)] if place is None or place + 1 < len(around) else None
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
                args=(of, 0 if other is None else int(other)),
            )
        stands = (
            f"This {of.noun} is not {where}"
            if place is None
            else f"{of.noun.capitalize()} {numbers.count(place + 1)} of {numbers.count(len(around))} {where}"
        )
        st.caption(f"{stands}. Its id is {of.teacher.predictions.ids[position]}.")


def _title(of: data.Comparison, position: int) -> None:
    true = None if of.labels is None else of.class_names[of.labels[position]]
    said = [(model.called, of.class_names[model.predictions.predicted[position]]) for model in of.models]
    st.title(sample_title(true, said))


def _image(of: data.Comparison, position: int) -> None:
    id = of.teacher.predictions.ids[position].item()
    pictures = data.thumbnails(of)
    if words := pictures.texts.get(id):
        with st.container(border=True, key="sample-text"):
            st.text(words)
    if uri := pictures.data_uri(id):
        name = thumbs.true_class(of, position)
        st.html(f'<div class="bk-large"><img src="{uri}" alt="{escape(name)}" width="320"></div>')
    elif not words:
        st.info(pictures.reason or f"There is no {of.noun} of this sample.")
    said = of.data_title if of.labels is None else f"{of.class_names[of.labels[position]]} in {of.data_title}"
    st.caption(f"Id {id}, {said}, {of.split}. {data.image_credit(of)}", help=of.data_path)


def _bars(of: data.Comparison, position: int, T: float) -> None:
    style.card_title(
        "Predictions of each model",
        f"Each model's most probable classes at T = {T:g}."
        + (" The true class is bold." if of.labels is not None else ""),
    )
    looks = style.styles(of)
    models = [(looks[model.key], data.probabilities(of, model, T)[position]) for model in of.models]
    true = None if of.labels is None else int(of.labels[position])
    drawn = paired_bars(models, of.class_names, most=6, true_class=true, theme=style.theme())
    take = chart.Take(
        f"Predictions of each model for sample {of.teacher.predictions.ids[position]}",
        lambda: tables.classes_table(models, of.class_names),
    )
    chart.show(drawn, "sample-bars", take=take)
    if len(of.models) > 1:
        moved = [f"{m.name} {data.displacement(of, m, T)[position]:.2f}" for m in of.students]
        st.caption(f"Displacement from the teacher (Hellinger distance, 0 to 1): {', '.join(moved)}.")


def _neighbours(of: data.Comparison, position: int, T: float) -> None:
    st.subheader("Nearest neighbours in each model")
    st.caption(
        f"{of.nouns.capitalize()} with the most similar predictions at T = {T:g}. Under each: its true class, then the "
        "Hellinger distance.",
        help=f"The distance is computed over all {len(of.class_names)} classes, not on a map.",
    )
    looks = style.styles(of)
    for model in of.models:
        positions, distances = data.neighbours(of, model, position, T, NEIGHBOURS)
        with st.container(border=True, key=f"sample-near-{model.key.replace('/', '-')}"):
            style.model_title(looks[model.key], _company(of, position, positions))
            captions = [
                (thumbs.true_class(of, p), f"{d:.3f}") for p, d in zip(positions, distances, strict=True)
            ]
            thumbs.show(of, positions, captions, one_row=True, say_why=False)


def _company(of: data.Comparison, position: int, positions: np.ndarray) -> str:
    if of.labels is None or not len(positions):
        return ""
    same = int((of.labels[positions] == of.labels[position]).sum())
    return f"{same} of {len(positions)} have its class"


def _place(of: data.Comparison, position: int, T: float) -> None:
    found = [(model, data.map_view(of, model, "umap")) for model in of.models]
    shown = [(model, view) for model, view in found if view is not None]
    if not shown:
        return
    st.subheader("Position on the maps")
    models = [model for model, _ in shown]
    scatter.show(
        maps.panels(of, models, [view.coordinates for _, view in shown], T),
        of.teacher.predictions.ids,
        key="sample-maps",
        theme=style.theme(),
        colouring=_colours(of, position, len(models)),
        class_names=of.class_names,
        labels=of.labels,
        selected=np.array([position]),
        height=340,
        pictures=picture_feed.name(of),
        on_select=_open,
        label="Position of this sample on each map; click a point to open that sample",
    )
    st.caption(
        f"Click a point to open its {of.noun}. Maps distort distances, so rely on the neighbours above.",
        help="UMAP at T = 4.",
    )


def _colours(of: data.Comparison, position: int, count: int) -> colouring.Colouring:
    if of.labels is None:
        return colouring.quiet(count, of.n)
    own = (int(of.labels[position]),)
    return colouring.highlighted([of.labels] * count, own, of.class_names, style.theme())
