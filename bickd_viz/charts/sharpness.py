"""A figure against temperature, or against mean entropy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go

from bickd_viz.charts.lines import EndLabel, end_labels
from bickd_viz.charts.plot import Axis, Plot, Series
from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import nice_ticks, tick_text
from bickd_viz.theme import LIGHT, TEXT_SIZE, ModelStyle, Theme, layout_defaults


@dataclass(frozen=True)
class Curve:
    """One model: `y` [K] at `x` [K], hover text `note` [K], and its current point (x, y) or
    None."""

    style: ModelStyle
    x: np.ndarray
    y: np.ndarray
    note: Sequence[str]
    now: tuple[float, float] | None = None


def sharpness_curves(
    curves: Sequence[Curve],
    *,
    x_title: str,
    y_title: str = "overlap",
    mark: float | None = None,
    mark_name: str = "",
    log_x: bool = False,
    log_y: bool = False,
    zoomed: bool = False,
    theme: Theme = LIGHT,
    height: int = 260,
) -> go.Figure:
    """A line for each model, a dot at its current point, and a dotted vertical line at `mark`.

    Args:
        curves: One for each model. NaN leaves a gap.
        x_title: Title of the x axis.
        y_title: Title of the y axis.
        mark: Position of the vertical line.
        mark_name: Its name.
        log_x: For temperatures, which act by ratios.
        log_y: For overlaps, which span several powers of ten. Values of 0 and below leave a gap.
        zoomed: Show only the area around the dots, so that close dots can be told apart. Only for
            linear axes.
        theme: Colours.
        height: In px.
    """
    window = _window(curves) if zoomed and not (log_x or log_y) else None
    fig = go.Figure()
    layout_defaults(fig, theme, height=height, top=26, bottom=40, left=8, right=12)
    values, places, labels = [np.zeros(0)], [np.zeros(0)], []
    for curve in curves:
        x, y = np.asarray(curve.x, dtype=np.float64), np.asarray(curve.y, dtype=np.float64)
        y = np.where(y > 0, y, np.nan) if log_y else y
        good = np.isfinite(y)
        if not good.any():
            continue
        values.append(y[good])
        places.append(x)
        end = (
            float(y[good][-1])
            if window is None
            else float(np.interp(window[0][1], x[good], y[good]))
        )
        labels.append(
            EndLabel(curve.style.name, np.log10(end) if log_y else end, curve.style.colour)
        )
        _draw(fig, curve, x, y, y_title, theme)
    across = np.concatenate(places) if window is None else np.array(window[0])
    y_range = _y_range(np.concatenate(values), log_y) if window is None else window[1]
    _axes(fig, across, y_range, x_title, log_x, log_y, theme)
    fig.add_annotation(
        x=0, xref="paper", xanchor="left", y=1, yref="paper", yanchor="bottom", yshift=6,
        text=plotly_text(y_title),
        showarrow=False, font=dict(size=TEXT_SIZE, color=theme.muted),
    )  # fmt: skip
    if mark is not None and len(across):
        at = float(np.log10(mark)) if log_x else mark
        fig.add_vline(x=mark, line=dict(color=theme.muted, width=1, dash="dot"), layer="below")
        fig.add_annotation(
            x=at, y=1, yref="paper", yanchor="bottom", yshift=6, text=plotly_text(mark_name),
            showarrow=False,
            xanchor="center", font=dict(size=TEXT_SIZE, color=theme.muted),
        )  # fmt: skip
    end_labels(fig, labels, theme, y_range, height=height)
    return fig


def with_point(curve: Curve, x: float | None, y: float | None) -> Curve:
    """The curve with an extra point between two temperatures; unchanged if the point is not
    known."""
    if x is None or y is None:
        return curve
    at = int(np.searchsorted(np.asarray(curve.x, dtype=np.float64), x))
    xs, ys = np.insert(curve.x, at, x), np.insert(curve.y, at, y)
    return replace(
        curve, x=xs, y=ys, note=[*curve.note[:at], "at the teacher's entropy", *curve.note[at:]]
    )


def _window(curves: Sequence[Curve]) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Ranges of x and y around the dots, or None for fewer than two dots.

    The range is at least a twelfth of all x wide, so that dots above each other keep a part of
    their lines.
    """
    dots = np.array([curve.now for curve in curves if curve.now is not None], dtype=np.float64)
    if len(dots) < 2 or not np.isfinite(dots).all():
        return None
    (x_low, y_low), (x_high, y_high) = dots.min(axis=0), dots.max(axis=0)
    every = np.concatenate([np.asarray(curve.x, dtype=np.float64) for curve in curves])
    x_half = max(0.6 * (x_high - x_low), (every.max() - every.min()) / 24)
    y_room = 0.4 * (y_high - y_low) or 0.01
    middle = (x_low + x_high) / 2
    return (middle - x_half, middle + x_half), (max(0.0, y_low - y_room), y_high + y_room)


def sharpness_plot(
    curves: Sequence[Curve],
    *,
    x_title: str,
    y_title: str = "overlap",
    mark: float | None = None,
    mark_name: str = "",
    log_x: bool = False,
    log_y: bool = False,
    height: int = 260,
) -> Plot:
    """`sharpness_curves` for the browser's canvas."""

    def across(x):
        return np.log10(x) if log_x else np.asarray(x, dtype=np.float64)

    def up(y):
        with np.errstate(divide="ignore", invalid="ignore"):  # 0 and below leave a gap
            return np.log10(y) if log_y else np.asarray(y, dtype=np.float64)

    series, values, places, ends = [], [np.zeros(0)], [np.zeros(0)], []
    for curve in curves:
        heights = up(curve.y)
        good = np.isfinite(heights)
        if not good.any():
            continue
        look, y = curve.style, np.asarray(curve.y, dtype=np.float64)
        values.append(y[good])
        places.append(np.asarray(curve.x, dtype=np.float64))
        ends.append(EndLabel(look.name, float(heights[good][-1]), look.colour))
        notes = [
            f"{y_title} {v:.3f}\n{words}" for v, words in zip(y.tolist(), curve.note, strict=True)
        ]
        now = None
        if curve.now is not None and np.isfinite(curve.now).all():
            now = (
                float(across(curve.now[0])),
                float(up(curve.now[1])),
                f"now: {y_title} {curve.now[1]:.3f}",
            )
        series.append(
            Series(
                look.name,
                look.colour,
                "line",
                across(curve.x),
                heights,
                notes,
                look.symbol,
                now=now,
            )
        )
    x, y_range = np.concatenate(places), _y_range(np.concatenate(values), log_y)
    up_ticks, up_texts = _y_ticks(y_range, log_y)
    low, high, x_ticks = _x_ticks(x, log_x)
    return Plot(
        Axis(float(across(low)), float(across(high)), across(x_ticks).tolist(), _x_texts(x_ticks,
        log_x), x_title),
        Axis(*y_range, up(up_ticks).tolist(), up_texts, y_title, grid=True),
        series,
        height=height,
        names="ends",
        ends=ends,
        rules=[("x", float(across(mark)), mark_name)] if mark is not None and len(x) else [],
    )  # fmt: skip


def _draw(
    fig: go.Figure, curve: Curve, x: np.ndarray, y: np.ndarray, y_title: str, theme: Theme
) -> None:
    """The line of one model, and the dot at its current point."""
    fig.add_trace(
        go.Scatter(
            x=x.astype(np.float32),
            y=y.astype(np.float32),
            name=plotly_text(curve.style.name),
            mode="lines",
            line=dict(color=curve.style.colour, width=2),
            hovertext=[plotly_text(words) for words in curve.note],
            hovertemplate=(
                f"<b>{plotly_text(curve.style.name)}</b> {y_title}"
                " %{y:.3f}<br>%{hovertext}<extra></extra>"
            ),
        )
    )
    if curve.now is not None and np.isfinite(curve.now).all():
        fig.add_trace(
            go.Scatter(
                x=[curve.now[0]],
                y=[curve.now[1]],
                mode="markers",
                marker=dict(
                    size=10,
                    color=curve.style.colour,
                    symbol=curve.style.symbol,
                    line=dict(color=theme.surface, width=1.5),
                ),
                hovertemplate=(
                    f"<b>{plotly_text(curve.style.name)}</b> now: {y_title}"
                    " %{y:.3f}<extra></extra>"
                ),
                cliponaxis=False,
            )
        )


def _y_range(values: np.ndarray, log_y: bool) -> tuple[float, float]:
    """The range in the axis's units: powers of ten if log_y."""
    if not len(values):
        return (-2.0, 0.0) if log_y else (0.0, 1.0)
    if log_y:
        low, high = float(np.log10(values.min())), float(np.log10(values.max()))
        room = 0.05 * (high - low or 1.0)
        return low - room, high + room
    low, high = min(0.0, float(values.min())), float(values.max())
    return low, high + 0.06 * (high - low or 1.0)


def _axes(
    fig: go.Figure,
    x: np.ndarray,
    y: tuple[float, float],
    x_title: str,
    log_x: bool,
    log_y: bool,
    theme: Theme,
) -> None:
    ticks, texts = _y_ticks(y, log_y)
    fig.update_yaxes(type="log" if log_y else None, range=list(y), tickvals=ticks, ticktext=texts)
    fig.update_yaxes(
        tickfont=dict(color=theme.muted), automargin=True, ticklabelstandoff=4, showgrid=True
    )
    first, last, shown = _x_ticks(x, log_x)
    fig.update_xaxes(
        title=dict(text=plotly_text(x_title), standoff=4), tickfont=dict(color=theme.muted)
    )
    ends = [np.log10(first), np.log10(last)] if log_x else [first, last]
    fig.update_xaxes(type="log" if log_x else None, range=ends, tickvals=shown)
    fig.update_xaxes(ticktext=_x_texts(shown, log_x))


def _y_ticks(y: tuple[float, float], log_y: bool) -> tuple[list[float], list[str]]:
    if not log_y:
        ticks = nice_ticks(*y, most=5)
        return ticks, tick_text(ticks, "number")
    powers = [m * 10.0**k for k in range(-8, 2) for m in (1, 3)]
    ticks = [t for t in powers if y[0] <= np.log10(t) <= y[1]]
    ticks = ticks if len(ticks) <= 6 else [t for t in ticks if round(np.log10(t) % 1, 6) == 0]
    return ticks, [f"{t:g}" for t in ticks]


def _x_ticks(x: np.ndarray, log_x: bool) -> tuple[float, float, list[float]]:
    """First and last value of the axis, and its ticks."""
    first, last = (float(x.min()), float(x.max())) if len(x) else (0.5 if log_x else 0.0, 1.0)
    last = last if last > first else first + 1.0
    if log_x:
        return first, last, [t for t in (0.5, 1.0, 2.0, 4.0, 8.0, 16.0) if first <= t <= last]
    return first, last, nice_ticks(first, last, most=5)


def _x_texts(ticks: list[float], log_x: bool) -> list[str]:
    return [f"{t:g}" for t in ticks] if log_x else tick_text(ticks, "number")
