"""Dots with intervals: one estimate with its interval for each model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeGuard

import plotly.graph_objects as go

from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import FINEST, nice_ticks, stacked, text_width, tick_text
from bickd_viz.text.numbers import number, percent
from bickd_viz.theme import LABEL_SIZE, LIGHT, TEXT_SIZE, ModelStyle, Theme, layout_defaults

ROW_HEIGHT = 36
_TOP, _BOTTOM = 14, 26
_NARROWEST = 170
"""Px of names and axis in the narrowest card."""


@dataclass(frozen=True)
class Row:
    """One model's estimate, or the mean over its seeds.

    Attributes:
        estimate: None if not known. `otherwise` then holds the reason.
        low: Low end of the 95% interval over images (thin line), or None.
        high: High end of the 95% interval over images, or None.
        deviation: Standard deviation over seeds (thick bar), or None with one seed.
        seeds: Number of runs in the mean.
    """

    style: ModelStyle
    estimate: float | None
    low: float | None = None
    high: float | None = None
    otherwise: str = "not available"
    deviation: float | None = None
    seeds: int = 1

    @property
    def spread(self) -> tuple[float, float] | None:
        """The ends of the thick bar."""
        if not known(self.estimate) or not known(self.deviation):
            return None
        return self.estimate - self.deviation, self.estimate + self.deviation

    def described(self, show: Callable[[float | None], str]) -> str:
        """The figure in words: "63.2%, 95% interval 60.0% to 65.0%", and the seeds if it is a mean
        over them."""
        value = show(self.estimate)
        if known(self.deviation):
            value = f"mean of {self.seeds} seeds {value}, standard deviation {show(self.deviation)}"
        if known(self.low) and known(self.high):
            over = " over images" if known(self.deviation) else ""
            value += f", 95% interval{over} {show(self.low)} to {show(self.high)}"
        return value


def known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _hover(row: Row, show) -> str:
    text = f"<b>{plotly_text(row.style.name)}</b> {show(row.estimate)}"
    if known(row.deviation):
        text += f" ± {show(row.deviation)} over {row.seeds} seeds"
    if known(row.low) and known(row.high):
        text += f"<br>{show(row.low)} to {show(row.high)}"
    return text


def whisker_rows(
    rows: Sequence[Row],
    *,
    fmt: str = "number",
    theme: Theme = LIGHT,
    reference: float | None = None,
    name_limit: int = 14,
) -> go.Figure:
    """A dot with its interval for each model, with the value above the dot and the first row at the
    top.

    Readable from 220 px width. Every dot has its row number as 1-D customdata.

    Args:
        rows: Models in the order shown.
        fmt: "percent" (estimates are fractions) or "number".
        theme: Colours.
        reference: A value with a dotted line, for example the teacher's.
        name_limit: Maximum length of a name beside the axis. The hover shows the whole name.
    """
    if fmt not in ("percent", "number"):
        raise ValueError(f'fmt must be "percent" or "number", got {fmt!r}.')
    show = percent if fmt == "percent" else number
    count = max(len(rows), 1)
    height = _TOP + _BOTTOM + ROW_HEIGHT * count
    fig = go.Figure()
    names = [stacked(row.style.name, name_limit) for row in rows]
    left = 14 + max((text_width(line, LABEL_SIZE) for name in names for line in name), default=0)
    layout_defaults(fig, theme, height=height, left=left, right=6, top=_TOP, bottom=_BOTTOM)

    shown = [(i, row) for i, row in enumerate(rows) if known(row.estimate)]
    axis = value_axis(rows, reference, fmt, left)
    fig.update_xaxes(
        range=[axis.low, axis.high],
        tickvals=axis.ticks,
        ticktext=axis.texts,
        tickfont=dict(color=theme.muted),
        showgrid=True,
    )
    fig.update_yaxes(
        range=[count - 0.5 - (count - len(rows)) / 2, -0.5 - (count - len(rows)) / 2],
        tickvals=list(range(len(rows))),
        ticktext=["<br>".join(map(plotly_text, name)) for name in names],
        tickfont=dict(size=LABEL_SIZE),
        ticklabelstandoff=6,
    )
    if known(reference):
        fig.add_vline(x=reference, line=dict(color=theme.muted, width=1, dash="dot"), layer="below")
    _marks(fig, shown, show, theme)
    for i, row in enumerate(rows):
        if not known(row.estimate):
            fig.add_annotation(
                x=0.5,
                xref="x domain",
                y=i,
                text=plotly_text(row.otherwise),
                showarrow=False,
                font=dict(size=TEXT_SIZE, color=theme.muted),
            )
    return fig


@dataclass(frozen=True)
class ValueAxis:
    """The ends of an axis, with room for half a value's text at both ends, and its ticks."""

    low: float
    high: float
    ticks: list[float]
    texts: list[str]


def value_axis(rows: Sequence[Row], reference: float | None, fmt: str, left: int) -> ValueAxis:
    """An axis over all estimates, their intervals and the reference, with as many ticks as fit into
    the narrowest card.

    Args:
        left: Width in px of the names beside it.
    """
    values = [
        v
        for row in rows
        if known(row.estimate)
        for v in (row.estimate, row.low, row.high, *(row.spread or ()))
        if known(v)
    ]
    values += [reference] if known(reference) else []
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    span = high - low if high - low > FINEST else max(abs(high) * 0.2, 0.01)
    room = max(_NARROWEST - left, 60)
    ticks = axis_ticks(low - 0.12 * span, high + 0.12 * span, fmt, room / (1.34 * span))
    # The room at both ends is half a value's text: 20 px of a plot that may be only 130 px wide.
    return ValueAxis(low - 0.17 * span, high + 0.17 * span, ticks, tick_text(ticks, fmt))


def axis_ticks(low: float, high: float, fmt: str, scale: float) -> list[float]:
    """As many round ticks as fit without overlap at `scale` px per unit.

    A single tick shows no distance, so the outermost two of finer steps are tried first.
    """
    candidates = [nice_ticks(low, high, most=most) for most in (4, 3, 2)]
    finer = [nice_ticks(low, high, most=most) for most in (4, 6, 9, 12, 20)]
    fitting = (
        ticks for ticks in (*candidates, *([t[0], t[-1]] for t in finer)) if len(set(ticks)) > 1
    )
    return next(
        (ticks for ticks in fitting if _apart(ticks, tick_text(ticks, fmt), scale)),
        nice_ticks(low, high, most=1),
    )


def _apart(ticks: Sequence[float], texts: Sequence[str], scale: float) -> bool:
    """Whether the texts of the ticks do not overlap at `scale` px per unit."""
    widths = [text_width(text, TEXT_SIZE) for text in texts]
    gaps = [scale * (after - before) for before, after in pairwise(ticks)]
    return all(gap >= (a + b) / 2 + 5 for gap, (a, b) in zip(gaps, pairwise(widths), strict=True))


def _marks(fig: go.Figure, shown: Sequence[tuple[int, Row]], show, theme: Theme) -> None:
    """Whiskers and thick bars, then one trace of all dots, so that a click gives the row by its
    customdata."""
    for i, row in shown:
        for ends, width in (((row.low, row.high), 2), (row.spread or (None, None), 6)):
            if known(ends[0]) and known(ends[1]):
                fig.add_trace(
                    go.Scatter(
                        x=list(ends),
                        y=[i, i],
                        mode="lines",
                        line=dict(color=row.style.colour, width=width),
                        hoverinfo="skip",
                    )
                )
    fig.add_trace(
        go.Scatter(
            x=[row.estimate for _, row in shown],
            y=[i for i, _ in shown],
            mode="markers+text",
            marker=dict(
                size=10,
                color=[row.style.colour for _, row in shown],
                symbol=[row.style.symbol for _, row in shown],
                line=dict(color=theme.surface, width=1),
            ),
            text=[show(row.estimate) for _, row in shown],
            textposition="top center",
            textfont=dict(size=TEXT_SIZE, color=theme.text),
            cliponaxis=False,
            customdata=[i for i, _ in shown],
            hovertext=[_hover(row, show) for _, row in shown],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
