"""Which of two models is right: one bar with four parts."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go

from bickd_viz.contrast import ink
from bickd_viz.plotly_text import plotly_text
from bickd_viz.theme import (
    LIGHT,
    TEXT_SIZE,
    ModelStyle,
    Theme,
    faded,
    layout_defaults,
    legend_below,
)

PARTS = ("both", "first", "second", "neither")


def outcome_names(first: str, second: str) -> dict[str, str]:
    """The names of the four parts."""
    return {
        "both": "both right",
        "first": f"only {first} right",
        "second": f"only {second} right",
        "neither": "both wrong",
    }


def outcome_colours(first: ModelStyle, second: ModelStyle, theme: Theme = LIGHT) -> dict[str, str]:
    """The colour of each part. If only one model is right, it is that model's colour."""
    quiet = {"both": faded(theme.quiet, 0.7), "neither": faded(theme.quiet, 0.35)}
    return {**quiet, "first": first.colour, "second": second.colour}


def _ink(part: str, colours: dict[str, str], theme: Theme) -> str:
    """The colour of the share that is written on a part. "both" and "neither" are pale."""
    return theme.text if part in ("both", "neither") else ink(colours[part], theme)


def who_is_right(
    counts: dict[str, int],
    first: ModelStyle,
    second: ModelStyle,
    *,
    selected: str = "",
    theme: Theme = LIGHT,
    height: int = 46,
    show_legend: bool = False,
) -> go.Figure:
    """One bar over all samples: both, only the first, only the second, or neither model is right.

    Args:
        counts: Count of each of `PARTS`. A part has its name as customdata. Shares are written
            where they fit.
        first: Style of the first model.
        second: Style of the second model.
        selected: The outlined part.
        theme: Colours.
        height: In px.
        show_legend: Name the parts below, for a figure without the buttons of the page.
    """
    total = max(sum(counts.values()), 1)
    colours = outcome_colours(first, second, theme)
    fig = go.Figure()
    layout_defaults(fig, theme, height=height, left=2, right=2, top=3, bottom=3)
    names = outcome_names(first.name, second.name)
    for part in PARTS:
        share = counts[part] / total
        fig.add_trace(
            go.Bar(
                x=[counts[part]],
                y=[0],
                name=plotly_text(names[part]),
                orientation="h",
                marker=dict(
                    color=colours[part],
                    line=dict(
                        color=theme.accent if part == selected else theme.surface,
                        width=3 if part == selected else 1,
                    ),
                ),
                text=[f"{share:.0%}"],
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                textfont=dict(size=TEXT_SIZE, color=_ink(part, colours, theme)),
                customdata=[part],
                hovertemplate=(
                    f"<b>{plotly_text(names[part])}</b><br>{counts[part]:,} of {total:,},"
                    f" {share:.1%}<extra></extra>"
                ),
            )
        )
    if show_legend:
        fig.update_layout(height=height + 52, margin=dict(b=55))
        legend_below(fig, theme)
        fig.update_layout(legend=dict(traceorder="normal"))
    fig.update_layout(barmode="stack", uniformtext=dict(minsize=TEXT_SIZE, mode="hide"))
    fig.update_xaxes(visible=False, range=[0, total])
    fig.update_yaxes(visible=False, range=[-0.42, 0.42])
    return fig


def who_is_right_html(
    counts: dict[str, int],
    first: ModelStyle,
    second: ModelStyle,
    *,
    selected: str = "",
    theme: Theme = LIGHT,
) -> str:
    """The same bar as HTML, which needs no script. A share is written from 8% on."""
    total = max(sum(counts.values()), 1)
    colours = outcome_colours(first, second, theme)
    names = outcome_names(first.name, second.name)
    parts = []
    for part in PARTS:
        share = counts[part] / total
        outline = f";box-shadow:inset 0 0 0 3px {theme.accent}" if part == selected else ""
        parts.append(
            f'<i style="flex:{counts[part]} 0 0;background:{colours[part]};'
            f'color:{_ink(part, colours, theme)}{outline}"'
            f' title="{escape(names[part])}: {counts[part]:,} of {total:,}, {share:.1%}">'
            f"{f'{share:.0%}' if share >= 0.08 else ''}</i>"
        )
    return f'<div class="bko" style="font-size:{TEXT_SIZE}px">{"".join(parts)}</div>'
