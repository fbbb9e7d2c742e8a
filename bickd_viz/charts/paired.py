"""Probabilities of several models for one sample, as bars for each class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import letters, short, text_width
from bickd_viz.theme import (
    LABEL_SIZE,
    LIGHT,
    TEXT_SIZE,
    ModelStyle,
    Theme,
    layout_defaults,
    legend_below,
)

BAR = 16
"""px of one bar with its value beside it."""


def top_classes(
    probabilities: Sequence[np.ndarray],
    *,
    top: int = 5,
    most: int = 8,
    true_class: int | None = None,
) -> list[int]:
    """The classes to show: each model's `top`, at most `most` of them, ordered by the mean over
    models.

    If there are too many, those with the highest probability of any model are shown. The true class
    is always shown.
    """
    table = np.asarray(probabilities, dtype=np.float64)
    wanted = {int(c) for row in table for c in np.argsort(-row, kind="stable")[:top]}
    classes = sorted(wanted, key=lambda c: (c != true_class, -table[:, c].max(), c))[:most]
    if true_class is not None and true_class not in classes:
        classes = [*classes[: most - 1], true_class]
    return sorted(classes, key=lambda c: (-table[:, c].mean(), c))


def paired_bars(
    models: Sequence[tuple[ModelStyle, np.ndarray]],
    class_names: Sequence[str],
    *,
    top: int = 5,
    most: int = 8,
    true_class: int | None = None,
    theme: Theme = LIGHT,
) -> go.Figure:
    """Probabilities of one sample: a bar for each model and each of `top_classes`. The true class
    is bold and ticked.

    The first model is the top bar of each class. Values are written beside the bars.

    Args:
        models: (style, probabilities [C]) of each.
        class_names: [C].
        top: Classes of each model.
        most: Classes in total.
        true_class: Its index, if known.
        theme: Colours.
    """
    shown = top_classes([values for _, values in models], top=top, most=most, true_class=true_class)
    names = [_label(class_names[c], c == true_class) for c in shown]
    legend = 8 + 22 * math.ceil(sum(50 + 8 * letters(style.name) for style, _ in models) / 320)
    height = 36 + legend + len(shown) * (len(models) * BAR + 12)
    left = 18 + max((text_width(short(class_names[c], 18), LABEL_SIZE) for c in shown), default=0)
    fig = go.Figure()
    layout_defaults(fig, theme, height=height, left=left, right=10, top=2, bottom=34 + legend)
    for style, values in models:
        fig.add_trace(
            go.Bar(
                x=[float(values[c]) for c in shown],
                y=list(range(len(shown))),
                name=plotly_text(style.name),
                orientation="h",
                marker=dict(color=style.colour, line=dict(width=0)),
                text=[_share(values[c]) for c in shown],
                textposition="outside",
                textfont=dict(size=TEXT_SIZE, color=theme.text),
                textangle=0,
                cliponaxis=False,
                constraintext="none",  # else text shrinks to the bar's height
                hovertext=[
                    f"<b>{plotly_text(class_names[c])}</b><br>{plotly_text(style.name)}"
                    f" {values[c]:.2%}"
                    for c in shown
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    fig.update_layout(barmode="group", bargap=0.22, bargroupgap=0.06)
    fig.update_xaxes(
        range=[0, 1.12],
        tickvals=[0, 0.25, 0.5, 0.75, 1],
        ticktext=["0%", "25%", "50%", "75%", "100%"],
        tickfont=dict(color=theme.muted),
        showgrid=True,
    )
    fig.update_yaxes(
        range=[len(shown) - 0.5, -0.5],
        tickvals=list(range(len(shown))),
        ticktext=names,
        tickfont=dict(size=LABEL_SIZE),
        ticklabelstandoff=6,
    )
    return legend_below(fig, theme)


def paired_html(
    models: Sequence[tuple[ModelStyle, np.ndarray]],
    class_names: Sequence[str],
    *,
    top: int = 3,
    most: int = 4,
    true_class: int | None = None,
    theme: Theme = LIGHT,
    legend: bool = False,
) -> str:
    """The same bars as HTML. It needs no script and fills its column.

    Args:
        legend: Whether the models are named below, for a sample alone on its page.
    """
    shown = top_classes([values for _, values in models], top=top, most=most, true_class=true_class)
    limit = 24 if legend else 15
    rows = []
    for c in shown:
        name = class_names[c]
        weight = "font-weight:700;" if c == true_class else ""
        tick = "✓ " if c == true_class else ""
        bars = "".join(
            f'<div class="bkp-bar" title="{escape(style.name)}: {values[c]:.1%} {escape(name)}">'
            f'<i style="width:{76 * values[c]:.1f}%;background:{style.colour}"></i>'
            f"<span>{_share(values[c])}</span></div>"
            for style, values in models
        )
        rows.append(
            f'<div class="bkp-name" style="{weight}"'
            f' title="{escape(name)}">{tick}{escape(short(name, limit))}</div><div>{bars}</div>'
        )
    if legend:
        names = "".join(
            f'<span><i style="background:{style.colour}"></i>{escape(style.name)}</span>'
            for style, _ in models
        )
        rows.append(f'<div></div><div class="bkp-legend">{names}</div>')
    kind = "bkp bkp-alone" if legend else "bkp"
    colour = f"color:{theme.text};font-size:{TEXT_SIZE}px"
    return f'<div class="{kind}" style="{colour}">{"".join(rows)}</div>'


def _share(value: float) -> str:
    return "<1%" if 0 < value < 0.005 else f"{value:.0%}"


def _label(name: str, is_true: bool) -> str:
    shown = plotly_text(short(name, 18))
    return f"<b>✓ {shown}</b>" if is_true else shown
