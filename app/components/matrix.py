"""An interactive class-by-class matrix: hover, click, zoom, and keyboard.

It is drawn on a canvas in the browser (`frontend/matrix.js`). A Plotly heat map reports no clicks,
and invisible points that could report them take seconds to draw at 95 classes. For exports, Plotly
draws the same `MatrixScene`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app.components import export_menu
from app.components.browser_part import part
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.theme import Theme

if TYPE_CHECKING:
    import pandas as pd

_WIDE_UP_TO = 400
"""Up to this many classes, values are sent with 16 bits. With more, 8 bits keep 1,000 classes at
1.3 MB."""

_component = part("matrix", "matrix.js", style="matrix.css")


def show(
    scene: MatrixScene,
    key: str,
    *,
    theme: Theme,
    on_cell: Callable[[int, int], None] | None = None,
    group: str = "classes",
    height: int = 400,
) -> None:
    """Draw the matrix and add it to the page's exports.

    Args:
        scene: The matrix.
        key: Key of the component.
        theme: Colours.
        on_cell: Called with the clicked cell (row, column), in original class indices.
        group: Matrices of the same group and size share cursor and zoom. "" for a matrix of its
            own.
        height: Maximum height in px, with the colour bar. In a narrow column the matrix is smaller.
    """

    def clicked() -> None:
        cell = st.session_state[key].get("cell")
        if cell is not None and on_cell is not None:
            on_cell(int(cell[0]), int(cell[1]))

    count = len(scene.class_names)
    _component(
        key=key,
        data={
            **encoded(scene.values),
            "n": count,
            "names": list(scene.class_names),
            "order": None if scene.order is None else scene.places.tolist(),
            "zmin": scene.ends[0],
            "zmax": scene.ends[1],
            "stops": [list(stop) for stop in getattr(theme, scene.scale)],
            "theme": {
                name: getattr(theme, name)
                for name in ("accent", "surface", "text", "muted", "grid")
            },
            "selected": None if scene.selected is None else list(scene.selected),
            "x_title": scene.x_title,
            "y_title": scene.y_title,
            "value_name": scene.value_name,
            "decimals": scene.decimals,
            "height": height,
            "group": group,
            "blocks": [list(block) for block in scene.blocks],
            "label": scene.label
            or f"{scene.value_name} of {count} by {count}"
            f" {'classes' if scene.pairs is None else 'groups of classes'}; arrow keys move, Enter"
            " chooses a cell",
            "pairs": None if scene.pairs is None else scene.pairs.ravel().tolist(),
            "clickable": on_cell is not None,
        },
        on_cell_change=clicked,
    )

    def table() -> pd.DataFrame:
        from bickd_viz.tables import matrix_table

        return matrix_table(scene)

    export_menu.offer(
        key,
        scene.label or scene.value_name,
        lambda: scene.figure(theme),
        table,
        x_title="class",
        y_title="class",
    )


def encoded(values: np.ndarray) -> dict[str, object]:
    """Encode values for the browser: base64 of little-endian codes between the lowest and the
    highest value.

    Values that are not finite have a code of their own, the one above the highest. Any other code
    differs from its value by at most half a step: 1/131,068 of the range for up to 400 classes,
    1/508 for more.

    Args:
        values: [C, C].
    """
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    low, high = (values[known].min(), values[known].max()) if known.any() else (0.0, 1.0)
    wide = len(values) <= _WIDE_UP_TO
    top = 65534 if wide else 254
    places = np.rint((np.where(known, values, low) - low) / ((high - low) or 1.0) * top)
    codes = np.where(known, places, top + 1).astype("<u2" if wide else "u1")
    return {
        "values": base64.b64encode(codes.tobytes()).decode(),
        "wide": wide,
        "low": float(low),
        "high": float(high),
    }
