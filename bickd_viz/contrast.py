"""Colours that text can be read in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from bickd_viz.theme import Scale, Theme

READABLE = 4.5
"""Contrast that text needs at least (WCAG 2, level AA)."""
_STEPS = 20


def text_colour(colour: str, theme: Theme) -> str:
    """Return a colour for text, mixed with the theme's text colour only as far as it must be to be
    readable on the theme's surface.

    Args:
        colour: Such as "#E69F00", for example of a model.
        theme: The appearance.

    >>> from bickd_viz.theme import DARK, LIGHT
    >>> text_colour("#E69F00", DARK)
    '#E69F00'
    >>> contrast(rgb("#E69F00"), rgb(LIGHT.surface)) < READABLE
    True
    >>> contrast(rgb(text_colour("#E69F00", LIGHT)), rgb(LIGHT.surface)) >= READABLE
    True
    """
    return _mixed(colour, theme.text, theme.surface)


def ink(background: str, theme: Theme) -> str:
    """Return the theme's text or surface colour, whichever has more contrast on this background.

    Args:
        background: Such as "#E69F00".
        theme: The appearance.
    """
    colours = (theme.text, theme.surface)
    return max(colours, key=lambda colour: contrast(rgb(background), rgb(colour)))


@lru_cache(maxsize=256)
def _mixed(colour: str, text: str, surface: str) -> str:
    for step in range(_STEPS):
        share = step / _STEPS
        parts = [(1 - share) * a + share * b for a, b in zip(rgb(colour), rgb(text), strict=True)]
        mixed = hex_colour(parts)
        if contrast(rgb(mixed), rgb(surface)) >= READABLE:
            return mixed
    return text


def contrast(first: Iterable[float], second: Iterable[float]) -> float:
    """Return the contrast of two colours (WCAG 2), from 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def luminance(parts: Iterable[float]) -> float:
    """Return the relative luminance (WCAG 2) of red, green and blue from 0 to 1."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def rgb(colour: str) -> list[float]:
    """Return red, green and blue from 0 to 1.

    Args:
        colour: Such as "#E69F00".
    """
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def hex_colour(parts: Iterable[float]) -> str:
    """Return the hex colour of red, green and blue from 0 to 1."""
    return "#" + "".join(f"{round(255 * part):02X}" for part in parts)


def along(scale: Scale, places: np.ndarray | Sequence[float]) -> np.ndarray:
    """Return red, green and blue [n, 3] of a colour scale at these places [n], from 0 to 1."""
    stops, colours = [place for place, _ in scale], np.array([rgb(colour) for _, colour in scale])
    return np.stack([np.interp(places, stops, channel) for channel in colours.T], axis=1)
