"""Linked maps of several models, drawn in the browser (`frontend/scatter.js`).

Hover, lasso, zoom and keyboard act on all maps together and need no call to Python. Only a finished
selection is sent. The browser gets bytes: a JSON head, then typed arrays.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from app.components import export_menu
from app.components.browser_part import part
from app.plain import st
from bickd_viz.charts.map import maps_figure
from bickd_viz.charts.map_scene import Background, MapScene
from bickd_viz.frames import Frame

if TYPE_CHECKING:
    import pandas as pd

_TOP = 65535
_BEYOND = 1.5
"""Coordinates are clipped at this many frame widths outside the frame."""
_COLOURS = ("surface", "text", "muted", "grid", "card_border", "quiet", "accent")

_component = part("scatter", "scatter.js", style="scatter.css")


def show(
    scene: MapScene,
    *,
    key: str,
    height: int = 420,
    narrowest: int = 250,
    pictures: str = "",
    on_select: Callable[[list[Any]], None] | None = None,
) -> None:
    """Draw the maps and their download menu.

    Args:
        scene: The maps.
        key: Key of the component.
        height: Maximum height of a panel in px.
        narrowest: Minimum width of a panel in px. With less room there are fewer columns.
        pictures: Name of the `picture_feed` whose images hover shows.
        on_select: Called with the ids of a new selection, or [] when it is cleared.
    """
    settings = {
        "height": height,
        "narrowest": narrowest,
        "clickable": on_select is not None,
        "pictures": pictures,
    }

    def picked() -> None:
        rows = st.session_state[key].get("picked")
        if rows is not None and on_select is not None:
            on_select(scene.ids[np.asarray(rows, dtype=np.int64)].tolist())

    with st.container():  # the download menu is in its corner
        _component(key=key, data=encoded(scene, settings), on_picked_change=picked)
        export_menu.offer(
            f"low-{key}",
            scene.title,
            partial(maps_figure, scene),
            partial(_table, scene),
            parquet=True,
        )


def _table(scene: MapScene) -> pd.DataFrame:
    from bickd_viz.tables import points_table

    return points_table(scene)


def encoded(scene: MapScene, settings: Mapping[str, Any]) -> bytes:
    """The bytes that the browser gets; see `packed`.

    Args:
        scene: The maps.
        settings: More entries of the head.
    """
    grid = _Grid.around(scene.home)
    arrays: dict[str, np.ndarray] = {"selected": scene.is_selected.astype("u1")}
    if scene.labels is not None:
        arrays["labels"] = np.asarray(scene.labels, dtype="<u2")
    for i, panel in enumerate(scene.panels):
        arrays[f"xy{i}"] = grid.codes(panel.coordinates)
        arrays[f"groups{i}"] = scene.groups(i)
        if panel.predicted is not None:
            arrays[f"predicted{i}"] = np.asarray(panel.predicted, dtype="<u2")
        for name, values in (("confidence", panel.confidence), ("moved", panel.moved)):
            if values is not None:
                shares = np.clip(np.nan_to_num(np.asarray(values, dtype=np.float64)), 0, 1)
                arrays[f"{name}{i}"] = np.rint(shares * 100).astype("u1")  # as tooltips show them
    head = {
        **settings,
        "n": len(scene.ids),
        "ids": scene.ids.tolist(),
        "names": list(scene.class_names),
        "panels": [
            {"key": p.key, "name": p.style.name, "colour": p.style.colour, "note": p.note}
            for p in scene.panels
        ],
        "looks": [asdict(look) for look in scene.looks],
        "scale": scene.colouring.scale,
        "home": grid.window(scene.home),
        "background": grid.background(scene.background),
        "theme": {name: getattr(scene.theme, name) for name in _COLOURS},
        "label": scene.title,
    }
    return packed(head, arrays)


def packed(head: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Pack a head and arrays into bytes.

    The format is a uint32 (length of the head), the head as JSON with "arrays": name -> [dtype,
    first byte, entries], padding to 4 bytes, then each array, little-endian, at a multiple of 4
    bytes.
    """
    places, body = {}, b""
    for name, array in arrays.items():
        places[name] = [array.dtype.str.lstrip("<|"), len(body), int(array.size)]
        body += array.tobytes() + b"\0" * (-array.nbytes % 4)
    text = json.dumps({**head, "arrays": places}, separators=(",", ":")).encode()
    return struct.pack("<I", len(text)) + text + b"\0" * (-len(text) % 4) + body


@dataclass(frozen=True)
class _Grid:
    """The grid of 65,536 x 65,536 positions for encoded coordinates, with y downwards."""

    left: float
    top: float
    step: float

    @classmethod
    def around(cls, home: Frame) -> _Grid:
        side = max(home[1] - home[0], home[3] - home[2]) or 1.0
        whole = (1 + 2 * _BEYOND) * side
        middle = ((home[0] + home[1]) / 2, (home[2] + home[3]) / 2)
        return cls(middle[0] - whole / 2, middle[1] + whole / 2, whole / _TOP)

    def codes(self, xy: np.ndarray) -> np.ndarray:
        """Encode coordinates as uint16 [N, 2], at most half a step off; 0 if they are not
        finite."""
        xy = np.asarray(xy, dtype=np.float64)
        steps = np.stack(
            [(xy[:, 0] - self.left) / self.step, (self.top - xy[:, 1]) / self.step], axis=1
        )
        return np.rint(np.clip(np.nan_to_num(steps), 0, _TOP)).astype("<u2")

    def place(self, x: float, y: float) -> list[float]:
        return [(x - self.left) / self.step, (self.top - y) / self.step]

    def window(self, home: Frame) -> list[float]:
        return [*self.place(home[0], home[3]), *self.place(home[1], home[2])]

    def background(self, background: Background) -> dict[str, Any]:
        return {
            "lines": [[self.place(*point) for point in line] for line in background.lines],
            "labels": [[*self.place(x, y), text] for x, y, text in background.labels],
        }
