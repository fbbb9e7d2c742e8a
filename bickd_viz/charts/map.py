"""Prediction maps in Plotly: samples as points in a 2-D layout of each model's predictions."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from bickd_viz.charts.map_scene import Layer, MapScene
from bickd_viz.contrast import text_colour
from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import letters
from bickd_viz.text.classes import isolated
from bickd_viz.theme import LABEL_SIZE, colour_bar, layout_defaults, legend_below

WEBGL_ABOVE = 1000  # points of a panel
_GAP = 0.03  # between two panels, as a share of the whole width
_COLUMNS = 3
_HEADING = 26  # px over a panel for its model's name


def maps_figure(scene: MapScene, *, height: int = 270) -> go.Figure:
    """Return all panels, three in a row, each below its model's name.

    The customdata of a point is the id of its sample. Above 1,000 samples the points use WebGL.

    Args:
        scene: The maps.
        height: Height of one row in px.
    """
    fig, has_scale = go.Figure(), scene.colouring.scale is not None
    columns = min(len(scene.panels), _COLUMNS)
    rows = -(-len(scene.panels) // columns)
    named = () if has_scale else range(1, len(scene.colouring.palette) + 1)
    below = _room_below(scene, named, columns)
    layout_defaults(fig, scene.theme, height=height * rows, top=_HEADING, bottom=below)
    grid = _Grid(columns, rows, _HEADING / (height * rows - _HEADING - below))
    coloured = [k for k, groups in enumerate(scene.colouring.groups) if groups.any()]
    bar = coloured[0] if coloured else 0
    for k in range(len(scene.panels)):
        axes = grid.place(fig, k)
        has_bar = has_scale and k == bar
        _draw_panel(fig, scene, k, axes, named=named if k == 0 else (), has_bar=has_bar)
        _add_heading(fig, scene, k, axes)
    _set_axes(fig, scene, fixed=True)
    if named:
        legend_below(fig, scene.theme)
    return fig


def map_figure(
    scene: MapScene,
    panel: int,
    *,
    height: int = 340,
    legend: bool = True,
    dragmode: str | bool = False,
) -> go.Figure:
    """Return one panel without a heading. Its frame is that of the whole scene.

    Args:
        scene: The maps.
        panel: Position of the panel.
        height: Height in px.
        legend: Whether to name the colours that the panel uses.
        dragmode: See `layout_defaults`.
    """
    fig, has_scale = go.Figure(), scene.colouring.scale is not None
    used = [layer.group for layer in scene.layers(panel) if layer.group and len(layer.positions)]
    named = used if legend and not has_scale else ()
    below = _room_below(scene, named, 1)
    layout_defaults(
        fig, scene.theme, height=height, left=2, right=2, top=2, bottom=below, dragmode=dragmode
    )
    axes = _Grid(1, 1, 0).place(fig, 0)
    _draw_panel(fig, scene, panel, axes, named=named, has_bar=has_scale)
    _set_axes(fig, scene, fixed=dragmode is False)
    if named:
        legend_below(fig, scene.theme)
    return fig


# -- axes ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Grid:
    """The places of the panels. `gap` is the gap between rows, as a share of the height."""

    columns: int
    rows: int
    gap: float

    def place(self, fig: go.Figure, k: int) -> dict[str, str]:
        """Place the k-th pair of axes and return their names for a trace."""
        row, column = divmod(k, self.columns)
        width = (1 - _GAP * (self.columns - 1)) / self.columns
        height = (1 - self.gap * (self.rows - 1)) / self.rows
        left, top = column * (width + _GAP), 1 - row * (height + self.gap)
        number = "" if k == 0 else str(k + 1)
        x, y = f"x{number}", f"y{number}"
        across = dict(domain=[left, min(left + width, 1.0)], anchor=y)
        upwards = dict(domain=[max(top - height, 0.0), top], anchor=x, scaleanchor=x)
        fig.update_layout({f"xaxis{number}": across, f"yaxis{number}": upwards})
        return {"xaxis": x, "yaxis": y}


def _set_axes(fig: go.Figure, scene: MapScene, *, fixed: bool) -> None:
    """Show the scene's frame on all axes, with equal units and without ticks."""
    left, right, bottom, top = scene.home
    common = dict(
        showticklabels=False,
        ticks="",
        showgrid=False,
        zeroline=False,
        constrain="domain",
        fixedrange=fixed,
    )
    fig.update_xaxes(range=[left, right], **common)
    fig.update_yaxes(range=[bottom, top], scaleratio=1, **common)


def _room_below(scene: MapScene, named: Collection[int], columns: int) -> int:
    """Height of the colour bar or of the legend below the panels, in px."""
    if scene.colouring.scale is not None:
        return 56
    names = [scene.colouring.palette[group - 1].name for group in named]
    lines = math.ceil(sum(min(letters(name), 24) * 8 + 44 for name in names) / (300 * columns))
    return 8 + 22 * lines


def _add_heading(fig: go.Figure, scene: MapScene, k: int, axes: dict[str, str]) -> None:
    style = scene.panels[k].style
    fig.add_annotation(
        x=0,
        xref=f"{axes['xaxis']} domain",
        xanchor="left",
        y=1,
        yref=f"{axes['yaxis']} domain",
        yanchor="bottom",
        yshift=4,
        text=f"<b>{plotly_text(style.name)}</b>",
        showarrow=False,
        font=dict(size=LABEL_SIZE, color=text_colour(style.colour, scene.theme)),
    )


# -- points ----------------------------------------------------------------------------------------
def _draw_panel(
    fig: go.Figure,
    scene: MapScene,
    k: int,
    axes: dict[str, str],
    *,
    named: Collection[int],
    has_bar: bool,
) -> None:
    """Add the background and the points of a panel.

    Args:
        named: Groups that the panel names in the legend, even if it has no points of them.
        has_bar: Whether the panel has the bar of the colour scale.
    """
    _draw_background(fig, scene, axes)
    hover = _hover_text(scene, k)
    layers = scene.layers(k)
    scaled = [layer for layer in layers if layer.group and scene.colouring.scale is not None]
    for layer in layers:
        listed = layer.group in named
        if layer in scaled or not (listed or len(layer.positions)):
            continue
        name = plotly_text(layer.look.name)
        trace = _trace(scene, k, layer.positions, hover, _marker(scene, layer))
        trace.update(name=name, legendgroup=name, showlegend=listed, **axes)
        fig.add_trace(trace)
    if scaled:
        positions = np.concatenate([layer.positions for layer in scaled])
        trace = _trace(scene, k, positions, hover, _scale_marker(scene, scaled, has_bar=has_bar))
        trace.update(showlegend=False, **axes)
        fig.add_trace(trace)


def _draw_background(fig: go.Figure, scene: MapScene, axes: dict[str, str]) -> None:
    for line in scene.background.lines:
        xs, ys = zip(*line, strict=True)
        fig.add_trace(
            go.Scatter(
                x=xs,
                y=ys,
                mode="lines",
                line=dict(color=scene.theme.muted, width=1),
                hoverinfo="skip",
                showlegend=False,
                **axes,
            )
        )
    for x, y, text in scene.background.labels:
        fig.add_annotation(
            x=x,
            y=y,
            text=plotly_text(text),
            showarrow=False,
            font=dict(color=scene.theme.text),
            xref=axes["xaxis"],
            yref=axes["yaxis"],
        )


def _trace(
    scene: MapScene, k: int, positions: np.ndarray, hover: np.ndarray, marker: dict[str, Any]
) -> go.Scatter | go.Scattergl:
    """The points of some samples of a panel, in this order."""
    kind = go.Scattergl if len(scene.ids) > WEBGL_ABOVE else go.Scatter
    points = np.asarray(scene.panels[k].coordinates, dtype=np.float32)[positions]
    ids = np.asarray(scene.ids)[positions]
    return kind(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        marker=marker,
        customdata=ids if ids.dtype.kind in "iu" else ids.tolist(),
        hovertext=hover[positions].tolist(),
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _marker(scene: MapScene, layer: Layer) -> dict[str, Any]:
    return dict(
        color=layer.look.colour,
        symbol=layer.look.symbol,
        size=2 * layer.radius,
        opacity=layer.opacity,
        line=dict(color=scene.theme.surface, width=1 if layer.outlined else 0),
    )


def _scale_marker(scene: MapScene, layers: Sequence[Layer], *, has_bar: bool) -> dict[str, Any]:
    """The marker of the points on the colour scale."""
    assert scene.colouring.scale is not None
    title, low, high = scene.colouring.scale
    palette = scene.colouring.palette
    steps = len(palette) - 1
    groups = np.repeat([layer.group for layer in layers], [len(each.positions) for each in layers])
    return dict(
        color=low + (groups - 1) / steps * (high - low),
        colorscale=[[i / steps, shade.colour] for i, shade in enumerate(palette)],
        cmin=low,
        cmax=high,
        size=2 * max(layer.radius for layer in layers),
        opacity=0.9,
        showscale=has_bar,
        colorbar=colour_bar(scene.theme, title) if has_bar else None,
    )


def _hover_text(scene: MapScene, k: int) -> np.ndarray:
    """What the app's tooltip says about each sample, for this model and the first one, usually the
    teacher. Object array [N]."""
    names = [plotly_text(isolated(name)) for name in scene.class_names]

    def name_of(label: int) -> str:
        return names[label] if label < len(names) else str(label)

    panels = [scene.panels[0], scene.panels[k]] if k else [scene.panels[0]]
    texts = []
    for i, sample in enumerate(scene.ids.tolist()):
        id = plotly_text(sample)
        lines = (
            [f"sample {id}"]
            if scene.labels is None
            else [f"<b>{name_of(scene.labels[i])}</b>", f"id {id}"]
        )
        for panel in panels:
            parts = []
            if panel.predicted is not None:
                sure = "" if panel.confidence is None else f" {panel.confidence[i]:.0%}"
                parts.append(f"{name_of(panel.predicted[i])}{sure}")
            if panel.moved is not None:
                parts.append(f"moved {panel.moved[i]:.2f}")
            if parts:
                lines.append(f"{plotly_text(panel.style.name)}: {', '.join(parts)}")
        texts.append("<br>".join(lines))
    return np.array(texts, dtype=object)
