"""A chart of lines, steps, dots or bars as plain numbers, with two renderers.

`Plot.data` is for the app's component, which draws without Plotly. `Plot.figure` is the Plotly
figure for exports, reports and notebooks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from bickd_viz.charts.lines import LABEL_GAP, EndLabel, end_labels, title_above
from bickd_viz.contrast import text_colour
from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import keep_apart, short, text_width
from bickd_viz.text.classes import isolated
from bickd_viz.text.numbers import fixed
from bickd_viz.theme import (
    LABEL_SIZE,
    LIGHT,
    TEXT_SIZE,
    Theme,
    faded,
    layout_defaults,
    legend_above,
    legend_below,
    legend_height,
)


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high` with labelled ticks.

    Attributes:
        grid: Whether each tick has a line.
        log: Whether the axis is logarithmic. All its numbers are then logarithms to base 10.
    """

    low: float
    high: float
    ticks: Sequence[float]
    texts: Sequence[str]
    title: str = ""
    grid: bool = False
    log: bool = False


@dataclass(frozen=True)
class Series:
    """The marks of one model, in the units of the axes.

    Attributes:
        kind: "line", "steps" (constant until the next x), "dots", or "bars" (from x = 0,
            which the axis must include).
        x: [n].
        y: [n]. NaN leaves a gap.
        notes: Hover text [n], shown after the name. Steps need none for the last x.
        ids: What a click on a mark reports [n], or none.
        whiskers: (low, high) along x [n], or none.
        fill: Opacity of the area below a line or steps.
        points: Whether a line has a symbol at each x.
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
    points: bool = False
    now: tuple[float, float, str] | None = None


@dataclass(frozen=True)
class Plot:
    """A whole chart.

    Attributes:
        height: In px. The legend of a Plotly figure is added to it.
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
        top, bottom = self._top(), 40
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
                [short(e.name, 14), text_colour(e.colour, theme), p]
                for e, p in zip(self.ends, places, strict=True)
            ]
        room = max((text_width(str(name), LABEL_SIZE) for name, *_ in labels), default=0)
        size = LABEL_SIZE if self._ranks() else TEXT_SIZE
        left = 12 + max((text_width(text, size) for text in self.y.texts), default=0)
        return {
            "height": self.height,
            "margin": [top, room + 14, bottom, left],
            "x": _axis(self.x),
            "y": {**_axis(self.y), "size": size, "text": self._ranks()},
            "series": [_series(series) for series in self.series],
            "names": names,
            "ends": labels,
            "rules": [list(rule) for rule in self.rules],
            "first": self.first,
            "spans": [_numbers(span) for span in self.spans],
            "theme": {
                name: getattr(theme, name)
                for name in ("accent", "surface", "text", "muted", "grid")
            },
        }

    def figure(self, theme: Theme = LIGHT) -> go.Figure:
        """The same chart as a Plotly figure. The hover shows the notes, and marks have their ids as
        customdata."""
        fig = go.Figure()
        legend = 0
        if self.names in ("above", "below"):
            legend = legend_height([series.name for series in self.series])
        above = legend if self.names == "above" else 0
        left = 8
        if self._ranks():  # a tick's name must not be cut off, whatever Plotly measures
            left += 6 + max((text_width(text, LABEL_SIZE) for text in self.y.texts), default=0)
        layout_defaults(
            fig,
            theme,
            height=self.height + legend,
            top=self._top() + above,
            bottom=40 + legend - above,
            left=left,
            right=12,
        )
        self._draw_axes(fig, theme)
        self._draw_behind(fig, theme)
        for series in self.series:
            fig.add_trace(_TRACES[series.kind](series, self, theme))
            if series.now is not None:
                fig.add_trace(_now(series, self, theme))
        if self.names == "above":
            legend_above(fig, theme)
        elif self.names == "below":
            legend_below(fig, theme)
        elif self.names == "ends":
            y_range = (self.y.low, self.y.high)
            end_labels(fig, self.ends, theme, y_range, height=self.height)
        return fig

    def _top(self) -> int:
        """Px above the axes, with room for the title of y and the names of the rules."""
        return 26 if self.y.title or any(name for *_, name in self.rules) else 10

    def _ranks(self) -> bool:
        """Whether the y axis shows names instead of a quantity."""
        return any(series.kind in ("dots", "bars") for series in self.series)

    def _draw_axes(self, fig: go.Figure, theme: Theme) -> None:
        for axis, update in ((self.x, fig.update_xaxes), (self.y, fig.update_yaxes)):
            update(
                type="log" if axis.log else None,
                range=[axis.low, axis.high],
                tickvals=[float(f"{value:.9g}") for value in _values(axis, axis.ticks)],
                ticktext=[plotly_text(text) for text in axis.texts],
                tickfont=dict(color=theme.muted),
                showgrid=axis.grid,
            )
        fig.update_xaxes(title=dict(text=plotly_text(self.x.title), standoff=4))
        if self._ranks():
            names = dict(size=LABEL_SIZE, color=theme.text)
            fig.update_yaxes(tickfont=names, ticklabelstandoff=6)
        else:
            fig.update_yaxes(automargin=True, ticklabelstandoff=4)
        title_above(fig, self.y.title, theme)

    def _draw_behind(self, fig: go.Figure, theme: Theme) -> None:
        """Draw the rules and the spans."""
        dotted = dict(line=dict(color=theme.muted, width=1, dash="dot"), layer="below")
        for axis, at, name in self.rules:
            if axis == "y":
                fig.add_hline(y=float(_values(self.y, [at])[0]), **dotted)
                continue
            fig.add_vline(x=float(_values(self.x, [at])[0]), **dotted)
            if name:
                share = (at - self.x.low) / (self.x.high - self.x.low)
                side = "left" if share < 0.75 else "center"  # clear of the title of y
                fig.add_annotation(
                    x=at, y=1, yref="paper", xanchor=side, yanchor="bottom", yshift=6,
                    text=plotly_text(name), showarrow=False,
                    font=dict(size=TEXT_SIZE, color=theme.muted),
                )  # fmt: skip
        if self.spans:
            fig.add_trace(
                go.Scatter(
                    x=[value for _, low, high in self.spans for value in (low, high, None)],
                    y=[value for row, *_ in self.spans for value in (row, row, None)],
                    mode="lines",
                    line=dict(color=theme.grid, width=3),
                    hoverinfo="skip",
                    showlegend=False,
                )
            )


def _values(axis: Axis, numbers: Sequence[float] | np.ndarray) -> np.ndarray:
    """Numbers in the units of an axis as the values that they stand for."""
    numbers = np.asarray(numbers, dtype=np.float64)
    return 10.0**numbers if axis.log else numbers


def _shared(series: Series, plot: Plot) -> dict[str, object]:
    """What all traces have: values, name, hover and ids."""
    name = plotly_text(series.name)
    title = plotly_text(isolated(series.name))
    notes = [plotly_text(note).replace("\n", "<br>") for note in series.notes]
    return dict(
        x=_values(plot.x, series.x).astype(np.float32),
        y=_values(plot.y, series.y).astype(np.float32),
        name=name,
        hovertext=notes + notes[-1:] if series.kind == "steps" else notes,
        hovertemplate=f"<b>{title}</b> %{{hovertext}}<extra></extra>",
        customdata=list(series.ids) or None,
    )


def _line(series: Series, plot: Plot, theme: Theme) -> go.Scatter:
    return go.Scatter(
        **_shared(series, plot),
        mode="lines+markers" if series.points else "lines",
        line=dict(color=series.colour, width=2, shape="hv" if series.kind == "steps" else "linear"),
        marker=dict(color=series.colour, symbol=series.symbol, size=6),
        fill="tozeroy" if series.fill else None,
        fillcolor=faded(series.colour, series.fill) if series.fill else None,
    )


def _dots(series: Series, plot: Plot, theme: Theme) -> go.Scatter:
    whiskers = None
    if series.whiskers:
        low, high = np.transpose(series.whiskers)
        whiskers = dict(
            type="data",
            symmetric=False,
            array=high - series.x,
            arrayminus=series.x - low,
            color=series.colour,
            thickness=1.4,
            width=0,
        )
    return go.Scatter(
        **_shared(series, plot),
        mode="markers",
        marker=_symbol(series, theme),
        error_x=whiskers,
        cliponaxis=False,
    )


def _bars(series: Series, plot: Plot, theme: Theme) -> go.Bar:
    return go.Bar(
        **_shared(series, plot),
        orientation="h",
        width=0.62,
        marker=dict(color=series.colour, line=dict(width=0)),
        text=[fixed(value) for value in series.x],
        textposition="outside",
        textfont=dict(size=TEXT_SIZE, color=theme.text),
        textangle=0,
        cliponaxis=False,
    )


def _now(series: Series, plot: Plot, theme: Theme) -> go.Scatter:
    """The extra dot of a series."""
    assert series.now is not None
    x, y, text = series.now
    return go.Scatter(
        x=_values(plot.x, [x]).astype(np.float32),
        y=_values(plot.y, [y]).astype(np.float32),
        mode="markers",
        marker=_symbol(series, theme),
        hovertext=[plotly_text(text)],
        hovertemplate=f"<b>{plotly_text(series.name)}</b> %{{hovertext}}<extra></extra>",
        cliponaxis=False,
        showlegend=False,
    )


def _symbol(series: Series, theme: Theme) -> dict[str, object]:
    outline = dict(color=theme.surface, width=1)
    return dict(size=10, color=series.colour, symbol=series.symbol, line=outline)


_TRACES = {"line": _line, "steps": _line, "dots": _dots, "bars": _bars}


def _axis(axis: Axis) -> dict[str, object]:
    ticks = [[round(float(at), 6), text] for at, text in zip(axis.ticks, axis.texts, strict=True)]
    return {
        "low": float(axis.low),
        "high": float(axis.high),
        "ticks": ticks,
        "title": axis.title,
        "grid": axis.grid,
    }


def _series(series: Series) -> dict[str, object]:
    now = None if series.now is None else [*_numbers(series.now[:2]), series.now[2]]
    return {
        "name": series.name,
        "colour": series.colour,
        "symbol": series.symbol,
        "kind": series.kind,
        "x": _numbers(series.x),
        "y": _numbers(series.y),
        "notes": list(series.notes),
        "ids": [int(id) for id in series.ids],
        "fill": series.fill,
        "points": series.points,
        "whiskers": [_numbers(ends) for ends in series.whiskers],
        "now": now,
    }


def _numbers(values: Sequence[float] | np.ndarray) -> list[float | None]:
    return [
        float(f"{v:.6g}") if np.isfinite(v) else None
        for v in np.asarray(values, dtype=np.float64).tolist()
    ]
