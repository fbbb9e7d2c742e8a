"""The eigenvalue spectrum of a class Gram."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bickd_viz.charts.lines import EndLabel
from bickd_viz.charts.plot import Axis, Plot, Series
from bickd_viz.scales import nice_ticks, tick_text
from bickd_viz.theme import ModelStyle

MOST_POINTS = 20
"""Up to this many eigenvalues, each has a symbol."""
MOST_DRAWN = 200
"""Of more eigenvalues, the largest quarter of this number and evenly spaced others are drawn."""


def spectrum_plot(models: Sequence[tuple[ModelStyle, np.ndarray]], *, height: int = 220) -> Plot:
    """Eigenvalues of each model's class Gram, the largest first, on a logarithmic axis.

    Orthogonal classes have only eigenvalues of 1 (the dotted line). A steep fall means that a few
    directions dominate. Values below 1e-4 of the largest are drawn at that floor.

    Args:
        models: (style, eigenvalues [C]) of each.
        height: In px.
    """
    series, ends, lows, highs, longest = [], [], [0.9], [1.1], 1
    for style, eigenvalues in models:
        values, drawn = _falling(eigenvalues)
        if not len(values):
            continue
        places = _drawn(len(values))
        heights = np.log10(drawn[places])
        lows.append(float(drawn[-1]))
        highs.append(float(drawn[0]))
        longest = max(longest, len(values))
        ends.append(EndLabel(style.name, float(heights[-1]), style.colour))
        series.append(
            Series(
                style.name,
                style.colour,
                "line",
                places + 1,
                heights,
                [f"{values[k]:.3g}, eigenvalue {k + 1}" for k in places.tolist()],
                style.symbol,
                points=len(values) <= MOST_POINTS,
            )
        )
    low, high = float(np.log10(min(lows)) - 0.1), float(np.log10(max(highs)) + 0.1)
    ticks = _powers(low, high)
    across = nice_ticks(1, longest, most=6)
    return Plot(
        Axis(0.5, longest + 0.5, across, tick_text(across, "number"), "eigenvalue, by size"),
        Axis(
            low,
            high,
            [float(np.log10(tick)) for tick in ticks],
            [f"{tick:g}" for tick in ticks],
            grid=True,
            log=True,
        ),
        series,
        height=height,
        names="ends",
        ends=ends,
        rules=[("y", 0.0, "")],
    )


def _drawn(count: int) -> np.ndarray:
    """The positions of the eigenvalues that are drawn.

    >>> len(_drawn(20)), len(_drawn(1000)), _drawn(1000)[[0, 49, -1]].tolist()
    (20, 200, [0, 49, 999])
    """
    if count <= MOST_DRAWN:
        return np.arange(count)
    first = MOST_DRAWN // 4
    others = np.linspace(first, count - 1, MOST_DRAWN - first).round().astype(np.int64)
    return np.concatenate([np.arange(first), others])


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
        ticks = [round(factor * ten, 12) for ten in tens for factor in factors]
        ticks = [tick for tick in ticks if low <= np.log10(tick) <= high]
        if len(ticks) > 1:
            break
    return ticks
