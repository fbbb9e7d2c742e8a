"""Similarity by layer: a small heat map with the teacher's layers as rows and a student's layers as
columns.

`layer_matrix` is the Plotly figure for exports, `layer_html` the HTML table of the same cells on
the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import plotly.graph_objects as go

from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import text_width
from bickd_viz.theme import LABEL_SIZE, LIGHT, TEXT_SIZE, Theme, colour_bar, layout_defaults

CELL_HEIGHT = 52


def layer_matrix(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    hover: Sequence[Sequence[str]],
    x_title: str = "",
    y_title: str = "",
    value_name: str = "debiased CKA",
    theme: Theme = LIGHT,
    height: int | None = None,
) -> go.Figure:
    """A heat map of values from 0 to 1, each written in its cell, with the first layer at the top.

    Undefined cells are empty. The best column of each row is outlined. Readable from 300 px width
    for five columns.

    Args:
        values: [S, R].
        rows: Names of the teacher's layers [S].
        columns: Names of the student's layers [R].
        hover: Hover text of each cell [S][R], below the two names.
        x_title: Title of the columns.
        y_title: Title of the rows.
        value_name: What a value is.
        theme: Colours.
        height: In px.
    """
    values = _checked(values, rows, columns)
    fig = go.Figure()
    height = height or 96 + CELL_HEIGHT * len(rows)
    left = 30 + max(text_width(name, LABEL_SIZE) for name in rows)
    layout_defaults(fig, theme, height=height, left=left, right=6, top=46, bottom=50)
    titles = [
        [
            f"<b>{plotly_text(row)}</b> of the teacher × <b>{plotly_text(column)}</b><br>{words}"
            for column, words in zip(columns, line, strict=True)
        ]
        for row, line in zip(rows, hover, strict=True)
    ]
    fig.add_trace(
        go.Heatmap(
            z=values.astype(np.float32),
            zmin=0.0,
            zmax=1.0,
            colorscale=[list(stop) for stop in theme.sequential],
            colorbar=colour_bar(theme, value_name),
            hovertext=titles,
            hovertemplate="%{hovertext}<extra></extra>",
            hoverongaps=False,
            xgap=2,
            ygap=2,
        )
    )
    cells = [(int(i), int(j)) for i, j in np.argwhere(np.isfinite(values))]
    best = _best(values)
    fig.add_trace(
        go.Scatter(
            x=[j for _, j in cells],
            y=[i for i, _ in cells],
            mode="text",
            text=[_words(values[cell]) for cell in cells],
            textfont=dict(size=LABEL_SIZE, color=[_ink(values[cell], theme) for cell in cells]),
            hoverinfo="skip",
        )
    )
    box = dict(type="rect", line=dict(color=theme.accent, width=2), fillcolor="rgba(0,0,0,0)")
    fig.update_layout(
        shapes=[
            dict(box, x0=j - 0.48, x1=j + 0.48, y0=i - 0.46, y1=i + 0.46) for i, j in best.items()
        ]
    )
    fig.update_xaxes(
        side="top",
        tickvals=list(range(len(columns))),
        ticktext=[plotly_text(name) for name in columns],
        tickfont=dict(size=TEXT_SIZE),
        title=dict(text=plotly_text(x_title), standoff=4),
        tickangle=0,
        range=[-0.5, len(columns) - 0.5],
    )
    fig.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[plotly_text(name) for name in rows],
        tickfont=dict(size=LABEL_SIZE),
        range=[len(rows) - 0.5, -0.5],
        title=dict(text=plotly_text(y_title), standoff=4),
        ticklabelstandoff=4,
    )
    return fig


def layer_html(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    hover: Sequence[Sequence[str]],
    x_title: str,
    y_title: str,
    value_name: str = "debiased CKA",
    theme: Theme = LIGHT,
) -> str:
    """The same cells as an HTML table; see `layer_matrix`.

    Args:
        hover: Plain text of each cell [S][R], for hover and screen readers.
    """
    values = _checked(values, rows, columns)
    best = _best(values)
    lines = []
    for i, row in enumerate(rows):
        cells = [f'<th scope="row">{escape(row)}</th>']
        for j, column in enumerate(columns):
            said = f"{row} of the teacher × {column}: {hover[i][j]}"
            if not np.isfinite(values[i, j]):
                cells.append(f'<td title="{escape(said)}"></td>')
                continue
            red, green, blue = (round(255 * part) for part in _cell_rgb(values[i, j], theme))
            mark = f";outline:2px solid {theme.accent}" if best.get(i) == j else ""
            cells.append(
                f'<td title="{escape(said)}" style="background:rgb({red},{green},{blue});'
                f'color:{_ink(values[i, j], theme)}{mark}">{_words(values[i, j])}</td>'
            )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    names = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    stops = ",".join(f"{colour} {100 * place:g}%" for place, colour in theme.sequential)
    return (
        '<div class="bkl"'
        f' style="color:{theme.text};font-size:{LABEL_SIZE}px;--bkl-muted:{theme.muted}">'
        f'<span class="bkl-y">{escape(y_title)}</span><table><caption>{escape(x_title)}</caption>'
        f"<thead><tr><td></td>{names}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        f'<div class="bkl-scale" style="color:{theme.muted};font-size:{TEXT_SIZE}px"><span>0</span>'
        f'<i style="background:linear-gradient(90deg,{stops})"></i><span>1,'
        f" {escape(value_name)}</span></div>"
    )


def _checked(values: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(
            f"values must be {len(rows)} x {len(columns)} like rows and columns, got shape"
            f" {values.shape}."
        )
    return values


def _best(values: np.ndarray) -> dict[int, int]:
    """The column with the largest value of each row that has one."""
    return {i: int(np.nanargmax(row)) for i, row in enumerate(values) if np.isfinite(row).any()}


def _words(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _cell_rgb(value: float, theme: Theme) -> list[float]:
    """The colour of the sequential scale at this value, limited to 0 .. 1."""
    stops = [place for place, _ in theme.sequential]
    channels = zip(*(_rgb(colour) for _, colour in theme.sequential), strict=True)
    return [float(np.interp(min(max(value, 0.0), 1.0), stops, channel)) for channel in channels]


def _ink(value: float, theme: Theme) -> str:
    """Text or surface colour, whichever has more contrast on this cell."""
    cell = _luminance(_cell_rgb(value, theme))

    def contrast(colour: str) -> float:
        other = _luminance(_rgb(colour))
        return (max(cell, other) + 0.05) / (min(cell, other) + 0.05)

    return max((theme.text, theme.surface), key=contrast)


def _rgb(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def _luminance(rgb: list[float]) -> float:
    """Relative luminance of WCAG 2."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
