"""Histograms as step lines: probabilities of a class pair, angles between classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from bickd_viz.charts.plot import Axis, Plot, Series
from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import nice_ticks, tick_text
from bickd_viz.theme import LABEL_SIZE, LIGHT, ModelStyle, Theme, faded, layout_defaults


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
    """A height for each edge. A line of shape "hv" ends at the last one."""
    return np.append(counts, counts[-1])


def _legend_above(fig: go.Figure, theme: Theme, names: Sequence[str]) -> None:
    rows = -(-sum(44 + 8 * len(name) for name in names) // 320)
    fig.update_layout(
        showlegend=True,
        margin=dict(t=8 + 22 * rows),
        legend=dict(
            orientation="h",
            xref="container",
            x=0,
            xanchor="left",
            yref="container",
            y=1,
            yanchor="top",
            bgcolor="rgba(0,0,0,0)",
            font=dict(size=LABEL_SIZE, color=theme.text),
        ),
    )


def probability_histogram(
    samples: Sequence[Sample],
    *,
    bins: int = 25,
    log_counts: bool = True,
    x_title: str = "probability",
    theme: Theme = LIGHT,
    height: int = 220,
) -> go.Figure:
    """Counts of probabilities in [0, 1], as a step line for each sample.

    Args:
        samples: Two for a pair of classes.
        bins: Number of bins.
        log_counts: Use a logarithmic axis, because most samples give a class almost no probability.
            Empty bins leave a gap.
        x_title: Title of the x axis.
        theme: Colours.
        height: In px.
    """
    edges, tables = probability_counts(samples, bins)
    fig = go.Figure()
    layout_defaults(fig, theme, height=height, bottom=40, left=8, right=14)
    top = 1
    for sample, counts in zip(samples, tables, strict=True):
        steps = _steps(counts)
        top = max(top, int(counts.max()))
        shown = np.maximum(steps, 0.5) if log_counts else steps
        fig.add_trace(
            go.Scatter(
                x=edges.astype(np.float32),
                y=shown.astype(np.float32),
                name=plotly_text(sample.name),
                mode="lines",
                line=dict(color=sample.colour, width=2, shape="hv"),
                fill="tozeroy",
                fillcolor=faded(sample.colour, 0.16),
                customdata=steps,
                hovertemplate=(
                    f"<b>{plotly_text(sample.name)}</b> %{{customdata}} samples<br>from %{{x:.2f}}"
                    " on<extra></extra>"
                ),
            )
        )
    fig.update_xaxes(
        range=[0, 1],
        tickvals=[0, 0.25, 0.5, 0.75, 1],
        ticktext=["0", "0.25", "0.5", "0.75", "1"],
        title=dict(text=plotly_text(x_title), standoff=4),
        tickfont=dict(color=theme.muted),
    )
    fig.update_yaxes(
        tickfont=dict(color=theme.muted), automargin=True, ticklabelstandoff=4, showgrid=True
    )
    if log_counts:
        powers = [10**k for k in range(int(np.log10(top)) + 1)]
        # The axis starts at half a sample, where the empty bins lie.
        fig.update_yaxes(
            type="log",
            range=[np.log10(0.5), np.log10(top * 1.3)],
            tickvals=powers,
            ticktext=[f"{p:,}" for p in powers],
        )
    else:
        fig.update_yaxes(range=[0, top * 1.05], nticks=5)
    _legend_above(fig, theme, [sample.name for sample in samples])
    return fig


def probability_plot(
    samples: Sequence[Sample],
    *,
    bins: int = 25,
    x_title: str = "probability",
    height: int = 220,
    nouns: str = "images",
) -> Plot:
    """`probability_histogram` with logarithmic counts, for the browser's canvas."""
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
            float(np.log10(0.5)), float(np.log10(top * 1.3)), list(powers),
            [f"{10**k:,}" for k in powers], grid=True
        ),
        series,
        height=height,
        names="above",
    )  # fmt: skip


def angles_plot(
    models: Sequence[tuple[ModelStyle, np.ndarray]], *, bins: int = 45, height: int = 220
) -> Plot:
    """`angles` for the browser's canvas."""
    edges, tables = angle_counts([values for _, values in models], bins)
    series, top = [], 0.0
    for (style, _), counts in zip(models, tables, strict=True):
        share = _steps(counts) / max(counts.sum(), 1)
        top = max(top, float(share.max()))
        notes = [
            f"{v:.1%} of pairs, {a:.0f}° to {b:.0f}°"
            for v, a, b in zip(share, edges, edges[1:], strict=False)
        ]
        series.append(Series(style.name, style.colour, "steps", edges, share, notes))
    across, up = (
        nice_ticks(float(edges[0]), float(edges[-1]), most=7),
        nice_ticks(0.0, top or 1.0, most=4),
    )
    return Plot(
        Axis(
            float(edges[0]), float(edges[-1]), across, [f"{t}°" for t in tick_text(across,
            "number")],
            "angle between two classes",
        ),
        Axis(0.0, (top or 1.0) * 1.06, up, tick_text(up, "percent"), grid=True),
        series,
        height=height,
        names="above",
    )  # fmt: skip


def angles(
    models: Sequence[tuple[ModelStyle, np.ndarray]],
    *,
    bins: int = 45,
    theme: Theme = LIGHT,
    height: int = 220,
    show_legend: bool = True,
) -> go.Figure:
    """Share of class pairs by angle in degrees, as a step line for each model. 90 is orthogonal.

    The range starts at the smallest angle and ends at 90.

    Args:
        models: (style, off-diagonal angles in degrees, any shape) of each. NaN (a class that nobody
            predicts) is left out.
        bins: Number of bins.
        theme: Colours.
        height: In px.
        show_legend: Whether to draw a legend.
    """
    edges, tables = angle_counts([values for _, values in models], bins)
    low = float(edges[0])
    fig = go.Figure()
    layout_defaults(fig, theme, height=height, bottom=40, left=8, right=14)
    top = 0.0
    for (style, _), counts in zip(models, tables, strict=True):
        share = _steps(counts) / max(counts.sum(), 1)
        top = max(top, float(share.max()))
        fig.add_trace(
            go.Scatter(
                x=edges.astype(np.float32),
                y=share.astype(np.float32),
                name=plotly_text(style.name),
                mode="lines",
                line=dict(color=style.colour, width=2, shape="hv"),
                hovertemplate=(
                    f"<b>{plotly_text(style.name)}</b> %{{y:.1%}} of pairs<br>from %{{x:.0f}}°"
                    " on<extra></extra>"
                ),
            )
        )
    fig.update_xaxes(
        range=[low, edges[-1]],
        ticksuffix="°",
        nticks=6,
        title=dict(text="angle between two classes", standoff=4),
        tickfont=dict(color=theme.muted),
    )
    fig.update_yaxes(
        range=[0, (top or 1) * 1.06],
        tickformat=".0%",
        nticks=4,
        automargin=True,
        ticklabelstandoff=4,
        tickfont=dict(color=theme.muted),
        showgrid=True,
    )
    if show_legend:
        _legend_above(fig, theme, [style.name for style, _ in models])
    return fig
