"""Class-by-class matrices: Gram, cross Gram, their difference, confusion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import short, text_width, tick_text
from bickd_viz.theme import LIGHT, TEXT_SIZE, Theme, colour_bar, layout_defaults

MAX_CLICKABLE = 200  # classes; beyond that the matrix is shown by groups
MAX_LABELLED = 20  # classes whose names fit along an axis
MAX_ANNOTATED = 12  # classes whose values fit into the cells
SCALE_ROOM = 60  # px under the matrix for its colour bar


def pair_code(row: int, column: int, num_classes: int) -> int:
    """The customdata of a cell: `row * num_classes + column`, in original class indices."""
    return row * num_classes + column


def pair_from_code(code: int, num_classes: int) -> tuple[int, int]:
    """The original class indices (row, column) of a clicked cell's customdata."""
    if not 0 <= code < num_classes * num_classes:
        raise ValueError(f"code must lie in [0, {num_classes * num_classes}), got {code}.")
    return divmod(int(code), num_classes)


def _checked(matrix, class_names: Sequence[str], order) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(matrix, dtype=np.float32)
    count = len(class_names)
    if values.shape != (count, count):
        raise ValueError(f"matrix must be {count} x {count} like class_names, got shape {values.shape}.")
    order = np.arange(count) if order is None else np.asarray(order, dtype=np.int64)
    if not np.array_equal(np.sort(order), np.arange(count)):
        raise ValueError(f"order must hold each class index 0 to {count - 1} once, got {order.tolist()}.")
    return values, order


def _grouped(values: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Means over blocks of neighbouring classes, at most MAX_CLICKABLE per side."""
    edges = np.linspace(0, len(names), MAX_CLICKABLE + 1).round().astype(int)[:-1]
    ends = np.append(edges[1:], len(names))
    sizes = ends - edges
    sums = np.add.reduceat(np.add.reduceat(np.nan_to_num(values), edges, axis=0), edges, axis=1)
    labels = [
        names[a] if b - a == 1 else f"{names[a]} to {names[b - 1]} ({b - a})"
        for a, b in zip(edges, ends, strict=True)
    ]
    return (sums / np.outer(sizes, sizes)).astype(np.float32), labels


def _cell_text(value: float) -> str:
    if not np.isfinite(value):
        return ""
    text = f"{value:.2f}".replace("-", "−")
    if text in ("0.00", "−0.00"):
        return "0"
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else text.removesuffix(".00")


def matrix_figure(
    matrix: np.ndarray,
    class_names: Sequence[str],
    *,
    order: Sequence[int] | np.ndarray | None = None,
    zmin: float = 0.0,
    zmax: float = 1.0,
    scale: str = "sequential",
    theme: Theme = LIGHT,
    x_title: str = "",
    y_title: str = "",
    value_name: str = "cosine",
    selected: tuple[int, int] | None = None,
    blocks: Sequence[tuple[str, int]] = (),
    clickable: bool = True,
    show_scale: bool = True,
    keep_room: bool = True,
    height: int = 360,
    width: int = 340,
    empty: str | None = None,
) -> go.Figure:
    """A square heat map of a matrix, with rows downwards.

    The hover names both classes and the value. Values are written in the cells for up to 12 classes, class names along the
    axes for up to 20. Dragging zooms, a double click resets. For more than 200 classes, the figure shows means over groups of
    neighbouring classes, the hover names the groups, and nothing is clickable.

    Streamlit reports no clicks on a heat map. So an invisible square covers each cell. Its 1-D customdata is
    `pair_code(row, column, C)` in original class indices. The payload is float32 and small integers.

    Args:
        matrix: [C, C].
        class_names: [C].
        order: Class indices in the order shown, for rows and columns.
        zmin: Low end of the colour scale. Use the same ends for all matrices that are compared.
        zmax: High end of the colour scale.
        scale: "sequential" or "diverging".
        theme: Colours.
        x_title: Title of the columns.
        y_title: Title of the rows.
        value_name: What a value is.
        selected: The outlined pair (row, column), in original class indices.
        blocks: Groups of neighbouring classes: (name, number of classes) in the order shown, with thin lines between them.
            Ignored for more than 200 classes.
        clickable: Whether cells report clicks.
        show_scale: Draw the colour bar.
        keep_room: Keep the room of a hidden colour bar, so that neighbouring matrices have the same size.
        height: In px.
        width: Expected width in px. It decides whether values fit into the cells.
        empty: A sentence to show instead of the matrix.
    """
    if scale not in ("sequential", "diverging"):
        raise ValueError(f'scale must be "sequential" or "diverging", got {scale!r}.')
    fig = go.Figure()
    if empty is not None:
        return _empty(fig, empty, theme, height)
    values, places = _checked(matrix, class_names, order)
    count = len(class_names)
    shown = values[np.ix_(places, places)]
    names = [str(class_names[i]) for i in places]
    codes = places[:, None] * count + places[None, :]
    if count > MAX_CLICKABLE:
        shown, names = _grouped(shown, names)
        clickable, selected, blocks = False, None, ()
    # Few classes: whole names in the hover, as the axes may cut them. Many: the axes carry the names.
    pairs = None
    if count <= MAX_LABELLED:
        escaped = [plotly_text(name) for name in names]
        pairs = [[f"<b>{row}</b> × <b>{column}</b>" for column in escaped] for row in escaped]
    who = "<b>%{y}</b> × <b>%{x}</b>" if pairs is None else "%{hovertext}"
    hover = f"{who}<br>{plotly_text(value_name)} %{{VALUE:.3f}}<extra></extra>"

    layout_defaults(fig, theme, height=height, top=6, dragmode="zoom")
    colours = [list(stop) for stop in getattr(theme, scale)]
    fig.add_trace(
        go.Heatmap(
            z=shown,
            zmin=zmin,
            zmax=zmax,
            colorscale=colours,
            showscale=show_scale,
            colorbar=_scale(theme, value_name, zmin, zmax) if show_scale else None,
            hoverinfo="skip" if clickable else None,
            hovertemplate=None if clickable else hover.replace("VALUE", "z"),
            hovertext=None if clickable else pairs,
        )
    )
    if clickable:
        overlay = _overlay(shown, codes, hover.replace("VALUE", "marker.color"), height)
        if pairs is not None:
            overlay.hovertext = [pair for line in pairs for pair in line]
        fig.add_trace(overlay)
    _axes(fig, names, x_title, y_title, height, SCALE_ROOM if show_scale or keep_room else 6)
    _part(fig, blocks, theme, named=count > MAX_LABELLED)
    if count <= MAX_ANNOTATED:
        _annotate(fig, shown, height, width)
    if selected is not None:
        _outline(fig, selected, places, theme)
    return fig


def _scale(theme: Theme, value_name: str, zmin: float, zmax: float) -> dict:
    """The colour bar with labels only at its ends, as on the page: other labels would overlap its name."""
    ends = [zmin, zmax]
    return colour_bar(theme, value_name) | dict(
        nticks=None, tickvals=ends, ticktext=tick_text(ends, "number")
    )


def _annotate(fig: go.Figure, shown: np.ndarray, height: int, width: int) -> None:
    """Write values in the cells, if the longest fits at a readable size."""
    margin = fig.layout.margin
    side = min(height - margin.t - margin.b, width - margin.l - margin.r)
    text = [[_cell_text(v) for v in line] for line in shown]
    longest = max(text_width(value, TEXT_SIZE) for line in text for value in line)
    if longest <= side / len(shown) + 1:
        fig.data[0].update(text=text, texttemplate="%{text}", textfont=dict(size=TEXT_SIZE))


def _overlay(shown: np.ndarray, codes: np.ndarray, hover: str, height: int) -> go.Scatter | go.Scattergl:
    count = len(shown)
    kind = go.Scattergl if shown.size > 1000 else go.Scatter
    small = np.uint8 if count <= 255 else np.uint16
    y, x = np.divmod(np.arange(shown.size), count)
    gone = dict(marker=dict(opacity=0))
    return kind(
        x=x.astype(small),
        y=y.astype(small),
        mode="markers",
        customdata=codes.ravel().astype(np.uint16 if count <= 255 else np.uint32),
        marker=dict(
            symbol="square",
            size=max(3, round(0.8 * height / count)),
            opacity=0,
            color=shown.ravel(),
            line=dict(width=0),
        ),
        selected=gone,
        unselected=gone,
        hovertemplate=hover,
        showlegend=False,
    )


def _axes(fig: go.Figure, names: list[str], x_title: str, y_title: str, height: int, bottom: int) -> None:
    count = len(names)
    labelled = count <= MAX_LABELLED
    labels = [short(name, 13) for name in names] if labelled else names
    room = max(text_width(label, TEXT_SIZE) for label in labels) if labelled else 0
    common = dict(
        tickmode="array",
        tickvals=list(range(count)),
        ticktext=[plotly_text(label) for label in labels],
        showticklabels=labelled,
        constrain="domain",
    )
    fig.update_xaxes(range=[-0.5, count - 0.5], side="top", tickangle=-90 if labelled else 0, **common)
    fig.update_yaxes(
        range=[count - 0.5, -0.5], scaleanchor="x", scaleratio=1, constraintoward="bottom", **common
    )
    fig.update_xaxes(title=dict(text=plotly_text(x_title), standoff=4))
    fig.update_yaxes(title=dict(text=plotly_text(y_title), standoff=4))
    left = 6 + room + (20 if y_title else 0)
    top = 6 + room + (20 if x_title else 0)
    fig.update_layout(margin=dict(l=left, t=top, r=6, b=bottom))


def _part(fig: go.Figure, blocks: Sequence[tuple[str, int]], theme: Theme, *, named: bool) -> None:
    """Draw thin lines between blocks, and their names beside the rows if the class names are not shown."""
    ends = np.cumsum([count for _, count in blocks])
    for end in ends[:-1]:
        for at in ({"x0": -0.5, "x1": ends[-1] - 0.5, "y0": end - 0.5, "y1": end - 0.5},
                   {"y0": -0.5, "y1": ends[-1] - 0.5, "x0": end - 0.5, "x1": end - 0.5}):  # fmt: skip
            fig.add_shape(type="line", line=dict(color=theme.text, width=1), opacity=0.35, **at)
    if not named or not blocks:
        return
    labels = [short(name, 16) for name, _ in blocks]
    for label, end, (_, count) in zip(labels, ends, blocks, strict=True):
        fig.add_annotation(
            x=-0.5, y=end - count / 2 - 0.5, text=plotly_text(label), showarrow=False, xanchor="right", xshift=-4,
            font=dict(size=TEXT_SIZE, color=theme.text),
        )  # fmt: skip
    room = max(text_width(label, TEXT_SIZE) for label in labels) + 6
    fig.update_layout(margin=dict(l=fig.layout.margin.l + room))


def _outline(fig: go.Figure, pair: tuple[int, int], order: np.ndarray, theme: Theme) -> None:
    """Draw a box around the selected cell, enlarged if cells are too small to see."""
    place = np.argsort(order)
    row, column = int(place[pair[0]]), int(place[pair[1]])
    half = max(0.5, len(order) / 50)
    fig.add_shape(
        type="rect",
        x0=column - half,
        x1=column + half,
        y0=row - half,
        y1=row + half,
        line=dict(color=theme.accent, width=2),
        fillcolor="rgba(0,0,0,0)",
    )


def _empty(fig: go.Figure, sentence: str, theme: Theme, height: int) -> go.Figure:
    layout_defaults(fig, theme, height=height)
    fig.update_xaxes(visible=False)
    fig.update_yaxes(visible=False)
    fig.add_annotation(
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
        text=sentence,
        showarrow=False,
        font=dict(size=TEXT_SIZE + 1, color=theme.muted),
    )
    return fig
