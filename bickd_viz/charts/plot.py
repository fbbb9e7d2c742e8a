"""A chart of lines, steps or dots as plain numbers, which the app's canvas draws without Plotly.

All numbers are in the units of their axis (logarithms for a logarithmic axis), so that drawing only
scales them. Each of these charts has a Plotly version for exports, reports and notebooks, made from
the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bickd_viz.charts.lines import LABEL_GAP, EndLabel
from bickd_viz.scales import keep_apart, short, text_width
from bickd_viz.theme import LABEL_SIZE, TEXT_SIZE, Theme


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high` with labelled ticks. `grid` draws a line at each tick."""

    low: float
    high: float
    ticks: Sequence[float]
    texts: Sequence[str]
    title: str = ""
    grid: bool = False


@dataclass(frozen=True)
class Series:
    """The marks of one model.

    Attributes:
        kind: "line", "steps" (constant until the next x), "dots", or "bars" (from the low end of
            the axis).
        x: [n].
        y: [n]. NaN leaves a gap.
        notes: Hover text [n], shown below the name.
        ids: What a click on a mark reports [n], or none.
        whiskers: (low, high) along x [n], or none.
        fill: Opacity of the area below a line or steps.
        now: One extra dot: (x, y, text).
    """

    name: str
    colour: str
    kind: str
    x: np.ndarray
    y: np.ndarray
    notes: Sequence[str]
    symbol: str = "circle"
    ids: Sequence[int] = ()
    whiskers: Sequence[tuple[float, float]] = ()
    fill: float = 0.0
    now: tuple[float, float, str] | None = None


@dataclass(frozen=True)
class Plot:
    """A whole chart.

    Attributes:
        names: Where the names are: "above" or "below" (a legend), "ends" (at the ends of the
            lines), or "" (none).
        ends: The ideal positions of the names at the ends.
        rules: Dotted lines: (axis "x" or "y", position, name).
        spans: Pale lines behind the dots: (y, from, to).
        first: The series that the keyboard walks through.
    """

    x: Axis
    y: Axis
    series: Sequence[Series]
    height: int
    names: str = ""
    ends: Sequence[EndLabel] = ()
    rules: Sequence[tuple[str, float, str]] = ()
    spans: Sequence[tuple[float, float, float]] = ()
    first: int = 0

    def data(self, theme: Theme) -> dict[str, object]:
        """The chart for the browser's component: numbers with six digits, null for gaps, colours as
        text."""
        top, bottom = 26 if self.y.title or any(name for *_, name in self.rules) else 10, 40
        inner = self.height - top - bottom
        names, labels = self.names, []
        if names == "ends" and LABEL_GAP * len(self.ends) > inner:
            names = "below"
        elif names == "ends":
            unit = (self.y.high - self.y.low) / inner
            edge = 0.5 * LABEL_GAP * unit
            wanted = [end.y for end in self.ends]
            places = keep_apart(wanted, LABEL_GAP * unit, self.y.low + edge, self.y.high - edge)
            labels = [
                [short(e.name, 14), e.colour, p] for e, p in zip(self.ends, places, strict=True)
            ]
        room = max((text_width(str(words), LABEL_SIZE) for words, *_ in labels), default=0)
        size = LABEL_SIZE if self._ranks() else TEXT_SIZE
        return {
            "height": self.height,
            "margin": [top, room + 14, bottom, 12 + max((text_width(t,
            size) for t in self.y.texts), default=0)],
            "x": _axis(self.x),
            "y": {**_axis(self.y), "size": size, "text": self._ranks()},
            "series": [_series(one) for one in self.series],
            "names": names,
            "ends": labels,
            "rules": [list(rule) for rule in self.rules],
            "first": self.first,
            "spans": [_numbers(span) for span in self.spans],
            "theme": {name: getattr(theme, name) for name in ("accent", "surface", "text", "muted",
            "grid")},
        }  # fmt: skip

    def _ranks(self) -> bool:
        """Whether the y axis shows names instead of a quantity."""
        return any(series.kind in ("dots", "bars") for series in self.series)


def _axis(axis: Axis) -> dict[str, object]:
    ticks = [[round(float(at), 6), words] for at, words in zip(axis.ticks, axis.texts, strict=True)]
    return {
        "low": float(axis.low),
        "high": float(axis.high),
        "ticks": ticks,
        "title": axis.title,
        "grid": axis.grid,
    }


def _series(one: Series) -> dict[str, object]:
    now = None if one.now is None else [*_numbers(one.now[:2]), one.now[2]]
    return {
        "name": one.name, "colour": one.colour, "symbol": one.symbol, "kind": one.kind,
        "x": _numbers(one.x),
        "y": _numbers(one.y), "notes": list(one.notes), "ids": [int(id) for id in one.ids],
        "fill": one.fill,
        "whiskers": [_numbers(ends) for ends in one.whiskers], "now": now,
    }  # fmt: skip


def _numbers(values: Sequence[float] | np.ndarray) -> list[float | None]:
    return [
        float(f"{v:.6g}") if np.isfinite(v) else None
        for v in np.asarray(values, dtype=np.float64).tolist()
    ]
