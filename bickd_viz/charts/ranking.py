"""Rankings of classes by a figure, for example how much a class overlaps with all
others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bickd_viz.charts.plot import Axis, Plot, Series
from bickd_viz.scales import FINEST, nice_ticks, short, tick_text
from bickd_viz.text.numbers import fixed
from bickd_viz.theme import ModelStyle

ROW_HEIGHT = 24

Limits = tuple[np.ndarray, np.ndarray]
"""Low and high ends [C] of the intervals of one model."""


def ranking_plot(
    models: Sequence[tuple[ModelStyle, np.ndarray]],
    class_names: Sequence[str],
    *,
    top: int = 12,
    order_by: int = 0,
    x_title: str = "overlap",
    height: int | None = None,
    limits: Sequence[Limits | None] | None = None,
) -> Plot:
    """The `top` classes with the largest values, the largest first.

    One model is drawn as bars with values, several as dots on one line per class. A class without a
    value (NaN) is not ranked. Each mark reports its class index.

    Args:
        models: (style, values [C]) of each.
        class_names: [C].
        top: Number of classes.
        order_by: Index of the model that orders the classes.
        x_title: Title of the axis.
        height: In px, without the legend of the Plotly figure. Default: enough for all classes.
        limits: The intervals of each model, or None. Drawn as whiskers on dots.
    """
    tables, ranked = _ranked(models, class_names, top, order_by)
    low, high = _range(tables, limits, ranked)
    ticks = nice_ticks(low, high, most=4)
    rows = np.arange(len(ranked), dtype=np.float64)
    single = len(models) == 1
    series, block = [], np.array([table[ranked] for table in tables])
    for (style, _), values, ends in zip(models, block, limits or [None] * len(models), strict=True):
        notes = [
            f"{class_names[c]}: {x_title} {fixed(v)}" for c, v in zip(ranked, values, strict=True)
        ]
        whiskers = []
        if ends is not None and not single:
            whiskers = [(float(ends[0][c]), float(ends[1][c])) for c in ranked]
        series.append(
            Series(
                style.name,
                style.colour,
                "bars" if single else "dots",
                values,
                rows,
                notes,
                style.symbol,
                ranked,
                whiskers,
            )
        )
    spans = [] if single else [(k, float(v.min()), float(v.max())) for k, v in _known(block)]
    names = [short(str(class_names[c]), 18) for c in ranked]
    return Plot(
        Axis(low, high, ticks, tick_text(ticks, "number"), x_title, grid=not single),
        Axis(len(ranked) - 0.4, -0.6, rows.tolist(), names),
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
            raise ValueError(f"values must have shape ({len(class_names)},), got {table.shape}.")
    key = tables[order_by]
    order = np.argsort(-np.nan_to_num(key, nan=-np.inf), kind="stable").tolist()
    return tables, [c for c in order if np.isfinite(key[c])][:top]


def _known(block: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """The number of each row and the finite values of all models in it."""
    return [(k, values[np.isfinite(values)]) for k, values in enumerate(block.T)]


def _range(
    tables: Sequence[np.ndarray], limits: Sequence[Limits | None] | None, ranked: list[int]
) -> tuple[float, float]:
    """Ends of the axis. Bars start at 0, and both ends leave room for the numbers beside them. Dots
    start at their values, because correlations can be below 0."""
    single = len(tables) == 1
    ends = [end for pair in limits or () if pair is not None for end in pair]
    shown = np.array([np.asarray(table)[ranked] for table in (*tables, *ends)])
    shown = shown[np.isfinite(shown)]
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (0.0, 1.0)
    if single and low < 0:
        span = max(high, 0.0) - low
        return low - 0.3 * span, max(high, 0.0) + 0.3 * span
    span = high - low or 0.1
    low = 0.0 if low >= 0 and (single or low < 0.5 * high) else low - 0.06 * span
    top = high + (high if single else span) * (0.2 if single else 0.06)
    return low, top if top - low > FINEST else low + 0.01
