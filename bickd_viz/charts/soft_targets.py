"""The probabilities of one sample as bars."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import short, text_width
from bickd_viz.text.numbers import counted
from bickd_viz.theme import LABEL_SIZE, LIGHT, TEXT_SIZE, Theme, faded, layout_defaults


def soft_targets(
    probabilities: np.ndarray,
    class_names: Sequence[str],
    *,
    top: int = 8,
    truth: int | None = None,
    colour: str = "#0072B2",
    theme: Theme = LIGHT,
    height: int = 320,
) -> go.Figure:
    """The most probable classes of one sample as bars from 0 to 1, and one bar for all others
    together.

    The order is by probability. No temperature changes it, so bars change their length but not
    their place.

    Args:
        probabilities: [C], summing to 1.
        class_names: [C].
        top: Number of classes.
        truth: Index of the true class, drawn in `colour`. The others are grey.
        colour: Of the true class.
        theme: Colours.
        height: In px.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.shape != (len(class_names),):
        raise ValueError(f"probabilities must have shape ({len(class_names)},), got {p.shape}.")
    ranked = [int(c) for c in np.argsort(-p, kind="stable")[:top]]
    names = [short(str(class_names[c]), 18) for c in ranked]
    values = [float(p[c]) for c in ranked]
    colours = [colour if c == truth else faded(colour, 0.42) for c in ranked]
    rest = len(p) - len(ranked)
    if rest > 0:
        names.append(counted(rest, "other"))
        values.append(float(1.0 - sum(values)))
        colours.append(faded(theme.quiet, 0.5))
    fig = go.Figure()
    left = 14 + max(text_width(name, LABEL_SIZE) for name in names)
    layout_defaults(fig, theme, height=height, left=left, right=14, top=4, bottom=26)
    fig.add_trace(
        go.Bar(
            x=values,
            y=list(range(len(names))),
            orientation="h",
            width=0.66,
            marker=dict(color=colours, line=dict(width=0)),
            text=[_percent(v) for v in values],
            textposition="outside",
            textangle=0,
            textfont=dict(size=LABEL_SIZE, color=theme.text),
            constraintext="none",  # else text shrinks to the bar's height
            cliponaxis=False,
            hoverinfo="skip",
        )
    )
    fig.update_xaxes(
        range=[0, 1.12],
        tickvals=[0, 0.25, 0.5, 0.75, 1],
        ticktext=["0", "25%", "50%", "75%", "100%"],
        tickfont=dict(size=TEXT_SIZE, color=theme.muted),
        showgrid=True,
    )
    fig.update_yaxes(
        range=[len(names) - 0.45, -0.55],
        tickvals=list(range(len(names))),
        ticktext=[plotly_text(name) for name in names],
    )
    fig.update_yaxes(tickfont=dict(size=LABEL_SIZE), ticklabelstandoff=6)
    return fig


def _percent(value: float) -> str:
    return f"{value:.0%}" if value >= 0.0995 else f"{value:.1%}"
