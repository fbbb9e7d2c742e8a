"""Linked maps of several models, drawn in the browser (`frontend/scatter.js`).

Hover, lasso, zoom and keyboard act on all maps together and need no call to Python. Only a finished
selection is sent. The browser gets bytes: a JSON head, then typed arrays. For notebooks and
exports, `bickd_viz.charts.prediction_map` draws the same map.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from app.components import export_menu
from app.components.browser_part import part
from app.plain import st
from bickd_viz import ModelStyle, Theme
from bickd_viz.colouring import Colouring
from bickd_viz.frames import Frame, tight_frame

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

_TOP = 65535
_HIDDEN = 255
"""The group of hidden samples."""
_BEYOND = 1.5
"""Coordinates are clipped at this many frame widths outside the frame."""

_component = part("scatter", "scatter.js", style="scatter.css")


@dataclass(frozen=True)
class Panel:
    """One model's map.

    Attributes:
        key: Key of its run.
        style: Its name and colour.
        note: Note beside the name.
        coordinates: [N, 2]. A sample is hidden if its coordinates are not finite.
        predicted: Top-1 classes, int [N], or None.
        confidence: Probabilities of the top-1 class, float [N] in [0, 1], or None.
        moved: Displacement from the teacher, float [N] in [0, 1], or None.
    """

    key: str
    style: ModelStyle
    note: str
    coordinates: np.ndarray
    predicted: np.ndarray | None = None
    confidence: np.ndarray | None = None
    moved: np.ndarray | None = None


@dataclass(frozen=True)
class Background:
    """Lines [[x, y], ...] and labels (x, y, text) in the maps' coordinates, drawn under the
    points."""

    lines: Sequence[Sequence[tuple[float, float]]] = ()
    labels: Sequence[tuple[float, float, str]] = ()


def show(
    panels: Sequence[Panel],
    ids: np.ndarray,
    *,
    key: str,
    theme: Theme,
    colouring: Colouring,
    class_names: Sequence[str] = (),
    labels: np.ndarray | None = None,
    selected: np.ndarray | None = None,
    frame: Frame | None = None,
    background: Background | None = None,
    height: int = 420,
    narrowest: int = 250,
    on_select: Callable[[list[Any]], None] | None = None,
    pictures: str = "",
    label: str = "",
) -> None:
    """Draw the panels in one frame of coordinates.

    Args:
        panels: One for each model.
        ids: Sample ids [N]. Hover shows them and `on_select` gets them.
        key: Key of the component.
        theme: Colours.
        colouring: One group array for each panel, see `bickd_viz.colouring`.
        class_names: [C].
        labels: True classes, int [N], or None.
        selected: Positions of the selected samples. If there are any, all others are grey.
        frame: The area shown at first. Default: `tight_frame` of all panels.
        background: For example the triangle of a simplex.
        height: Maximum height of a panel in px.
        narrowest: Minimum width of a panel in px. With less room there are fewer columns.
        on_select: Called with the ids of a new selection, or [] when it is cleared.
        pictures: Name of the `picture_feed` whose images hover shows.
        label: Text for screen readers.
    """
    payload = encoded(
        panels,
        ids,
        colouring=colouring,
        class_names=class_names,
        labels=labels,
        selected=selected,
        frame=frame,
        background=background,
        settings={
            "theme": {name: getattr(theme, name) for name in _COLOURS},
            "height": height,
            "narrowest": narrowest,
            "clickable": on_select is not None,
            "pictures": pictures,
            "label": label or f"Map of {len(ids)} samples in {len(panels)} models",
        },
    )

    def picked() -> None:
        rows = st.session_state[key].get("picked")
        if rows is not None and on_select is not None:
            on_select(ids[np.asarray(rows, dtype=np.int64)].tolist())

    with st.container():  # the download menu is in its corner
        _component(key=key, data=payload, on_picked_change=picked)
        _offer(
            panels,
            ids,
            key,
            theme,
            colouring,
            class_names,
            labels,
            selected,
            frame,
            background,
            label,
        )


def _offer(
    panels: Sequence[Panel],
    ids: np.ndarray,
    key: str,
    theme: Theme,
    colouring: Colouring,
    class_names: Sequence[str],
    labels: np.ndarray | None,
    selected: np.ndarray | None,
    frame: Frame | None,
    background: Background | None,
    label: str,
) -> None:
    """Add the maps to the page's exports. Plotly draws them only on request."""

    def figure() -> go.Figure:
        from bickd_viz.charts.side_by_side import MapPanel, maps_figure

        under = background or Background()
        return maps_figure(
            [MapPanel(panel.style, panel.coordinates) for panel in panels], ids=ids,
            colouring=colouring,
            selected=selected, frame=frame, lines=under.lines, labels=under.labels, theme=theme,
        )  # fmt: skip

    def table() -> pd.DataFrame:
        import pandas as pd

        from bickd_viz.tables import points_table

        chosen = ids[:0] if selected is None else ids[selected]
        parts = [
            points_table(
                panel.coordinates, ids=ids, class_names=class_names, labels=labels,
                predicted=panel.predicted,
                displacement=panel.moved, selected_ids=chosen.tolist(),
            ).assign(model=panel.style.name)
            for panel in panels
        ]  # fmt: skip
        return pd.concat(parts, ignore_index=True)

    export_menu.offer(f"low-{key}", label or "Prediction maps", figure, table, parquet=True)


_COLOURS = ("surface", "text", "muted", "grid", "card_border", "quiet", "accent")


def encoded(
    panels: Sequence[Panel],
    ids: np.ndarray,
    *,
    colouring: Colouring,
    class_names: Sequence[str] = (),
    labels: np.ndarray | None = None,
    selected: np.ndarray | None = None,
    frame: Frame | None = None,
    background: Background | None = None,
    settings: Mapping[str, Any] | None = None,
) -> bytes:
    """The bytes that the browser gets; see `packed`.

    Raises:
        ValueError: An array has another length than `ids`.
    """
    n = len(ids)
    for panel, groups in zip(panels, colouring.groups, strict=True):
        for name, rows in (("coordinates", panel.coordinates), ("groups", groups)):
            if len(rows) != n:
                raise ValueError(
                    f"{name} of '{panel.key}' must have {n} rows like ids, got {len(rows)}."
                )
    home = frame or tight_frame([panel.coordinates for panel in panels])
    place = _Grid.around(home)
    arrays: dict[str, np.ndarray] = {"selected": _mask(selected, n)}
    if labels is not None:
        arrays["labels"] = np.asarray(labels, dtype="<u2")
    for i, (panel, groups) in enumerate(zip(panels, colouring.groups, strict=True)):
        arrays[f"xy{i}"] = place.codes(panel.coordinates)
        shown = np.isfinite(np.asarray(panel.coordinates, dtype=np.float64)).all(axis=1)
        arrays[f"groups{i}"] = np.where(shown, groups, _HIDDEN).astype("u1")
        if panel.predicted is not None:
            arrays[f"said{i}"] = np.asarray(panel.predicted, dtype="<u2")
        for name, values in (("sure", panel.confidence), ("moved", panel.moved)):
            if values is not None:
                arrays[f"{name}{i}"] = np.rint(np.clip(np.nan_to_num(values), 0, 1) * 250).astype(
                    "u1"
                )
    head = {
        **(settings or {}),
        "n": n,
        "ids": np.asarray(ids).tolist(),
        "names": list(class_names),
        "panels": [
            {"key": p.key, "name": p.style.name, "colour": p.style.colour, "note": p.note}
            for p in panels
        ],
        "palette": [asdict(shade) for shade in colouring.palette],
        "scale": colouring.scale,
        "home": place.window(home),
        "background": None if background is None else place.background(background),
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
    words = json.dumps({**head, "arrays": places}, separators=(",", ":")).encode()
    return struct.pack("<I", len(words)) + words + b"\0" * (-len(words) % 4) + body


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
        found = np.stack(
            [(xy[:, 0] - self.left) / self.step, (self.top - xy[:, 1]) / self.step], axis=1
        )
        return np.rint(np.clip(np.nan_to_num(found), 0, _TOP)).astype("<u2")

    def place(self, x: float, y: float) -> list[float]:
        return [(x - self.left) / self.step, (self.top - y) / self.step]

    def window(self, home: Frame) -> list[float]:
        return [*self.place(home[0], home[3]), *self.place(home[1], home[2])]

    def background(self, of: Background) -> dict[str, Any]:
        return {
            "lines": [[self.place(*point) for point in line] for line in of.lines],
            "labels": [[*self.place(x, y), words] for x, y, words in of.labels],
        }


def _mask(positions: np.ndarray | None, n: int) -> np.ndarray:
    mask = np.zeros(n, dtype="u1")
    if positions is not None:
        mask[np.asarray(positions, dtype=np.int64)] = 1
    return mask
