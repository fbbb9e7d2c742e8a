"""Similarity by layer: a small heat map with the teacher's layers as rows and a student's layers as
columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go

from bickd_viz.contrast import along, hex_colour, ink
from bickd_viz.plotly_text import plotly_text
from bickd_viz.scales import text_width
from bickd_viz.text.numbers import fixed
from bickd_viz.theme import LABEL_SIZE, LIGHT, TEXT_SIZE, Theme, colour_bar, layout_defaults

CELL_HEIGHT = 52


@dataclass(frozen=True)
class LayerScene:
    """Values from 0 to 1, each written in its cell, with the first layer at the top.

    Undefined cells are empty. The best column of each row is outlined.

    Attributes:
        values: [S, R]. NaN is undefined.
        rows: Names of the teacher's layers [S].
        columns: Names of the student's layers [R].
        notes: Hover text of each cell [S][R], after the two names.
        x_title: Title of the columns.
        y_title: Title of the rows.
        value_name: What a value is.
    """

    values: np.ndarray
    rows: Sequence[str]
    columns: Sequence[str]
    notes: Sequence[Sequence[str]]
    x_title: str = ""
    y_title: str = ""
    value_name: str = "debiased CKA"

    def __post_init__(self) -> None:
        count, shape = (len(self.rows), len(self.columns)), np.shape(self.values)
        if shape != count:
            raise ValueError(
                f"values must be {count[0]} x {count[1]} like rows and columns, got shape {shape}."
            )

    def figure(self, theme: Theme = LIGHT, *, height: int | None = None) -> go.Figure:
        """Draw the cells with Plotly. They can be read from 300 px width for five columns.

        Args:
            theme: Colours.
            height: In px. Default: 52 per row.
        """
        fig = go.Figure()
        height = height or 96 + CELL_HEIGHT * len(self.rows)
        left = 30 + max(text_width(name, LABEL_SIZE) for name in self.rows)
        layout_defaults(fig, theme, height=height, left=left, right=6, top=46, bottom=50)
        rows = [plotly_text(name) for name in self.rows]
        columns = [plotly_text(name) for name in self.columns]
        hover = [
            [
                f"<b>{row}</b> of the teacher × <b>{column}</b><br>{plotly_text(note)}"
                for column, note in zip(columns, notes, strict=True)
            ]
            for row, notes in zip(rows, self.notes, strict=True)
        ]
        values = np.asarray(self.values, dtype=np.float64)
        fig.add_trace(
            go.Heatmap(
                z=values.astype(np.float32),
                zmin=0.0,
                zmax=1.0,
                colorscale=[list(stop) for stop in theme.sequential],
                colorbar=colour_bar(theme, self.value_name),
                hovertext=hover,
                hovertemplate="%{hovertext}<extra></extra>",
                hoverongaps=False,
                xgap=2,
                ygap=2,
            )
        )
        cells = [(int(i), int(j)) for i, j in np.argwhere(np.isfinite(values))]
        fig.add_trace(
            go.Scatter(
                x=[j for _, j in cells],
                y=[i for i, _ in cells],
                mode="text",
                text=[fixed(values[cell], 2) for cell in cells],
                textfont=dict(size=LABEL_SIZE, color=[_ink(values[cell], theme) for cell in cells]),
                hoverinfo="skip",
            )
        )
        box = dict(type="rect", line=dict(color=theme.accent, width=2), fillcolor="rgba(0,0,0,0)")
        fig.update_layout(
            shapes=[
                dict(box, x0=j - 0.48, x1=j + 0.48, y0=i - 0.46, y1=i + 0.46)
                for i, j in _best(values).items()
            ]
        )
        fig.update_xaxes(
            side="top",
            tickvals=list(range(len(columns))),
            ticktext=columns,
            tickfont=dict(size=TEXT_SIZE),
            title=dict(text=plotly_text(self.x_title), standoff=4),
            tickangle=0,
            range=[-0.5, len(columns) - 0.5],
        )
        fig.update_yaxes(
            tickvals=list(range(len(rows))),
            ticktext=rows,
            tickfont=dict(size=LABEL_SIZE),
            range=[len(rows) - 0.5, -0.5],
            title=dict(text=plotly_text(self.y_title), standoff=4),
            ticklabelstandoff=4,
        )
        return fig

    def html(self, theme: Theme = LIGHT) -> str:
        """Draw the cells as an HTML table, which needs no script."""
        values = np.asarray(self.values, dtype=np.float64)
        best = _best(values)
        lines = []
        for i, row in enumerate(self.rows):
            cells = [f'<th scope="row">{escape(row)}</th>']
            for j, column in enumerate(self.columns):
                title = escape(f"{row} of the teacher × {column}: {self.notes[i][j]}")
                if not np.isfinite(values[i, j]):
                    cells.append(f'<td title="{title}"></td>')
                    continue
                cell = hex_colour(along(theme.sequential, [values[i, j]])[0])
                outline = f";outline:2px solid {theme.accent}" if best.get(i) == j else ""
                cells.append(
                    f'<td title="{title}" style="background:{cell};'
                    f'color:{_ink(values[i, j], theme)}{outline}">{fixed(values[i, j], 2)}</td>'
                )
            lines.append(f"<tr>{''.join(cells)}</tr>")
        names = "".join(f'<th scope="col">{escape(column)}</th>' for column in self.columns)
        stops = ",".join(f"{colour} {100 * place:g}%" for place, colour in theme.sequential)
        return (
            f'<div class="bkl" style="color:{theme.text};font-size:{LABEL_SIZE}px;'
            f'--bkl-muted:{theme.muted}"><span class="bkl-y">{escape(self.y_title)}</span>'
            f"<table><caption>{escape(self.x_title)}</caption>"
            f"<thead><tr><td></td>{names}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
            f'<div class="bkl-scale" style="color:{theme.muted};font-size:{TEXT_SIZE}px">'
            f'<span>0</span><i style="background:linear-gradient(90deg,{stops})"></i>'
            f"<span>1, {escape(self.value_name)}</span></div>"
        )


def _best(values: np.ndarray) -> dict[int, int]:
    """The column with the largest value of each row that has one."""
    return {i: int(np.nanargmax(row)) for i, row in enumerate(values) if np.isfinite(row).any()}


def _ink(value: float, theme: Theme) -> str:
    """The colour of the text on this cell."""
    return ink(hex_colour(along(theme.sequential, [value])[0]), theme)
