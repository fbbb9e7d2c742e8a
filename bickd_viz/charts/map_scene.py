"""What the maps of several models show.

Two renderers draw a `MapScene`: the app's canvas component (`app/components/scatter.py`) and Plotly
(`bickd_viz.charts.map.maps_figure`), for exports, reports and notebooks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from bickd_viz.colouring import Colouring, Shade
from bickd_viz.frames import Frame, tight_frame
from bickd_viz.theme import LIGHT, ModelStyle, Theme

HIDDEN = 255
"""The group of samples that a panel does not show."""
_MANY = 3000
"""Samples from which all points are small."""
_CROWD = 300
"""Emphasised points of a layer from which they have no outline."""
_FEW = 80
_SMALL, _PLAIN = 1.7, 2.2
"""Radii in px."""


@dataclass(frozen=True, eq=False)
class MapPanel:
    """The map of one model.

    Attributes:
        style: The model's name and colour.
        coordinates: [N, 2]. A sample is hidden if its coordinates are not finite.
        key: Key of its run.
        note: Note beside the name.
        predicted: Top-1 classes, int [N], or None.
        confidence: Probabilities of the top-1 class, float [N] in [0, 1], or None.
        moved: Displacement from the teacher, float [N] in [0, 1], or None.
    """

    style: ModelStyle
    coordinates: np.ndarray
    key: str = ""
    note: str = ""
    predicted: np.ndarray | None = None
    confidence: np.ndarray | None = None
    moved: np.ndarray | None = None


@dataclass(frozen=True)
class Background:
    """Lines [[x, y], ...] and labels (x, y, text) in the maps' coordinates, drawn under the
    points."""

    lines: Sequence[Sequence[tuple[float, float]]] = ()
    labels: Sequence[tuple[float, float, str]] = ()


@dataclass(frozen=True, eq=False)
class Layer:
    """Points of a panel that are drawn alike.

    Attributes:
        group: Group of the colouring; 0 for points without a colour.
        look: Their colour and symbol.
        positions: Positions of their samples.
        radius: In px.
        opacity: 0 to 1.
        outlined: Whether each point has an outline in the colour of the surface.
    """

    group: int
    look: Shade
    positions: np.ndarray
    radius: float
    opacity: float
    outlined: bool


@dataclass(frozen=True, eq=False)
class MapScene:
    """Maps of the same samples, drawn in one frame of coordinates.

    Attributes:
        panels: One for each model.
        ids: Sample ids [N].
        colouring: One array of groups for each panel, see `bickd_viz.colouring`.
        theme: Colours.
        title: The chart's title. Screen readers read it, and exports are named after it.
        class_names: [C].
        labels: True classes, int [N], or None.
        selected: Positions of the selected samples. If there are any, all others are grey.
        frame: The area shown at first. Default: `tight_frame` of all panels.
        background: For example the triangle of a simplex.

    Raises:
        ValueError: An array has another length than `ids`.
    """

    panels: Sequence[MapPanel]
    ids: np.ndarray
    colouring: Colouring
    theme: Theme = LIGHT
    title: str = "Prediction maps"
    class_names: Sequence[str] = ()
    labels: np.ndarray | None = None
    selected: np.ndarray | None = None
    frame: Frame | None = None
    background: Background = field(default_factory=Background)

    def __post_init__(self) -> None:
        n = len(self.ids)
        for panel, groups in zip(self.panels, self.colouring.groups, strict=True):
            shape = np.shape(panel.coordinates)
            if shape != (n, 2):
                raise ValueError(
                    f"coordinates of '{panel.style.name}' must be [N, 2] with N = {n} ids, got"
                    f" shape {shape}."
                )
            if len(groups) != n:
                raise ValueError(
                    f"groups of '{panel.style.name}' must have {n} rows like ids, got"
                    f" {len(groups)}."
                )

    @cached_property
    def home(self) -> Frame:
        """The area shown at first."""
        return self.frame or tight_frame([panel.coordinates for panel in self.panels])

    @cached_property
    def is_selected(self) -> np.ndarray:
        """Whether each sample is selected, bool [N]."""
        mask = np.zeros(len(self.ids), dtype=bool)
        if self.selected is not None:
            mask[np.asarray(self.selected, dtype=np.int64)] = True
        return mask

    @cached_property
    def looks(self) -> tuple[Shade, ...]:
        """The looks of the points, in the order in which they are drawn.

        With a palette of P colours there are 2 (P + 1): samples without a group, the P groups, and
        the same again for selected samples.
        """
        theme, palette = self.theme, self.colouring.palette
        chosen = Shade("selected", theme.text if palette else theme.accent, raised=True)
        raised = [replace(shade, raised=True) for shade in palette]
        return (Shade("other", theme.quiet), *palette, chosen, *raised)

    def groups(self, panel: int) -> np.ndarray:
        """The group of each sample of a panel, uint8 [N]: 0 has no colour, HIDDEN is not shown."""
        coordinates = np.asarray(self.panels[panel].coordinates, dtype=np.float64)
        shown = np.isfinite(coordinates).all(axis=1)
        return np.where(shown, self.colouring.groups[panel], HIDDEN).astype(np.uint8)

    def layers(self, panel: int) -> list[Layer]:
        """The visible points of a panel, in the order in which they are drawn.

        The browser computes the same (`passesOf` in `frontend/scatter_data.js`), because a lasso
        changes the selection there.
        """
        groups, count = self.groups(panel), len(self.looks) // 2
        looks: np.ndarray = groups.astype(np.int64)
        in_use: Sequence[int] = range(count)
        if self.is_selected.any():
            looks = np.where(self.is_selected, looks + count, 0)
            in_use = (0, *range(count, 2 * count))
        looks[groups == HIDDEN] = -1
        return [self._layer(look, np.flatnonzero(looks == look)) for look in in_use]

    def _layer(self, number: int, positions: np.ndarray) -> Layer:
        look, count = self.looks[number], len(self.looks) // 2
        radius = _SMALL if len(self.ids) > _MANY else _PLAIN
        few = len(positions) <= _CROWD
        if look.raised:
            radius = 3.6 if len(positions) <= _FEW else 2.8 if few else radius + 0.3
        opacity = 0.85
        if look.raised and few:
            opacity = 1.0
        elif number == 0:
            opacity = 0.4 if self.is_selected.any() or count > 1 else 0.6
        return Layer(number % count, look, positions, radius, opacity, look.raised and few)
