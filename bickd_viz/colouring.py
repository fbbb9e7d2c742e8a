"""Which points of a map have which colour: quiet but for what is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bickd_viz.theme import Theme

MAX_COLOURED = 20
"""Classes that can have a colour each; beyond that some are highlighted."""
MAX_HIGHLIGHTED = 6
_SHADES = 32


@dataclass(frozen=True)
class Shade:
    """A colour of the palette: what it stands for, hex, marker ("circle" or "diamond"), and whether it stands out."""

    name: str
    colour: str
    symbol: str = "circle"
    raised: bool = False


@dataclass(frozen=True)
class Colouring:
    """Colours of the points of several maps.

    Attributes:
        groups: for each map uint8 [N]: 0 is quiet, k the palette's entry k - 1.
        palette: the colours.
        scale: (title, low, high) where the palette is a scale from low to high; None where its entries have names.
    """

    groups: tuple[np.ndarray, ...]
    palette: tuple[Shade, ...]
    scale: tuple[str, float, float] | None = None


def quiet(maps: int, n: int) -> Colouring:
    """No colour at all."""
    return Colouring((np.zeros(n, dtype=np.uint8),) * maps, ())


def by_class(classes: Sequence[np.ndarray], names: Sequence[str], theme: Theme) -> Colouring:
    """A colour a class, for at most 20 of them; from the eleventh on the colours come again as diamonds.

    classes: for each map int [N], the true class or what that model says.
    """
    if len(names) > MAX_COLOURED:
        raise ValueError(f"names must be at most {MAX_COLOURED} classes, got {len(names)}; highlight some.")
    count = len(theme.categories)
    palette = tuple(
        Shade(name, theme.categories[c % count], ("circle", "diamond")[c // count])
        for c, name in enumerate(names)
    )
    return Colouring(tuple((np.asarray(found) + 1).astype(np.uint8) for found in classes), palette)


def highlighted(
    classes: Sequence[np.ndarray], chosen: Sequence[int], names: Sequence[str], theme: Theme
) -> Colouring:
    """Only the chosen classes have a colour, at most six."""
    if len(chosen) > MAX_HIGHLIGHTED:
        raise ValueError(f"chosen must be at most {MAX_HIGHLIGHTED} classes, got {len(chosen)}.")
    colours = (theme.accent, theme.fallback[1], *theme.categories[:3], theme.categories[5])
    palette = tuple(Shade(names[c], colours[k], raised=True) for k, c in enumerate(chosen))
    place = np.zeros(len(names), dtype=np.uint8)
    for k, c in enumerate(chosen):
        place[c] = k + 1
    return Colouring(tuple(place[np.asarray(found)] for found in classes), palette)


def by_disagreement(predicted: Sequence[np.ndarray], reference: np.ndarray, theme: Theme) -> Colouring:
    """Colour the samples on which a model disagrees with the reference (the teacher)."""
    groups = tuple((np.asarray(said) != reference).astype(np.uint8) for said in predicted)
    return Colouring(groups, (Shade("disagrees with the teacher", theme.accent, raised=True),))


def by_value(values: Sequence[np.ndarray], title: str, high: float, theme: Theme) -> Colouring:
    """A scale from 0 to `high` in 32 steps; values: for each map float [N]; not finite ones are quiet."""
    stops = [(0.15 + 0.85 * k / (_SHADES - 1)) for k in range(_SHADES)]
    palette = tuple(Shade("", _between(theme.sequential, at)) for at in stops)
    groups = []
    for found in values:
        known = np.isfinite(found)
        step = np.clip(np.where(known, found, 0.0) / (high or 1.0), 0, 1) * (_SHADES - 1)
        groups.append(np.where(known, np.rint(step) + 1, 0).astype(np.uint8))
    return Colouring(tuple(groups), palette, (title, 0.0, high))


def _between(scale: tuple[tuple[float, str], ...], at: float) -> str:
    """The hex colour at `at` on a scale of (place, hex) stops."""
    places = [place for place, _ in scale]
    parts = [[int(colour[i : i + 2], 16) for _, colour in scale] for i in (1, 3, 5)]
    return "#" + "".join(f"{round(float(np.interp(at, places, part))):02X}" for part in parts)
