"""A figure against temperature, or against mean entropy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bickd_viz.charts.lines import EndLabel
from bickd_viz.charts.plot import Axis, Plot, Series
from bickd_viz.scales import nice_ticks, tick_text
from bickd_viz.text.numbers import fixed
from bickd_viz.theme import ModelStyle


@dataclass(frozen=True)
class Curve:
    """One model: `y` [K] at `x` [K], hover text `note` [K], and its current point (x, y) or
    None."""

    style: ModelStyle
    x: np.ndarray
    y: np.ndarray
    note: Sequence[str]
    now: tuple[float, float] | None = None


def sharpness_plot(
    curves: Sequence[Curve],
    *,
    x_title: str,
    y_title: str = "overlap",
    rule: tuple[float, str] | None = None,
    log_x: bool = False,
    log_y: bool = False,
    height: int = 260,
) -> Plot:
    """A line for each model, a dot at its current point, and a dotted vertical line.

    Args:
        curves: One for each model. NaN leaves a gap.
        x_title: Title of the x axis.
        y_title: Title of the y axis.
        rule: Position and name of the vertical line.
        log_x: For temperatures, which act by ratios.
        log_y: For overlaps, which span several powers of ten. Values of 0 and below leave a gap.
        height: In px.
    """

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
        style, y = curve.style, np.asarray(curve.y, dtype=np.float64)
        values.append(y[good])
        places.append(np.asarray(curve.x, dtype=np.float64))
        ends.append(EndLabel(style.name, float(heights[good][-1]), style.colour))
        notes = [
            f"{y_title} {fixed(v)}\n{note}" for v, note in zip(y.tolist(), curve.note, strict=True)
        ]
        now = None
        if curve.now is not None and np.isfinite(curve.now).all():
            text = f"now: {y_title} {fixed(curve.now[1])}"
            now = (float(across(curve.now[0])), float(up(curve.now[1])), text)
        x, heights = across(curve.x), np.where(good, heights, np.nan)
        series.append(
            Series(style.name, style.colour, "line", x, heights, notes, style.symbol, now=now)
        )
    every, y_range = np.concatenate(places), _y_range(np.concatenate(values), log_y)
    y_ticks, y_texts = _y_ticks(y_range, log_y)
    low, high, x_ticks = _x_ticks(every, log_x)
    return Plot(
        Axis(
            float(across(low)),
            float(across(high)),
            across(x_ticks).tolist(),
            [f"{tick:g}" for tick in x_ticks] if log_x else tick_text(x_ticks, "number"),
            x_title,
            log=log_x,
        ),
        Axis(*y_range, up(y_ticks).tolist(), y_texts, y_title, grid=True, log=log_y),
        series,
        height=height,
        names="ends",
        ends=ends,
        rules=[("x", float(across(rule[0])), rule[1])] if rule is not None and len(every) else [],
    )


def zoom_to_dots(plot: Plot) -> Plot:
    """Show only the area around the current points, so that close dots can be told apart.

    The x range is at least a twelfth of all x wide, so that dots above each other keep a part of
    their lines. With fewer than two dots, the plot is returned as it is. Only for linear axes, and
    only for the Plotly figure, which cuts off what is outside.
    """
    dots = np.array([series.now[:2] for series in plot.series if series.now is not None])
    if len(dots) < 2:
        return plot
    (x_low, y_low), (x_high, y_high) = dots.min(axis=0).tolist(), dots.max(axis=0).tolist()
    every = np.concatenate([series.x for series in plot.series])
    x_half = max(0.6 * (x_high - x_low), float(every.max() - every.min()) / 24)
    y_room = 0.4 * (y_high - y_low) or 0.01
    left, right = (x_low + x_high) / 2 - x_half, (x_low + x_high) / 2 + x_half
    bottom, top = max(0.0, y_low - y_room), y_high + y_room
    x_ticks, y_ticks = nice_ticks(left, right, most=5), nice_ticks(bottom, top, most=5)
    ends = []
    for series, end in zip(plot.series, plot.ends, strict=True):
        good = np.isfinite(series.y)
        ends.append(replace(end, y=float(np.interp(right, series.x[good], series.y[good]))))
    return replace(
        plot,
        x=replace(plot.x, low=left, high=right, ticks=x_ticks, texts=tick_text(x_ticks, "number")),
        y=replace(plot.y, low=bottom, high=top, ticks=y_ticks, texts=tick_text(y_ticks, "number")),
        ends=ends,
    )


def with_point(curve: Curve, x: float | None, y: float | None) -> Curve:
    """The curve with an extra point between two temperatures; unchanged if the point is not
    known."""
    if x is None or y is None:
        return curve
    at = int(np.searchsorted(np.asarray(curve.x, dtype=np.float64), x))
    xs, ys = np.insert(curve.x, at, x), np.insert(curve.y, at, y)
    return replace(
        curve,
        x=xs,
        y=ys,
        note=[*curve.note[:at], "at the teacher's mean entropy", *curve.note[at:]],
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
