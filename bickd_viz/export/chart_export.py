"""A chart to export, with its name, its sentence and its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from bickd_viz.export.paper import Palette, paper

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ChartExport:
    """A chart that is drawn only on request.

    Attributes:
        name: Stem of its files: lower-case letters, digits and hyphens.
        title: What it shows.
        figure: Draws it, in either theme.
        table: Returns its data, see `bickd_viz.tables`.
        sentence: The finding.
        x_title: Title of the x axis with its unit, if the figure has none.
        y_title: Title of the y axis with its unit, if the figure has none.
    """

    name: str
    title: str
    figure: Callable[[], go.Figure]
    table: Callable[[], pd.DataFrame]
    sentence: str = ""
    x_title: str = ""
    y_title: str = ""

    def paper(
        self,
        width_mm: float = 85.0,
        height_mm: float | None = None,
        font_pt: float = 8.0,
        palette: Palette = "colour",
    ) -> go.Figure:
        """The chart for print; see `bickd_viz.export.paper.paper`."""
        return paper(
            self.figure(),
            width_mm,
            height_mm,
            font_pt,
            palette,
            x_title=self.x_title,
            y_title=self.y_title,
        )


def file_name(text: str) -> str:
    """Text as the stem of a file: lower-case letters, digits and hyphens.

    >>> file_name("BicKD − teacher (below 0)")
    'bickd-teacher-below-0'
    """
    return (
        "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in text.lower()).split())
        or "chart"
    )
