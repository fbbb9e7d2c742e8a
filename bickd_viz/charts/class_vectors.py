"""Two classes as two unit vectors."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import short
from bickd_viz.theme import LABEL_SIZE, LIGHT, TEXT_SIZE, Theme, faded, layout_defaults


def class_vectors(
    cosine: float,
    names: tuple[str, str],
    *,
    colour: str,
    reference: tuple[str, float] | None = None,
    theme: Theme = LIGHT,
    height: int = 320,
) -> go.Figure:
    """Two class columns as unit vectors in the plane that they span. The angle is exact, without a
    projection.

    Args:
        cosine: Their Gram cell, in [-1, 1].
        names: Of the two classes.
        colour: Of the vectors.
        reference: (name, cosine) of another model, drawn as a thin vector.
        theme: Colours.
        height: In px.
    """
    fig = go.Figure()
    layout_defaults(fig, theme, height=height, left=4, right=4, top=4, bottom=4)
    if reference is not None:
        _arm(fig, np.arccos(np.clip(reference[1], -1, 1)), theme.quiet, 2, dash="dot")
    angle = float(np.arccos(np.clip(cosine, -1, 1)))
    turn = np.linspace(0, angle, 40)
    fig.add_trace(
        go.Scatter(
            x=np.append(0.36 * np.cos(turn), 0.0),
            y=np.append(0.36 * np.sin(turn), 0.0),
            mode="lines",
            fill="toself",
            fillcolor=faded(colour, 0.16),
            line=dict(color=faded(colour, 0.0), width=0),
            hoverinfo="skip",
        )
    )
    for turned in (0.0, angle):
        _arm(fig, turned, colour, 4)
    middle = angle / 2
    fig.add_annotation(
        x=0.5 * np.cos(middle),
        y=0.5 * np.sin(middle),
        text=f"{np.degrees(angle):.0f}°",
        showarrow=False,
        font=dict(size=18, color=theme.text),
    )
    _name(fig, 1.0, 0.0, short(names[0], 16), theme, below=True)
    _name(fig, float(np.cos(angle)), float(np.sin(angle)), short(names[1], 16), theme)
    if reference is not None:
        at = float(np.arccos(np.clip(reference[1], -1, 1)))
        inner = at < angle  # write its name on the side away from the other vector
        fig.add_annotation(
            x=0.8 * np.cos(at),
            y=0.8 * np.sin(at),
            text=f"{plotly_text(reference[0])} {np.degrees(at):.0f}°",
            showarrow=False,
            xanchor="left" if inner else "right",
            xshift=10 if inner else -10,
            font=dict(size=TEXT_SIZE, color=theme.muted),
        )
    fig.update_xaxes(range=[-0.32, 1.3], visible=False, constrain="domain")
    fig.update_yaxes(range=[-0.26, 1.2], visible=False, scaleanchor="x", scaleratio=1)
    return fig


def _arm(fig: go.Figure, angle: float, colour: str, width: int, dash: str = "solid") -> None:
    x, y = float(np.cos(angle)), float(np.sin(angle))
    fig.add_trace(
        go.Scatter(
            x=[0, 0.97 * x],
            y=[0, 0.97 * y],
            mode="lines",
            line=dict(color=colour, width=width, dash=dash),
            hoverinfo="skip",
        )
    )
    fig.add_trace(
        go.Scatter(
            x=[x],
            y=[y],
            mode="markers",
            marker=dict(
                symbol="triangle-up", size=6 + 2 * width, color=colour, angle=90 - np.degrees(angle)
            ),
            hoverinfo="skip",
        )
    )


def _name(fig: go.Figure, x: float, y: float, name: str, theme: Theme, below: bool = False) -> None:
    fig.add_annotation(
        x=x,
        y=y,
        text=f"<b>{plotly_text(name)}</b>",
        showarrow=False,
        yanchor="top" if below else "bottom",
        yshift=-10 if below else 10,
        font=dict(size=LABEL_SIZE + 1, color=theme.text),
    )
