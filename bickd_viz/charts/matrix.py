"""Class-by-class matrices: Gram, cross Gram, their difference, confusion.

`MatrixScene` describes a matrix. The app's component (`app/components/matrix.py`) draws it on a
canvas, and `MatrixScene.figure` draws it with Plotly for exports, reports and notebooks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import short, text_width, tick_text
from bickd_viz.text.classes import isolated
from bickd_viz.theme import LIGHT, TEXT_SIZE, Theme, colour_bar, layout_defaults

MAX_CELLS = 200  # classes; beyond that the figure shows groups
MAX_LABELLED = 20  # classes whose names fit along an axis
MAX_ANNOTATED = 12  # classes whose values fit into the cells
SCALE_ROOM = 60  # px under the matrix for its colour bar


@dataclass(frozen=True)
class MatrixScene:
    """A square matrix with rows downwards, and how to draw it.

    Attributes:
        values: [C, C]. NaN is unknown.
        class_names: [C].
        order: Class indices in the order shown, for rows and columns.
        ends: Ends of the colour scale. Use the same ends for all matrices that are compared.
        scale: "sequential" or "diverging".
        x_title: Title of the columns.
        y_title: Title of the rows.
        value_name: What a value is.
        decimals: Decimals of a value in its cell, if there is room for it. Use 0 for counts.
        blocks: Groups of neighbouring classes: (name, number of classes) in the order shown, with
            thin lines between them.
        selected: The cell that the canvas outlines, in original class indices.
        label: What the matrix shows, for screen readers and as the title of an export.
        pairs: Number of pairs of classes that each cell of groups is over, [C, C].
    """

    values: np.ndarray
    class_names: Sequence[str]
    order: Sequence[int] | np.ndarray | None = None
    ends: tuple[float, float] = (0.0, 1.0)
    scale: str = "sequential"
    x_title: str = ""
    y_title: str = ""
    value_name: str = "cosine"
    decimals: int = 2
    blocks: Sequence[tuple[str, int]] = ()
    selected: tuple[int, int] | None = None
    label: str = ""
    pairs: np.ndarray | None = None

    def __post_init__(self) -> None:
        count, shape = len(self.class_names), np.shape(self.values)
        if shape != (count, count):
            raise ValueError(
                f"values must be {count} x {count} like class_names, got shape {shape}."
            )
        if not np.array_equal(np.sort(self.places), np.arange(count)):
            raise ValueError(
                f"order must hold each class index 0 to {count - 1} once, got"
                f" {self.places.tolist()}."
            )
        if self.scale not in ("sequential", "diverging"):
            raise ValueError(f'scale must be "sequential" or "diverging", got {self.scale!r}.')

    @property
    def places(self) -> np.ndarray:
        """The class index at each place, [C]."""
        if self.order is None:
            return np.arange(len(self.class_names))
        return np.asarray(self.order, dtype=np.int64)

    def figure(self, theme: Theme = LIGHT, *, height: int = 360, width: int = 340) -> go.Figure:
        """Draw the matrix with Plotly.

        The hover names both classes and the value. Unknown cells are empty. Values are written in
        the cells for up to 12 classes, class names along the axes for up to 20. Dragging zooms, a
        double click resets. For more than 200 classes, the figure shows means over groups of
        neighbouring classes without blocks, and the hover names the groups.

        Args:
            theme: Colours.
            height: In px.
            width: Expected width in px. It decides whether values fit into the cells.
        """
        places, blocks = self.places, self.blocks
        shown = np.asarray(self.values, dtype=np.float32)[np.ix_(places, places)]
        names = [str(self.class_names[i]) for i in places]
        if len(names) > MAX_CELLS:
            shown, names = _grouped(shown, names)
            blocks = ()
        # Few classes: whole names in the hover, as the axes may cut them. Many: the axes carry the
        # names.
        pair, pairs = "<b>%{y}</b> × <b>%{x}</b>", None
        over = ""
        if len(names) <= MAX_LABELLED:
            escaped = [plotly_text(isolated(name)) for name in names]
            pairs = [[f"<b>{row}</b> × <b>{column}</b>" for column in escaped] for row in escaped]
            pair = "%{hovertext}"
        value = f"%{{z:.{self.decimals + 1 if self.decimals else 0}f}}"
        counts = None
        if self.pairs is not None and len(names) == len(self.class_names):
            counts, over = self.pairs[np.ix_(places, places)], ", pairs of classes: %{customdata}"

        fig = go.Figure()
        layout_defaults(fig, theme, height=height, top=6, dragmode="zoom")
        fig.add_trace(
            go.Heatmap(
                z=shown,
                zmin=self.ends[0],
                zmax=self.ends[1],
                colorscale=[list(stop) for stop in getattr(theme, self.scale)],
                showscale=True,
                colorbar=_scale(theme, self.value_name, self.ends),
                customdata=counts,
                hovertemplate=(
                    f"{pair}<br>{plotly_text(self.value_name)} {value}{over}<extra></extra>"
                ),
                hovertext=pairs,
                hoverongaps=False,
            )
        )
        _axes(fig, names, self.x_title, self.y_title)
        _draw_blocks(fig, blocks, theme, named=len(names) > MAX_LABELLED)
        if len(names) <= MAX_ANNOTATED:
            _annotate(fig, shown, height, width)
        return fig


def _grouped(values: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Means of the known values over blocks of neighbouring classes, at most MAX_CELLS per side."""
    edges = np.linspace(0, len(names), MAX_CELLS + 1).round().astype(int)[:-1]
    ends = np.append(edges[1:], len(names))
    known = np.isfinite(values)
    sums, counts = (
        np.add.reduceat(np.add.reduceat(each, edges, axis=0), edges, axis=1)
        for each in (np.where(known, values, 0.0), known.astype(np.float64))
    )
    labels = [
        names[a] if b - a == 1 else f"{names[a]} to {names[b - 1]} ({b - a})"
        for a, b in zip(edges, ends, strict=True)
    ]
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means.astype(np.float32), labels


def _cell_text(value: float) -> str:
    if not np.isfinite(value):
        return ""
    text = f"{value:.2f}".replace("-", "−")
    if text in ("0.00", "−0.00"):
        return "0"
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else text.removesuffix(".00")


def _scale(theme: Theme, value_name: str, ends: tuple[float, float]) -> dict:
    """The colour bar with labels only at its ends, as on the page: other labels would overlap its
    name."""
    return colour_bar(theme, plotly_text(value_name)) | dict(
        nticks=None, tickvals=list(ends), ticktext=tick_text(ends, "number")
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


def _draw_blocks(
    fig: go.Figure, blocks: Sequence[tuple[str, int]], theme: Theme, *, named: bool
) -> None:
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
    fig.update_yaxes(title_standoff=4 + room)
