"""Rankings of classes by a figure, for example leakage: how much a class overlaps with all
others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bickd_viz.charts.plot import Axis, Plot, Series
from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import nice_ticks, short, text_width, tick_text
from bickd_viz.theme import (
    LABEL_SIZE,
    LIGHT,
    TEXT_SIZE,
    ModelStyle,
    Theme,
    layout_defaults,
    legend_below,
)

ROW_HEIGHT = 24


def leakage_ranking(
    models: Sequence[tuple[ModelStyle, np.ndarray]],
    class_names: Sequence[str],
    *,
    top: int = 12,
    order_by: int = 0,
    x_title: str = "leakage",
    theme: Theme = LIGHT,
    height: int | None = None,
    limits: Sequence[tuple[np.ndarray, np.ndarray] | None] | None = None,
) -> go.Figure:
    """The `top` classes with the most leakage, the largest first.

    One model is drawn as bars with values, several as dots on one line per class. A class that
    nobody predicts (NaN) is not ranked. Each mark has its original class index as 1-D customdata.

    Args:
        models: (style, leakage [C]) of each. Leakage is the mean off-diagonal entry of a class's
            row of the Gram.
        class_names: [C].
        top: Number of classes.
        order_by: Index of the model that orders the classes.
        x_title: Title of the axis.
        theme: Colours.
        height: In px. Default: enough for all classes.
        limits: (low [C], high [C]) of each model's intervals, or None. Drawn as whiskers.
    """
    tables, ranked = _ranked(models, class_names, top, order_by)
    single = len(models) == 1
    names = [short(str(class_names[c]), 18) for c in ranked]
    legend = (
        0 if single else 12 + 22 * -(-sum(50 + 8 * len(style.name) for style, _ in models) // 320)
    )
    height = height or 52 + ROW_HEIGHT * max(len(ranked), 1) + legend
    left = 14 + max((text_width(name, LABEL_SIZE) for name in names), default=0)
    fig = go.Figure()
    layout_defaults(fig, theme, height=height, left=left, right=10, top=4, bottom=48 + legend)
    rows = list(range(len(ranked)))
    if single:
        _bars(fig, models[0][0], tables[0], ranked, class_names, x_title, theme)
    else:
        _dots(
            fig, models, tables, limits or [None] * len(models), ranked, class_names, x_title, theme
        )
        legend_below(fig, theme)
    low, high = _range(tables, limits, ranked)
    ticks = nice_ticks(low, high, most=4)
    fig.update_xaxes(
        range=[low, high],
        tickvals=ticks,
        ticktext=tick_text(ticks, "number"),
        tickfont=dict(color=theme.muted),
        title=dict(text=plotly_text(x_title), standoff=4),
        showgrid=not single,
    )
    fig.update_yaxes(
        range=[len(ranked) - 0.4, -0.6],
        tickvals=rows,
        ticktext=[plotly_text(name) for name in names],
        ticklabelstandoff=6,
    )
    fig.update_yaxes(tickfont=dict(size=LABEL_SIZE))
    return fig


def ranking_plot(
    models: Sequence[tuple[ModelStyle, np.ndarray]],
    class_names: Sequence[str],
    *,
    top: int = 12,
    order_by: int = 0,
    x_title: str = "leakage",
    height: int | None = None,
    limits: Sequence[tuple[np.ndarray, np.ndarray] | None] | None = None,
) -> Plot:
    """`leakage_ranking` for the browser's canvas: the same classes, order and range. A mark reports
    its class index."""
    tables, ranked = _ranked(models, class_names, top, order_by)
    low, high = _range(tables, limits, ranked)
    ticks = nice_ticks(low, high, most=4)
    rows = np.arange(len(ranked), dtype=np.float64)
    single = len(models) == 1
    series, block = [], np.array([table[ranked] for table in tables])
    for (style, _), values, ends in zip(models, block, limits or [None] * len(models), strict=True):
        notes = [
            f"{class_names[c]}: {x_title} {v:.3f}" for c, v in zip(ranked, values, strict=True)
        ]
        whiskers = (
            []
            if ends is None or single
            else [(float(ends[0][c]), float(ends[1][c])) for c in ranked]
        )
        kind = "bars" if single else "dots"
        series.append(
            Series(
                style.name, style.colour, kind, values, rows, notes, style.symbol, ranked, whiskers
            )
        )
    spans = (
        []
        if single
        else [(k, float(np.nanmin(v)), float(np.nanmax(v))) for k, v in enumerate(block.T)]
    )
    return Plot(
        Axis(low, high, ticks, tick_text(ticks, "number"), x_title, grid=not single),
        Axis(
            len(ranked) - 0.4, -0.6, rows.tolist(), [short(str(class_names[c]), 18) for c in ranked]
        ),
        series,
        height=height or 52 + ROW_HEIGHT * max(len(ranked), 1),
        names="" if single else "below",
        spans=spans,
        first=order_by,
    )


def _ranked(
    models: Sequence[tuple[ModelStyle, np.ndarray]],
    class_names: Sequence[str],
    top: int,
    order_by: int,
) -> tuple[list[np.ndarray], list[int]]:
    """Each model's values [C], and the classes shown, the largest of the model at `order_by`
    first."""
    tables = [np.asarray(values, dtype=np.float64) for _, values in models]
    for table in tables:
        if table.shape != (len(class_names),):
            raise ValueError(f"leakage must have shape ({len(class_names)},), got {table.shape}.")
    key = tables[order_by]
    order = np.argsort(-np.nan_to_num(key, nan=-np.inf), kind="stable").tolist()
    return tables, [c for c in order if np.isfinite(key[c])][:top]


def _range(
    tables: Sequence[np.ndarray],
    limits: Sequence[tuple[np.ndarray, np.ndarray] | None] | None,
    ranked: list[int],
) -> tuple[float, float]:
    """Ends of the axis. Bars start at 0. Dots start at their values, because correlations can be
    below 0."""
    single = len(tables) == 1
    ends = [end for pair in limits or () if pair is not None for end in pair]
    shown = np.array([np.asarray(table)[ranked] for table in (*tables, *ends)])
    shown = shown[np.isfinite(shown)]
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (0.0, 1.0)
    span = high - low or 0.1
    low = 0.0 if low >= 0 and (single or low < 0.5 * high) else low - 0.06 * span
    return low, high + (high if single else span) * (0.2 if single else 0.06)


def _hover(style: ModelStyle, values: np.ndarray, ranked, class_names, x_title: str) -> list[str]:
    return [
        f"<b>{plotly_text(class_names[c])}</b><br>{plotly_text(style.name)} {plotly_text(x_title)}"
        f" {values[c]:.3f}"
        for c in ranked
    ]


def _bars(fig, style, values, ranked, class_names, x_title, theme: Theme) -> None:
    fig.add_trace(
        go.Bar(
            x=[float(values[c]) for c in ranked],
            y=list(range(len(ranked))),
            orientation="h",
            marker=dict(color=style.colour, line=dict(width=0)),
            width=0.62,
            text=[f"{values[c]:.3f}" for c in ranked],
            textposition="outside",
            textfont=dict(size=TEXT_SIZE, color=theme.text),
            textangle=0,
            cliponaxis=False,
            customdata=list(ranked),
            hovertext=_hover(style, values, ranked, class_names, x_title),
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )


def _dots(fig, models, tables, limits, ranked, class_names, x_title, theme: Theme) -> None:
    block = np.array([[table[c] for table in tables] for c in ranked]).reshape(
        len(ranked), len(tables)
    )
    x, y = [], []
    for k, line in enumerate(block):
        good = line[np.isfinite(line)]
        x += [float(good.min()), float(good.max()), None]
        y += [k, k, None]
    fig.add_trace(
        go.Scatter(
            x=x,
            y=y,
            mode="lines",
            line=dict(color=theme.grid, width=3),
            hoverinfo="skip",
            showlegend=False,
        )
    )
    for (style, _), values, ends in zip(models, tables, limits, strict=True):
        whiskers = None
        if ends is not None:
            whiskers = dict(
                type="data",
                symmetric=False,
                array=[float(ends[1][c] - values[c]) for c in ranked],
                arrayminus=[float(values[c] - ends[0][c]) for c in ranked],
                color=style.colour,
                thickness=1.4,
                width=0,
            )
        fig.add_trace(
            go.Scatter(
                x=[float(values[c]) for c in ranked],
                y=list(range(len(ranked))),
                error_x=whiskers,
                name=plotly_text(style.name),
                mode="markers",
                cliponaxis=False,
                marker=dict(
                    size=10,
                    color=style.colour,
                    symbol=style.symbol,
                    line=dict(color=theme.surface, width=1),
                ),
                customdata=list(ranked),
                hovertext=_hover(style, values, ranked, class_names, x_title),
                hovertemplate="%{hovertext}<extra></extra>",
                unselected=dict(marker=dict(opacity=1)),
            )
        )
