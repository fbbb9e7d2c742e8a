"""Maps of several models side by side, as a static version of the app's linked maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from bickd_viz.colouring import Colouring
from bickd_viz.frames import Frame, tight_frame
from bickd_viz.plotly_text import plotly_text
from bickd_viz.theme import (
    LABEL_SIZE,
    LIGHT,
    ModelStyle,
    Theme,
    colour_bar,
    layout_defaults,
    legend_below,
)

_GAP = 0.03  # between two maps, as a share of the whole width
_COLUMNS = 3
_HEAD = 26  # px over a map for its model's name
_RAISED, _PLAIN, _QUIET = 8.0, 5.0, 4.0  # diameters in px


@dataclass(frozen=True)
class MapPanel:
    """The map of one model. Coordinates are [N, 2]; samples with values that are not finite are
    hidden."""

    style: ModelStyle
    coordinates: np.ndarray


def maps_figure(
    panels: Sequence[MapPanel],
    *,
    ids: np.ndarray,
    colouring: Colouring,
    selected: np.ndarray | None = None,
    frame: Frame | None = None,
    lines: Sequence[Sequence[tuple[float, float]]] = (),
    labels: Sequence[tuple[float, float, str]] = (),
    theme: Theme = LIGHT,
    height: int = 270,
) -> go.Figure:
    """All panels with the same frame, three per row, each below its model's name.

    Args:
        panels: One for each model.
        ids: [N], the customdata of the points.
        colouring: The colours of the points.
        selected: Positions of selected samples. If there are any, all others are grey.
        frame: Axis ranges.
        lines: Drawn below the points of every panel, for example a triangle.
        labels: (x, y, text), drawn below the points of every panel.
        theme: Colours.
        height: Of one row, in px.
    """
    fig = go.Figure()
    has_scale = colouring.scale is not None
    below = 56 if has_scale else 30 if colouring.palette else 8
    rows = -(-len(panels) // _COLUMNS)
    layout_defaults(fig, theme, height=height * rows, top=_HEAD, bottom=below)
    between = _HEAD / (height * rows - _HEAD - below)
    low_x, high_x, low_y, high_y = frame or tight_frame([panel.coordinates for panel in panels])
    first = next(
        (k for k, group in enumerate(colouring.groups) if group.any()), 0
    )  # it carries the scale's bar
    for k, panel in enumerate(panels):
        axes = _axes(fig, k, len(panels), between, (low_x, high_x), (low_y, high_y))
        for line in lines:
            xs, ys = zip(*line, strict=True)
            fig.add_trace(
                go.Scatter(
                    x=xs,
                    y=ys,
                    mode="lines",
                    line=dict(color=theme.grid, width=1.5),
                    **_silent,
                    **axes,
                )
            )
        for x, y, words in labels:
            fig.add_annotation(
                x=x,
                y=y,
                text=plotly_text(words),
                showarrow=False,
                font=dict(color=theme.muted),
                xref=axes["xaxis"],
                yref=axes["yaxis"],
            )
        _points(fig, panel, k, ids, colouring, selected, theme, axes, has_bar=k == first)
        fig.add_annotation(
            x=0, xref=f"{axes['xaxis']} domain", xanchor="left", y=1,
            yref=f"{axes['yaxis']} domain", yanchor="bottom", yshift=4,
            text=f"<b>{plotly_text(panel.style.name)}</b>", showarrow=False,
            font=dict(size=LABEL_SIZE, color=panel.style.colour),
        )  # fmt: skip
    if colouring.palette and not has_scale:
        legend_below(fig, theme)
    return fig


_silent: dict = {"hoverinfo": "skip", "showlegend": False}


def _axes(
    fig: go.Figure,
    k: int,
    count: int,
    between: float,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> dict[str, str]:
    """Set the k-th pair of axes and return their names for a trace. `between`: gap between rows, as
    a share of the height."""
    columns, rows = min(count, _COLUMNS), -(-count // _COLUMNS)
    row, column = divmod(k, columns)
    width, tall = (1 - _GAP * (columns - 1)) / columns, (1 - between * (rows - 1)) / rows
    number = "" if k == 0 else str(k + 1)
    start, top = column * (width + _GAP), 1 - row * (tall + between)
    hidden = dict(
        showticklabels=False,
        ticks="",
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        constrain="domain",
    )
    fig.update_layout(
        {
            f"xaxis{number}": dict(
                hidden,
                domain=[start, min(start + width, 1.0)],
                range=list(x_range),
                anchor=f"y{number}",
            ),
            f"yaxis{number}": dict(
                hidden,
                domain=[max(top - tall, 0.0), top],
                range=list(y_range),
                anchor=f"x{number}",
                scaleanchor=f"x{number}",
                scaleratio=1,
            ),
        }
    )
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def _points(
    fig: go.Figure,
    panel: MapPanel,
    k: int,
    ids: np.ndarray,
    colouring: Colouring,
    selected: np.ndarray | None,
    theme: Theme,
    axes: dict[str, str],
    *,
    has_bar: bool,
) -> None:
    xy = np.asarray(panel.coordinates, dtype=np.float32)
    group = colouring.groups[k].astype(np.int64)
    chosen = np.ones(len(xy), dtype=bool)
    focus = selected is not None and len(selected) > 0
    if focus:
        chosen = np.zeros(len(xy), dtype=bool)
        chosen[selected] = True
    shown = np.isfinite(xy).all(axis=1)
    if focus:
        quiet, plain = shown & ~chosen, shown & chosen & (group == 0)
        _add(fig, xy, ids, quiet, "other", theme.quiet, "circle", _QUIET, 0.3, axes, legend=False)
        _add(
            fig,
            xy,
            ids,
            plain,
            "selected",
            theme.accent,
            "circle",
            _RAISED,
            1.0,
            axes,
            legend=False,
        )
    else:
        dim = 0.35 if colouring.palette else 0.6
        _add(
            fig,
            xy,
            ids,
            shown & (group == 0),
            "other",
            theme.quiet,
            "circle",
            _QUIET,
            dim,
            axes,
            legend=False,
        )
    if colouring.scale is not None:
        _scaled(fig, xy, ids, shown & chosen & (group > 0), group, colouring, theme, axes, has_bar)
        return
    for j, shade in enumerate(colouring.palette):
        size = _RAISED if shade.raised or focus else _PLAIN
        mask = shown & chosen & (group == j + 1)
        _add(
            fig,
            xy,
            ids,
            mask,
            shade.name,
            shade.colour,
            shade.symbol,
            size,
            0.9,
            axes,
            legend=k == 0,
        )


def _add(fig, xy, ids, mask, name, colour, symbol, size, opacity, axes, *, legend: bool) -> None:
    """A trace with the points of one colour. Without points it still appears in the legend."""
    if mask.any() or legend:
        fig.add_trace(
            go.Scatter(
                x=xy[mask, 0],
                y=xy[mask, 1],
                mode="markers",
                name=plotly_text(name),
                legendgroup=plotly_text(name),
                showlegend=legend,
                customdata=ids[mask].tolist(),
                hovertemplate="id %{customdata}<extra></extra>",
                marker=dict(
                    color=colour, symbol=symbol, size=size, opacity=opacity, line=dict(width=0)
                ),
                **axes,
            )
        )


def _scaled(
    fig, xy, ids, mask, group, colouring: Colouring, theme: Theme, axes, has_bar: bool
) -> None:
    title, low, high = colouring.scale or ("", 0.0, 1.0)
    steps = len(colouring.palette)
    stops = [[i / (steps - 1), shade.colour] for i, shade in enumerate(colouring.palette)]
    fig.add_trace(
        go.Scatter(
            x=xy[mask, 0],
            y=xy[mask, 1],
            mode="markers",
            showlegend=False,
            customdata=ids[mask].tolist(),
            hovertemplate=f"id %{{customdata}}<br>{title} %{{marker.color:.3f}}<extra></extra>",
            marker=dict(
                color=low + (group[mask] - 1) / (steps - 1) * (high - low),
                colorscale=stops,
                cmin=low,
                cmax=high,
                size=_PLAIN,
                opacity=0.9,
                showscale=has_bar,
                colorbar=colour_bar(theme, title) if has_bar else None,
            ),
            **axes,
        )
    )
