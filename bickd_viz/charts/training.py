"""Live charts of a training run: metrics and loss terms over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from bickd_viz.charts.lines import EndLabel, end_labels, title_above
from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import nice_ticks, tick_text
from bickd_viz.theme import LIGHT, ModelStyle, Theme, faded, layout_defaults

_TERM_HUES: dict[str, str | int] = {
    "ce": "ce",
    "kl": "kd",
    "class": "bickd",
    "rows": "dist",
    "columns": 2,
    "sample": 1,
}


@dataclass(frozen=True)
class Line:
    """One model's metric: `y` [n] at `x` [n] (epochs). NaN leaves a gap. `dash` as in Plotly."""

    style: ModelStyle
    x: Sequence[float]
    y: Sequence[float]
    dash: str = "solid"


def _axes(fig: go.Figure, theme: Theme, xs, low: float, high: float, fmt: str) -> None:
    first, last = (float(np.min(xs)), float(np.max(xs))) if len(xs) else (0.0, 1.0)
    if last > first:
        step = (
            max(1, round((last - first) / 5)) if last - first < 12 else None
        )  # a step between epochs is none
        fig.update_xaxes(range=[first, last], nticks=6, dtick=step, tick0=first)
    else:
        fig.update_xaxes(range=[first - 0.5, first + 0.5], tickvals=[first])
    fig.update_xaxes(
        title=dict(text="epoch", standoff=4), tickfont=dict(color=theme.muted), tickformat="~s"
    )
    ticks = nice_ticks(low, high, most=5)
    fig.update_yaxes(
        range=[low, high], tickvals=ticks, ticktext=tick_text(ticks, fmt), showgrid=True
    )
    fig.update_yaxes(tickfont=dict(color=theme.muted), automargin=True, ticklabelstandoff=4)


def metric_lines(
    series: Sequence[Line],
    y_title: str = "",
    fmt: str = "number",
    theme: Theme = LIGHT,
    *,
    height: int = 240,
    reference: float | None = None,
) -> go.Figure:
    """A line for each model over epochs, with its name at the end, or a legend if names do not fit.

    Args:
        series: One for each model. A run of one epoch is a dot.
        y_title: Name of the metric, above the axis and in the hover.
        fmt: "percent" (values are fractions) or "number".
        theme: Colours.
        height: In px.
        reference: A dotted level, that of the teacher.
    """
    fig = go.Figure()
    layout_defaults(
        fig, theme, height=height, top=26 if y_title else 10, bottom=40, left=8, right=12
    )
    shown = "%{y:.1%}" if fmt == "percent" else "%{y:.4~g}"
    values, xs, labels = [], [], []
    for line in series:
        x, y = np.asarray(line.x, dtype=np.float32), np.asarray(line.y, dtype=np.float32)
        good = np.isfinite(y)
        if not good.any():
            continue
        values.append(y[good])
        xs.append(x)
        labels.append(EndLabel(line.style.name, float(y[good][-1]), line.style.colour))
        fig.add_trace(
            go.Scatter(
                x=x,
                y=y,
                name=plotly_text(line.style.name),
                mode="lines" if good.sum() > 1 else "markers",
                line=dict(color=line.style.colour, width=2, dash=line.dash),
                marker=dict(color=line.style.colour, size=8, symbol=line.style.symbol),
                cliponaxis=False,  # a dot at the first epoch lies on the axis
                hovertemplate=(
                    f"<b>{plotly_text(line.style.name)}</b> {y_title} {shown}<br>epoch"
                    " %{x}<extra></extra>"
                ),
            )
        )
    every = np.concatenate(values) if values else np.array([0.0, 1.0])
    low, high = float(every.min()), float(every.max())
    if reference is not None:
        low, high = min(low, reference), max(high, reference)
        fig.add_hline(y=reference, line=dict(color=theme.muted, width=1, dash="dot"), layer="below")
        labels.append(EndLabel("teacher", reference, theme.muted))
    span = high - low or max(abs(high) * 0.1, 0.01)
    low, high = low - 0.06 * span, high + 0.06 * span
    _axes(fig, theme, np.concatenate(xs) if xs else [], low, high, fmt)
    title_above(fig, y_title, theme)
    end_labels(fig, labels, theme, (low, high), height=height)
    return fig


def term_colour(name: str, index: int, theme: Theme = LIGHT) -> str:
    """The fixed colour of a loss term ("ce", "kl", "sample", "class", "rows", "columns"; others by
    index)."""
    hue = _TERM_HUES.get(name, index)
    return (
        dict(theme.models)[hue]
        if isinstance(hue, str)
        else theme.fallback[hue % len(theme.fallback)]
    )


def loss_terms(
    terms: Mapping[str, Sequence[float]],
    x: Sequence[float],
    theme: Theme = LIGHT,
    *,
    height: int = 240,
) -> go.Figure:
    """The weighted terms of one loss over epochs, stacked, so that the top edge is the whole loss.

    If a term is negative or missing somewhere, plain lines are used, because a stack would mislead.

    Args:
        terms: Name -> values [n].
        x: Epochs [n].
        theme: Colours.
        height: In px.
    """
    fig = go.Figure()
    layout_defaults(fig, theme, height=height, top=26, bottom=40, left=8, right=12)
    epochs = np.asarray(x, dtype=np.float32)
    table = np.array([np.asarray(v, dtype=np.float32) for v in terms.values()]).reshape(
        len(terms), len(epochs)
    )
    stacked = table.size > 0 and bool(np.isfinite(table).all() and (table >= 0).all())
    labels = []
    tops = np.cumsum(table, axis=0) if stacked else table
    for k, (name, y) in enumerate(zip(terms, table, strict=True)):
        colour, label = term_colour(name, k, theme), name.replace("_", " ")
        fig.add_trace(
            go.Scatter(
                x=epochs,
                y=y,
                name=label,
                mode="lines" if len(epochs) > 1 else "markers",
                stackgroup="loss" if stacked else None,
                fillcolor=faded(colour, 0.45) if stacked else None,
                line=dict(color=colour, width=1.5),
                hovertemplate=f"<b>{label}</b> %{{y:.4~g}}<br>epoch %{{x}}<extra></extra>",
            )
        )
        good = np.flatnonzero(np.isfinite(tops[k]))
        if len(good):
            middle = tops[k, good[-1]] - (y[good[-1]] / 2 if stacked else 0)
            labels.append(EndLabel(label, float(middle), colour))
    finite = tops[np.isfinite(tops)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    low = 0.0 if stacked or low >= 0 else low
    high = high * 1.04 if high > low else low + 1
    _axes(fig, theme, epochs, low, high, "number")
    title_above(fig, "loss, by term" if stacked else "loss terms", theme)
    end_labels(fig, labels, theme, (low, high), height=height)
    return fig
