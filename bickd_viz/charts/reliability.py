"""Reliability diagram: accuracy by confidence, with counts below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import plotly.graph_objects as go

from bickd_core.naming import percent_range
from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import letters
from bickd_viz.theme import (
    LIGHT,
    TEXT_SIZE,
    ModelStyle,
    Theme,
    faded,
    layout_defaults,
    legend_below,
)

_TICKS = [0, 0.25, 0.5, 0.75, 1]
_PERCENT = ["0%", "25%", "50%", "75%", "100%"]


class Bins(Protocol):
    """Bins of top-1 confidence, see `bickd_core.geometry.Reliability`."""

    @property
    def edges(self) -> np.ndarray: ...
    @property
    def counts(self) -> np.ndarray: ...
    @property
    def confidence(self) -> np.ndarray: ...
    @property
    def accuracy(self) -> np.ndarray: ...
    @property
    def low(self) -> np.ndarray: ...
    @property
    def high(self) -> np.ndarray: ...


RARE = 5
"""Bins of fewer images than this are shown hollow, and no line goes through them: one image moves
them far."""


def bin_code(model: int, place: int) -> str:
    """The customdata of a point: the model's index in the chart and the bin's number from 0, for
    example "2:7"."""
    return f"{model}:{place}"


def bin_from_code(code: str) -> tuple[int, int]:
    """The inverse of `bin_code`."""
    model, place = code.split(":")
    return int(model), int(place)


def reliability_diagram(
    models: Sequence[tuple[ModelStyle, Bins]],
    *,
    focus: int | None = None,
    selected: tuple[int, int] | None = None,
    theme: Theme = LIGHT,
) -> go.Figure:
    """Accuracy against mean confidence, as a line for each model.

    Above the diagonal a model is underconfident, below it overconfident. The chart below shows the
    samples of each bin. Empty bins are left out. Bins with fewer than `RARE` samples are hollow,
    without line and band. Each point has `bin_code` as 1-D customdata.

    Args:
        models: (style, bins) of each.
        focus: Index of the model whose 95% band is drawn. With at most two models, all bands are
            drawn.
        selected: The outlined point (model, bin).
        theme: Colours.
    """
    legend = 8 + 22 * math.ceil(sum(60 + 8 * letters(style.name) for style, _ in models) / 320)
    fig = go.Figure()
    layout_defaults(fig, theme, height=590, left=8, right=14, top=8, bottom=50 + legend)
    fig.add_trace(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            line=dict(color=theme.muted, width=1, dash="dot"),
            hoverinfo="skip",
            showlegend=False,
        )
    )
    for i, (style, bins) in enumerate(models):
        if len(models) <= 2 or i == focus:
            _band(fig, style, bins)
    # The focused model comes first and on top: of points that lie on one spot, a click takes the
    # first.
    for i, (style, bins) in sorted(enumerate(models), key=lambda item: item[0] != focus):
        _line(fig, i, style, bins, theme, strong=focus is None or i == focus, selected=selected)
    top = 1
    for style, bins in models:
        _strip(fig, style, bins)
        top = max(top, int(bins.counts.max(initial=0)))
    grid = dict(showgrid=True, tickfont=dict(color=theme.muted))
    fig.update_xaxes(
        range=[-0.02, 1.02],
        tickvals=_TICKS,
        ticktext=_PERCENT,
        title=dict(text="confidence in the predicted class", standoff=4),
        anchor="y2",
        **grid,
    )
    fig.update_layout(
        yaxis=dict(
            domain=[0.27, 1],
            range=[-0.03, 1.05],
            tickvals=_TICKS,
            ticktext=_PERCENT,
            title=dict(text="accuracy", standoff=4),
            automargin=True,
            **grid,
        ),
        yaxis2=dict(
            domain=[0, 0.19],
            range=[0, 1.08 * top],
            nticks=3,
            title=dict(text="samples", standoff=4, font=dict(size=TEXT_SIZE, color=theme.muted)),
            automargin=True,
            fixedrange=True,
            gridcolor=theme.grid,
            **grid,
        ),
    )
    return legend_below(fig, theme)


def _band(fig: go.Figure, style: ModelStyle, bins: Bins) -> None:
    shown = np.flatnonzero(bins.counts >= RARE)
    x = bins.confidence[shown]
    fig.add_trace(
        go.Scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.concatenate([bins.low[shown], bins.high[shown][::-1]]),
            mode="lines",
            line=dict(width=0),
            fill="toself",
            fillcolor=faded(style.colour, 0.15),
            hoverinfo="skip",
            showlegend=False,
        )
    )


def _line(
    fig: go.Figure,
    index: int,
    style: ModelStyle,
    bins: Bins,
    theme: Theme,
    *,
    strong: bool,
    selected: tuple[int, int] | None,
) -> None:
    for rare, shown in (
        (False, np.flatnonzero(bins.counts >= RARE)),
        (True, np.flatnonzero((bins.counts > 0) & (bins.counts < RARE))),
    ):
        if len(shown) or not rare:
            fig.add_trace(
                _points(
                    index, style, bins, shown, theme, strong=strong, selected=selected, rare=rare
                )
            )


def _points(
    index: int,
    style: ModelStyle,
    bins: Bins,
    shown: np.ndarray,
    theme: Theme,
    *,
    strong: bool,
    selected: tuple[int, int] | None,
    rare: bool,
) -> go.Scatter:
    """The given bins: points on a line, or hollow points without a line."""
    chosen = [selected == (index, int(b)) for b in shown]
    edge = style.colour if rare else theme.surface
    return go.Scatter(
        x=bins.confidence[shown],
        y=bins.accuracy[shown],
        name=plotly_text(style.name),
        legendgroup=plotly_text(style.name),
        showlegend=not rare,
        mode="markers" if rare else "lines+markers",
        zorder=int(strong),
        legendrank=index,
        line=dict(color=style.colour, width=3 if strong else 1.3),
        marker=dict(
            size=[14 if c else 8 for c in chosen],
            color=theme.surface if rare else style.colour,
            symbol=style.symbol,
            line=dict(
                color=[theme.accent if c else edge for c in chosen],
                width=[3 if c else 1 for c in chosen],
            ),
        ),
        unselected=dict(marker=dict(opacity=1)),
        customdata=[bin_code(index, int(b)) for b in shown],
        hovertext=[_hover(style, bins, int(b)) for b in shown],
        hovertemplate="%{hovertext}<extra></extra>",
        cliponaxis=False,
    )


def _hover(style: ModelStyle, bins: Bins, b: int) -> str:
    return (
        f"<b>{plotly_text(style.name)}</b> confidence"
        f" {percent_range(bins.edges[b], bins.edges[b + 1])} (mean"
        f" {bins.confidence[b]:.1%})<br>accuracy {bins.accuracy[b]:.1%}"
        f" ({bins.low[b]:.1%} to {bins.high[b]:.1%}) on {int(bins.counts[b]):,}"
    )


def _strip(fig: go.Figure, style: ModelStyle, bins: Bins) -> None:
    counts = np.append(bins.counts, bins.counts[-1:])
    fig.add_trace(
        go.Scatter(
            x=bins.edges,
            y=counts,
            yaxis="y2",
            mode="lines",
            line=dict(color=style.colour, width=1.5, shape="hv"),
            showlegend=False,
            customdata=counts,
            hoverinfo="skip",
        )
    )
