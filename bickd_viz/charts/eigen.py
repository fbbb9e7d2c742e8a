"""The eigenvalue spectrum of a class Gram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bickd_viz.charts.lines import EndLabel, end_labels
from bickd_viz.charts.plot import Axis, Plot, Series
from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import nice_ticks, tick_text
from bickd_viz.theme import LIGHT, ModelStyle, Theme, layout_defaults


def spectrum(
    models: Sequence[tuple[ModelStyle, np.ndarray]],
    *,
    theme: Theme = LIGHT,
    height: int = 220,
) -> go.Figure:
    """Eigenvalues of each model's class Gram, the largest first, on a logarithmic axis.

    Orthogonal classes have only eigenvalues of 1 (the dotted line). A steep fall means that a few
    directions dominate. Values below 1e-4 of the largest are drawn at that floor.

    Args:
        models: (style, eigenvalues [C]) of each.
        theme: Colours.
        height: In px.
    """
    fig = go.Figure()
    layout_defaults(fig, theme, height=height, bottom=40, left=8, right=12, top=10)
    labels, lows, highs, longest = [], [0.9], [1.1], 1
    for style, values in models:
        values, drawn = _falling(values)
        if not len(values):
            continue
        lows.append(float(drawn[-1]))
        highs.append(float(drawn[0]))
        longest = max(longest, len(values))
        labels.append(EndLabel(style.name, float(np.log10(drawn[-1])), style.colour))
        fig.add_trace(
            go.Scatter(
                x=np.arange(1, len(values) + 1),
                y=drawn.astype(np.float32),
                name=plotly_text(style.name),
                mode="lines+markers" if len(values) <= 20 else "lines",
                line=dict(color=style.colour, width=2),
                marker=dict(color=style.colour, symbol=style.symbol, size=6),
                customdata=values.astype(np.float32),
                hovertemplate=(
                    f"<b>{plotly_text(style.name)}</b> %{{customdata:.3g}}<br>eigenvalue"
                    " %{x}<extra></extra>"
                ),
            )
        )
    low, high = np.log10(min(lows)) - 0.1, np.log10(max(highs)) + 0.1
    ticks = [10.0**k for k in range(int(np.ceil(low)), int(np.floor(high)) + 1)]
    fig.add_hline(y=1, line=dict(color=theme.muted, width=1, dash="dot"), layer="below")
    fig.update_xaxes(
        range=[0.5, longest + 0.5],
        nticks=6,
        title=dict(text="eigenvalue, by size", standoff=4),
        tickfont=dict(color=theme.muted),
    )
    fig.update_yaxes(
        type="log",
        range=[low, high],
        tickvals=ticks,
        ticktext=[f"{t:g}" for t in ticks],
        tickfont=dict(color=theme.muted),
        showgrid=True,
        automargin=True,
        ticklabelstandoff=4,
    )
    end_labels(fig, labels, theme, (low, high), height=height)
    return fig


def spectrum_plot(models: Sequence[tuple[ModelStyle, np.ndarray]], *, height: int = 220) -> Plot:
    """`spectrum` for the browser's canvas."""
    series, ends, lows, highs, longest = [], [], [0.9], [1.1], 1
    for style, given in models:
        values, drawn = _falling(given)
        if not len(values):
            continue
        heights = np.log10(drawn)
        lows.append(float(drawn[-1]))
        highs.append(float(drawn[0]))
        longest = max(longest, len(values))
        ends.append(EndLabel(style.name, float(heights[-1]), style.colour))
        notes = [f"{v:.3g}, eigenvalue {k}" for k, v in enumerate(values.tolist(), 1)]
        series.append(
            Series(style.name, style.colour, "line", np.arange(1, len(values) + 1), heights, notes)
        )
    low, high = float(np.log10(min(lows)) - 0.1), float(np.log10(max(highs)) + 0.1)
    marks = _powers(low, high)
    across = nice_ticks(1, longest, most=6)
    return Plot(
        Axis(0.5, longest + 0.5, across, tick_text(across, "number"), "eigenvalue, by size"),
        Axis(
            low,
            high,
            [float(np.log10(mark)) for mark in marks],
            [f"{mark:g}" for mark in marks],
            grid=True,
        ),
        series,
        height=height,
        names="ends",
        ends=ends,
        rules=[("y", 0.0, "")],
    )


def _falling(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The finite values, the largest first, and the same limited to the floor at which they are
    drawn."""
    values = np.asarray(values, dtype=np.float64).ravel()
    values = np.sort(values[np.isfinite(values)])[::-1]
    return values, np.maximum(values, max(values[0], 1e-12) * 1e-4) if len(values) else values


def _powers(low: float, high: float) -> list[float]:
    """Powers of ten from 10^low to 10^high, also times 2 and 5 if there would be fewer than two.

    >>> _powers(-1.2, 0.3), _powers(-0.5, 0.4)
    ([0.1, 1.0], [0.5, 1.0, 2.0])
    """
    tens = [10.0**k for k in range(int(np.floor(low)), int(np.ceil(high)) + 1)]
    for factors in ((1,), (1, 2, 5)):
        marks = [round(factor * ten, 12) for ten in tens for factor in factors]
        marks = [mark for mark in marks if low <= np.log10(mark) <= high]
        if len(marks) > 1:
            break
    return marks
