"""Class-by-class matrices: Gram, cross Gram, their difference, confusion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import short, text_width, tick_text
from bickd_viz.theme import LIGHT, TEXT_SIZE, Theme, colour_bar, layout_defaults

MAX_CELLS = 200  # classes; beyond that the matrix is shown by groups
MAX_LABELLED = 20  # classes whose names fit along an axis
MAX_ANNOTATED = 12  # classes whose values fit into the cells
SCALE_ROOM = 60  # px under the matrix for its colour bar


def _checked(matrix, class_names: Sequence[str], order) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(matrix, dtype=np.float32)
    count = len(class_names)
    if values.shape != (count, count):
        raise ValueError(
            f"matrix must be {count} x {count} like class_names, got shape {values.shape}."
        )
    order = np.arange(count) if order is None else np.asarray(order, dtype=np.int64)
    if not np.array_equal(np.sort(order), np.arange(count)):
        raise ValueError(
            f"order must hold each class index 0 to {count - 1} once, got {order.tolist()}."
        )
    return values, order


def _grouped(values: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Means over blocks of neighbouring classes, at most MAX_CELLS per side."""
    edges = np.linspace(0, len(names), MAX_CELLS + 1).round().astype(int)[:-1]
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
    blocks: Sequence[tuple[str, int]] = (),
    height: int = 360,
    width: int = 340,
) -> go.Figure:
    """A square heat map of a matrix, with rows downwards.

    The hover names both classes and the value. Values are written in the cells for up to 12
    classes, class names along the axes for up to 20. Dragging zooms, a double click resets. For
    more than 200 classes, the figure shows means over groups of neighbouring classes, and the hover
    names the groups.

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
        blocks: Groups of neighbouring classes: (name, number of classes) in the order shown, with
            thin lines between them. Ignored for more than 200 classes.
        height: In px.
        width: Expected width in px. It decides whether values fit into the cells.
    """
    if scale not in ("sequential", "diverging"):
        raise ValueError(f'scale must be "sequential" or "diverging", got {scale!r}.')
    fig = go.Figure()
    values, places = _checked(matrix, class_names, order)
    count = len(class_names)
    shown = values[np.ix_(places, places)]
    names = [str(class_names[i]) for i in places]
    if count > MAX_CELLS:
        shown, names = _grouped(shown, names)
        blocks = ()
    # Few classes: whole names in the hover, as the axes may cut them. Many: the axes carry the
    # names.
    pairs = None
    if count <= MAX_LABELLED:
        escaped = [plotly_text(name) for name in names]
        pairs = [[f"<b>{row}</b> × <b>{column}</b>" for column in escaped] for row in escaped]
    who = "<b>%{y}</b> × <b>%{x}</b>" if pairs is None else "%{hovertext}"

    layout_defaults(fig, theme, height=height, top=6, dragmode="zoom")
    colours = [list(stop) for stop in getattr(theme, scale)]
    fig.add_trace(
        go.Heatmap(
            z=shown,
            zmin=zmin,
            zmax=zmax,
            colorscale=colours,
            showscale=True,
            colorbar=_scale(theme, value_name, zmin, zmax),
            hovertemplate=f"{who}<br>{plotly_text(value_name)} %{{z:.3f}}<extra></extra>",
            hovertext=pairs,
        )
    )
    _axes(fig, names, x_title, y_title)
    _part(fig, blocks, theme, named=count > MAX_LABELLED)
    if count <= MAX_ANNOTATED:
        _annotate(fig, shown, height, width)
    return fig


def _scale(theme: Theme, value_name: str, zmin: float, zmax: float) -> dict:
    """The colour bar with labels only at its ends, as on the page: other labels would overlap its
    name."""
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


def _axes(fig: go.Figure, names: list[str], x_title: str, y_title: str) -> None:
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
    fig.update_xaxes(
        range=[-0.5, count - 0.5], side="top", tickangle=-90 if labelled else 0, **common
    )
    fig.update_yaxes(
        range=[count - 0.5, -0.5], scaleanchor="x", scaleratio=1, constraintoward="bottom", **common
    )
    fig.update_xaxes(title=dict(text=plotly_text(x_title), standoff=4))
    fig.update_yaxes(title=dict(text=plotly_text(y_title), standoff=4))
    left = 6 + room + (20 if y_title else 0)
    top = 6 + room + (20 if x_title else 0)
    fig.update_layout(margin=dict(l=left, t=top, r=6, b=SCALE_ROOM))


def _part(fig: go.Figure, blocks: Sequence[tuple[str, int]], theme: Theme, *, named: bool) -> None:
    """Draw thin lines between blocks, and their names beside the rows if the class names are not
    shown."""
    ends = np.cumsum([count for _, count in blocks])
    for end in ends[:-1]:
        for at in (
            {"x0": -0.5, "x1": ends[-1] - 0.5, "y0": end - 0.5, "y1": end - 0.5},
            {"y0": -0.5, "y1": ends[-1] - 0.5, "x0": end - 0.5, "x1": end - 0.5},
        ):
            fig.add_shape(type="line", line=dict(color=theme.text, width=1), opacity=0.35, **at)
    if not named or not blocks:
        return
    labels = [short(name, 16) for name, _ in blocks]
    for label, end, (_, count) in zip(labels, ends, blocks, strict=True):
        fig.add_annotation(
            x=-0.5, y=end - count / 2 - 0.5, text=plotly_text(label), showarrow=False,
            xanchor="right", xshift=-4,
            font=dict(size=TEXT_SIZE, color=theme.text),
        )  # fmt: skip
    room = max(text_width(label, TEXT_SIZE) for label in labels) + 6
    fig.update_layout(margin=dict(l=fig.layout.margin.l + room))
