"""An interactive class-by-class matrix: hover, click, zoom, and keyboard.

It is drawn on a canvas in the browser (`frontend/matrix.js`). A Plotly heat map reports no clicks,
and invisible points that could report them take seconds to draw at 95 classes. For exports,
`bickd_viz.charts.matrix_figure` draws the same matrix.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app.components import export_menu
from app.components.browser_part import part
from bickd_viz import Theme

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_WIDE_UP_TO = 400
"""Up to this many classes, values are sent with 16 bits. With more, 8 bits keep 1,000 classes at
1.3 MB."""

_component = part("matrix", "matrix.js", style="matrix.css")


def show(
    values: np.ndarray,
    class_names: Sequence[str],
    *,
    key: str,
    theme: Theme,
    order: np.ndarray | None = None,
    zmin: float = 0.0,
    zmax: float = 1.0,
    scale: str = "sequential",
    selected: tuple[int, int] | None = None,
    x_title: str = "",
    y_title: str = "",
    value_name: str = "cosine",
    decimals: int = 2,
    on_cell: Callable[[int, int], None] | None = None,
    blocks: Sequence[tuple[str, int]] = (),
    group: str = "classes",
    label: str = "",
    height: int = 400,
) -> None:
    """Draw `values` [C, C], rows downwards.

    Args:
        values: Matrix [C, C].
        class_names: [C].
        key: Key of the component.
        theme: Colours.
        order: Class indices in the order shown, for rows and columns.
        zmin: Low end of the colour scale. Use the same ends for all matrices that are compared.
        zmax: High end of the colour scale.
        scale: "sequential" or "diverging".
        selected: The outlined cell, in original class indices.
        x_title: Title of the columns.
        y_title: Title of the rows.
        value_name: What a value is.
        decimals: Decimals of a value in its cell, if there is room for it. Use 0 for counts.
        on_cell: Called with the clicked cell (row, column), in original class indices.
        blocks: Groups of neighbouring classes: (name, number of classes) in the order shown, with
            lines between them.
        group: Matrices of the same group and size share cursor and zoom. "" for a matrix of its
            own.
        label: Text for screen readers.
        height: Maximum height in px, with the colour bar. In a narrow column the matrix is smaller.
    """
    count = len(class_names)
    if values.shape != (count, count):
        raise ValueError(
            f"values must be {count} x {count} like class_names, got shape {values.shape}."
        )

    def clicked() -> None:
        cell = st.session_state[key].get("cell")
        if cell is not None and on_cell is not None:
            on_cell(int(cell[0]), int(cell[1]))

    _component(
        key=key,
        data={
            **encoded(values),
            "n": count,
            "names": list(class_names),
            "order": None if order is None else [int(c) for c in order],
            "zmin": zmin,
            "zmax": zmax,
            "stops": [list(stop) for stop in getattr(theme, scale)],
            "theme": {
                name: getattr(theme, name)
                for name in ("accent", "surface", "text", "muted", "grid")
            },
            "selected": None if selected is None else list(selected),
            "x_title": x_title,
            "y_title": y_title,
            "value_name": value_name,
            "decimals": decimals,
            "height": height,
            "group": group,
            "blocks": [list(block) for block in blocks],
            "label": label
            or f"{value_name} of {count} by {count} classes; arrow keys move, Enter chooses a cell",
            "clickable": on_cell is not None,
        },
        on_cell_change=clicked,
    )
    _offer(
        values,
        tuple(class_names),
        key,
        theme,
        order,
        (zmin, zmax, scale),
        (x_title, y_title, value_name),
        label,
        tuple(blocks),
    )


def _offer(
    values: np.ndarray,
    names: tuple[str, ...],
    key: str,
    theme: Theme,
    order: np.ndarray | None,
    colours: tuple[float, float, str],
    titles: tuple[str, str, str],
    label: str,
    blocks: tuple[tuple[str, int], ...],
) -> None:
    """Add the matrix to the page's exports. Plotly draws it only on request."""
    low, high, scale = colours
    x_title, y_title, what = titles

    def figure() -> go.Figure:
        from bickd_viz.charts.matrix import matrix_figure

        return matrix_figure(
            values, names, order=order, zmin=low, zmax=high, scale=scale, theme=theme,
            x_title=x_title, y_title=y_title, value_name=what, blocks=blocks,
        )  # fmt: skip

    def table() -> pd.DataFrame:
        from bickd_viz.tables import matrix_table

        return matrix_table(values, names, order=order, value_name=what)

    export_menu.offer(key, label or what, figure, table, x_title="class", y_title="class")


def encoded(values: np.ndarray) -> dict[str, object]:
    """Encode values for the browser: base64 of little-endian codes between the lowest and the
    highest value.

    Values that are not finite become 0. A code differs from its value by at most half a step:
    1/131,070 of the range for up to 400 classes, 1/510 for more.

    Args:
        values: [C, C].
    """
    finite = np.nan_to_num(np.asarray(values, dtype=np.float64), posinf=0.0, neginf=0.0)
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    wide = len(finite) <= _WIDE_UP_TO
    top = 65535 if wide else 255
    codes = np.rint((finite - low) / ((high - low) or 1.0) * top).astype("<u2" if wide else "u1")
    return {
        "values": base64.b64encode(codes.tobytes()).decode(),
        "wide": wide,
        "low": low,
        "high": high,
    }
