"""Names at the ends of lines, and the title above a y axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from bickd_viz.contrast import text_colour
from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import keep_apart, short, text_width
from bickd_viz.theme import LABEL_SIZE, TEXT_SIZE, Theme, legend_below

LABEL_GAP = 16  # px between the middles of two labels


@dataclass(frozen=True)
class EndLabel:
    """A name for the right end of a line, ideally at height `y` (in the axis's units)."""

    name: str
    y: float
    colour: str


def end_labels(
    fig: go.Figure,
    labels: Sequence[EndLabel],
    theme: Theme,
    y_range: tuple[float, float],
    *,
    height: int,
) -> bool:
    """Write names at the right ends of lines, without overlap. Use a legend if they do not fit.

    Args:
        fig: The figure. Its margins must be set before.
        labels: The names.
        theme: Colours.
        y_range: Range of the axis in its own units (logarithms for a log axis, like `labels`).
        height: Of the figure in px.

    Returns:
        Whether the names fitted.
    """
    margin = fig.layout.margin
    plot = height - margin.t - margin.b
    low, high = y_range
    if not labels:
        return True
    if LABEL_GAP * len(labels) > plot or high <= low:
        legend_below(fig, theme)
        fig.update_layout(margin=dict(b=margin.b + 24 * -(-len(labels) // 3)))
        return False
    unit = (high - low) / plot
    edge = 0.5 * LABEL_GAP * unit
    places = keep_apart([label.y for label in labels], LABEL_GAP * unit, low + edge, high - edge)
    for label, place in zip(labels, places, strict=True):
        fig.add_annotation(
            x=1,
            xref="x domain",
            xanchor="left",
            xshift=6,
            y=place,
            yanchor="middle",
            text=plotly_text(short(label.name, 22)),
            showarrow=False,
            font=dict(size=LABEL_SIZE, color=text_colour(label.colour, theme)),
        )
    widest = max(text_width(short(label.name, 22), LABEL_SIZE) for label in labels)
    fig.update_layout(margin=dict(r=widest + 12))
    return True


def title_above(fig: go.Figure, title: str, theme: Theme) -> None:
    """Write the title of the y axis above it. There it needs no rotation and no width."""
    if title:
        fig.add_annotation(
            x=0, xref="paper", xanchor="left", y=1, yref="paper", yanchor="bottom", yshift=6,
            text=plotly_text(title), showarrow=False,
            font=dict(size=TEXT_SIZE, color=theme.muted),
        )  # fmt: skip
