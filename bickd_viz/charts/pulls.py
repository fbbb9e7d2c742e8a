"""The negative gradient of a loss with respect to the student's logits, as a matrix of samples by
classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import short, text_width
from bickd_viz.theme import LIGHT, TEXT_SIZE, Theme, layout_defaults


def pull_matrix(
    pull: np.ndarray,
    row_names: Sequence[str],
    column_names: Sequence[str],
    *,
    largest: float,
    truths: Sequence[int | None] = (),
    theme: Theme = LIGHT,
    height: int = 340,
    letters: int = 16,
) -> go.Figure:
    """A heat map of `pull`, the negative gradient of a loss. Warm cells should rise, cool cells
    should fall.

    Args:
        pull: [B, C].
        row_names: Of the samples [B].
        column_names: Of the classes [C].
        largest: |pull| at the ends of the colour scale.
        truths: Column of the true class of each row, marked with a dot; None without a mark.
        theme: Colours.
        height: In px.
        letters: Maximum length of a name.
    """
    values = np.asarray(pull, dtype=np.float32)
    if values.shape != (len(row_names), len(column_names)):
        raise ValueError(
            f"pull must be {len(row_names)} x {len(column_names)} like its names, got"
            f" {values.shape}."
        )
    rows = [plotly_text(short(name, letters)) for name in row_names]
    columns = [plotly_text(short(name, min(letters, 13))) for name in column_names]
    fig = go.Figure()
    layout_defaults(
        fig,
        theme,
        height=height,
        left=10 + max(text_width(name, TEXT_SIZE) for name in rows),
        right=4,
        top=12 + max(text_width(name, TEXT_SIZE) for name in columns),
        bottom=4,
    )
    hover = [
        [f"<b>{plotly_text(row)}</b>: {plotly_text(column)}" for column in column_names]
        for row in row_names
    ]
    fig.add_trace(
        go.Heatmap(
            z=values,
            zmin=-largest,
            zmax=largest,
            xgap=1,
            ygap=1,
            colorscale=[list(stop) for stop in theme.diverging],
            showscale=False,
            hovertext=hover,
            hovertemplate="%{hovertext}<br>pull %{z:+.3f}<extra></extra>",
        )
    )
    dots = [(c, r) for r, c in enumerate(truths) if c is not None]
    fig.add_trace(
        go.Scatter(
            x=[c for c, _ in dots],
            y=[r for _, r in dots],
            mode="markers",
            marker=dict(size=6, color=theme.text, line=dict(color=theme.surface, width=1)),
            hoverinfo="skip",
        )
    )
    fig.update_xaxes(
        side="top",
        tickangle=-90,
        tickvals=list(range(len(columns))),
        ticktext=columns,
        range=[-0.5, len(columns) - 0.5],
    )
    fig.update_yaxes(tickvals=list(range(len(rows))), ticktext=rows, range=[len(rows) - 0.5, -0.5])
    return fig
