"""Colours of the points on a map. Points without a group are grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bickd_viz.contrast import along, hex_colour
from bickd_viz.theme import Theme

MAX_COLOURED = 20
"""Classes that can have a colour each; beyond that some are highlighted."""
MAX_HIGHLIGHTED = 6
_SHADES = 32


@dataclass(frozen=True)
class Shade:
    """A colour of the palette: its name, hex value, marker ("circle" or "diamond"), and whether it
    is emphasised."""

    name: str
    colour: str
    symbol: str = "circle"
    raised: bool = False


@dataclass(frozen=True)
class Colouring:
    """Colours of the points of several maps.

    Attributes:
        groups: uint8 [N] for each map: 0 is grey, k is entry k - 1 of the palette.
        palette: The colours.
        scale: (title, low, high) if the palette is a scale; None if its entries have names.
    """

    groups: tuple[np.ndarray, ...]
    palette: tuple[Shade, ...]
    scale: tuple[str, float, float] | None = None


def quiet(maps: int, n: int) -> Colouring:
    """All points are grey."""
    return Colouring((np.zeros(n, dtype=np.uint8),) * maps, ())


def by_class(classes: Sequence[np.ndarray], names: Sequence[str], theme: Theme) -> Colouring:
    """One colour for each class, for at most 20 classes. From the eleventh class on, colours repeat
    as diamonds.

    Args:
        classes: True or predicted classes, int [N] for each map.
        names: [C].
        theme: Colours.
    """
    if len(names) > MAX_COLOURED:
        raise ValueError(
            f"names must be at most {MAX_COLOURED} classes, got {len(names)}; highlight some."
        )
    count = len(theme.categories)
    palette = tuple(
        Shade(name, theme.categories[c % count], ("circle", "diamond")[c // count])
        for c, name in enumerate(names)
    )
    groups = tuple((np.asarray(each) + 1).astype(np.uint8) for each in classes)
    return Colouring(groups, palette)


def highlighted(
    classes: Sequence[np.ndarray], chosen: Sequence[int], names: Sequence[str], theme: Theme
) -> Colouring:
    """Colour only the chosen classes, at most six."""
    if len(chosen) > MAX_HIGHLIGHTED:
        raise ValueError(f"chosen must be at most {MAX_HIGHLIGHTED} classes, got {len(chosen)}.")
    colours = (theme.accent, theme.fallback[1], *theme.categories[:3], theme.categories[5])
    palette = tuple(Shade(names[c], colours[k], raised=True) for k, c in enumerate(chosen))
    place = np.zeros(len(names), dtype=np.uint8)
    for k, c in enumerate(chosen):
        place[c] = k + 1
    return Colouring(tuple(place[np.asarray(each)] for each in classes), palette)


def by_disagreement(
    predicted: Sequence[np.ndarray], reference: np.ndarray, theme: Theme
) -> Colouring:
    """Colour the samples on which a model disagrees with the reference (the teacher)."""
    groups = tuple((np.asarray(each) != reference).astype(np.uint8) for each in predicted)
    return Colouring(groups, (Shade("disagrees with the teacher", theme.accent, raised=True),))


def by_value(values: Sequence[np.ndarray], title: str, high: float, theme: Theme) -> Colouring:
    """A scale from 0 to `high` in 32 steps. Values are float [N] for each map; values that are not
    finite are grey."""
    colours = along(theme.sequential, np.linspace(0.15, 1, _SHADES))
    palette = tuple(Shade("", hex_colour(colour)) for colour in colours)
    groups = []
    for each in values:
        known = np.isfinite(each)
        step = np.clip(np.where(known, each, 0.0) / (high or 1.0), 0, 1) * (_SHADES - 1)
        groups.append(np.where(known, np.rint(step) + 1, 0).astype(np.uint8))
    return Colouring(tuple(groups), palette, (title, 0.0, high))
