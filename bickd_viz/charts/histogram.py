"""Histograms as step lines: probabilities of a class pair, angles between classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bickd_viz.charts.plot import Axis, Plot, Series
from bickd_viz.scales import nice_ticks, tick_text
from bickd_viz.theme import ModelStyle


@dataclass(frozen=True)
class Sample:
    """Values [n] with a name and a colour. NaN is not counted."""

    name: str
    values: Sequence[float] | np.ndarray
    colour: str


def probability_counts(samples: Sequence[Sample], bins: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Edges [bins + 1] over [0, 1], and the counts [bins] of each sample."""
    edges = np.linspace(0, 1, bins + 1)
    return edges, [np.histogram(_finite(sample.values), bins=edges)[0] for sample in samples]


def angle_counts(angles: Sequence[np.ndarray], bins: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Edges [bins + 1] in degrees up to 90, and counts [bins] of each. The first edge is the
    smallest angle, rounded down."""
    clean = [_finite(values) for values in angles]
    low = min((float(v.min()) for v in clean if len(v)), default=0.0)
    high = max((float(v.max()) for v in clean if len(v)), default=90.0)
    edges = np.linspace(max(0.0, 10 * np.floor(low / 10)), max(90.0, high), bins + 1)
    return edges, [np.histogram(values, bins=edges)[0] for values in clean]


def _finite(values) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64).ravel()
    return values[np.isfinite(values)]


def _steps(counts: np.ndarray) -> np.ndarray:
    """A height for each edge. The last one only ends its step."""
    return np.append(counts, counts[-1])


def _decimals(edges: np.ndarray) -> int:
    """The decimals that tell the edges of a bin apart, and are exact if the edges are round."""
    width = float(edges[1] - edges[0])
    if width >= 1 and np.allclose(edges, np.round(edges)):
        return 0
    return 1 if width >= 0.1 else 2


def probability_plot(
    samples: Sequence[Sample],
    *,
    bins: int = 25,
    x_title: str = "probability",
    height: int = 220,
    nouns: str = "images",
) -> Plot:
    """Counts of probabilities in [0, 1], as a step line for each sample.

    The counts are on a logarithmic axis, because most samples give a class almost no probability.
    The axis starts at half a sample, where the empty bins are.

    Args:
        samples: Two for a pair of classes.
        bins: Number of bins.
        x_title: Title of the x axis.
        height: In px, without the legend of the Plotly figure.
        nouns: What is counted.
    """
    edges, tables = probability_counts(samples, bins)
    top = max([1, *(int(counts.max()) for counts in tables)])
    series = []
    for sample, counts in zip(samples, tables, strict=True):
        notes = [
            f"{n:,} {nouns}, {a:.2f} to {b:.2f}"
            for n, a, b in zip(counts.tolist(), edges, edges[1:], strict=False)
        ]
        heights = np.log10(np.maximum(_steps(counts), 0.5))
        series.append(Series(sample.name, sample.colour, "steps", edges, heights, notes, fill=0.16))
    powers = range(int(np.log10(top)) + 1)
    return Plot(
        Axis(0.0, 1.0, [0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"], x_title),
        Axis(
            float(np.log10(0.5)),
            float(np.log10(top * 1.3)),
            list(powers),
            [f"{10**k:,}" for k in powers],
            grid=True,
            log=True,
        ),
        series,
        height=height,
        names="above",
    )


def angles_plot(
    models: Sequence[tuple[ModelStyle, np.ndarray]], *, bins: int = 45, height: int = 220
) -> Plot:
    """Share of class pairs by angle in degrees, as a step line for each model. 90 is orthogonal.

    The range starts at the smallest angle and ends at 90.

    Args:
        models: (style, off-diagonal angles in degrees, any shape) of each. NaN (a class that nobody
            predicts) is left out.
        bins: Number of bins.
        height: In px, without the legend of the Plotly figure.
    """
    edges, tables = angle_counts([values for _, values in models], bins)
    series, top, decimals = [], 0.0, _decimals(edges)
    for (style, _), counts in zip(models, tables, strict=True):
        share = _steps(counts) / max(counts.sum(), 1)
        top = max(top, float(share.max()))
        notes = [
            f"{v:.1%} of pairs, {a:.{decimals}f}° to {b:.{decimals}f}°"
            for v, a, b in zip(share, edges, edges[1:], strict=False)
        ]
        series.append(Series(style.name, style.colour, "steps", edges, share, notes))
    low, high, top = float(edges[0]), float(edges[-1]), top or 1.0
    across, up = nice_ticks(low, high, most=7), nice_ticks(0.0, top, most=4)
    degrees = [f"{text}°" for text in tick_text(across, "number")]
    return Plot(
        Axis(low, high, across, degrees, "angle between two classes"),
        Axis(0.0, top * 1.06, up, tick_text(up, "percent"), grid=True),
        series,
        height=height,
        names="above",
    )
