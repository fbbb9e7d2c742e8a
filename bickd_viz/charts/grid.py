"""Several figures in one, for notebooks. A page shows them side by side."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import text_width
from bickd_viz.theme import LABEL_SIZE, LIGHT, TEXT_SIZE, Theme, layout_defaults

_TITLE, _NOTE, _GAP = 22, 16, 16
"""px over a figure for its title and for a line of its note, and under it."""


@dataclass(frozen=True)
class Panel:
    """A figure with its title. It has one pair of axes, a height, no legend and at most one colour
    bar."""

    title: str
    note: str
    figure: go.Figure


@dataclass(frozen=True)
class _Box:
    """The edges of a plot as shares of the whole figure, from its lower left corner."""

    left: float
    right: float
    bottom: float
    top: float


def grid_figure(
    panels: Sequence[Panel], *, columns: int, width: int = 920, theme: Theme = LIGHT
) -> go.Figure:
    """Put several figures into one, each below its title and note.

    Args:
        panels: Row by row.
        columns: Figures per row.
        width: Of the whole figure in px. It is fixed, because the inner margins are shares of it.
        theme: Of the titles.
    """
    each = width / columns
    letters = int((each - 12) / text_width("x" * 10, TEXT_SIZE) * 10)
    notes = [textwrap.wrap(panel.note, letters) for panel in panels]
    head = _TITLE + _NOTE * max(map(len, notes))
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    heights = [head + max(panel.figure.layout.height for panel in row) + _GAP for row in rows]
    total = sum(heights)
    whole = go.Figure()
    layout_defaults(whole, theme, height=total)
    whole.update_layout(width=width, margin=dict(l=0, r=0, t=0, b=0))
    for k, panel in enumerate(panels):
        row, column = divmod(k, columns)
        left, top = column * each, sum(heights[:row])
        margin, inner = panel.figure.layout.margin, top + head
        box = _Box(
            (left + margin.l) / width,
            (left + each - margin.r) / width,
            1 - (inner + panel.figure.layout.height - margin.b) / total,
            1 - (inner + margin.t) / total,
        )
        _place(whole, panel.figure, "" if k == 0 else str(k + 1), box)
        x = (left + 6) / width
        _write(
            whole,
            f"<b>{plotly_text(panel.title)}</b>",
            x,
            1 - (top + 2) / total,
            LABEL_SIZE,
            theme.text,
        )
        _write(
            whole,
            "<br>".join(map(plotly_text, notes[k])),
            x,
            1 - (top + _TITLE) / total,
            TEXT_SIZE,
            theme.muted,
        )
    return whole


def _write(whole: go.Figure, text: str, x: float, y: float, size: int, colour: str) -> None:
    if text:
        whole.add_annotation(
            text=text, x=x, y=y, xref="paper", yref="paper", xanchor="left", yanchor="top",
            align="left", showarrow=False, font=dict(size=size, color=colour),
        )  # fmt: skip


def _place(whole: go.Figure, figure: go.Figure, number: str, box: _Box) -> None:
    """Add a figure's traces, axes, annotations and shapes as the axes of this number."""
    for trace in figure.data:
        copied = deepcopy(trace).update(xaxis=f"x{number}", yaxis=f"y{number}")
        if getattr(trace, "showscale", None):
            centre, share = (box.left + box.right) / 2, box.right - box.left
            copied.update(colorbar=dict(x=centre, len=trace.colorbar.len * share, y=box.bottom))
        whole.add_trace(copied)
    layout: dict[str, Any] = figure.layout.to_plotly_json()
    for axis, other, domain in (
        ("x", "y", (box.left, box.right)),
        ("y", "x", (box.bottom, box.top)),
    ):
        settings = layout[f"{axis}axis"] | {"domain": list(domain), "anchor": f"{other}{number}"}
        if "scaleanchor" in settings:
            settings["scaleanchor"] = f"{settings['scaleanchor']}{number}"
        whole.update_layout({f"{axis}axis{number}": settings})
    for kind, add in (("annotations", whole.add_annotation), ("shapes", whole.add_shape)):
        for item in layout.get(kind, ()):
            add(
                **item
                | {ref: _renumbered(item.get(ref, ref[0]), number) for ref in ("xref", "yref")}
            )


def _renumbered(ref: str, number: str) -> str:
    """Return the reference to an axis, or its domain, of this number.

    >>> _renumbered("x", "3"), _renumbered("y domain", "2")
    ('x3', 'y2 domain')
    """
    if ref == "paper":
        raise ValueError("a panel's annotations must refer to its axes, got 'paper'.")
    axis, _, domain = ref.partition(" ")
    return f"{axis}{number}" + (f" {domain}" if domain else "")
