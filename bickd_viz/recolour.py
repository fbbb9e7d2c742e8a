"""The same figure in another theme's colours, without drawing it again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from bickd_viz.theme import DARK, LIGHT, Scale, Theme

_ROLES = ("surface", "text", "muted", "grid", "card_border", "quiet", "accent")
_RGBA = re.compile(r"rgba?\((\d+),\s*(\d+),\s*(\d+)(?:,\s*([\d.]+))?\)")


def theme_of(figure: go.Figure) -> Theme:
    """The theme that a figure was drawn in, told by the colour of its text."""
    return DARK if figure.layout.font.color == DARK.text else LIGHT


def recoloured(figure: go.Figure, target: Theme, source: Theme | None = None) -> go.Figure:
    """A copy of `figure` in the colours of `target`; the data is the same.

    source: the theme it was drawn in, found by `theme_of` where it is not given. A colour that is in no role of
    `source` stays as it is.
    """
    source = source or theme_of(figure)
    spec = figure.to_dict()
    if source != target:
        swap = _table(source, target)
        _walk(spec, lambda colour: _swapped(colour, swap), lambda stops: _scale(stops, source, target, swap))
        spec["layout"].setdefault("font", {})["color"] = target.text
    return go.Figure(spec)


def _table(source: Theme, target: Theme) -> dict[str, str]:
    """Colour -> colour by the role it plays; where one colour has two roles the first in this list counts."""
    there = dict(target.models)
    pairs = [(colour, there[kind]) for kind, colour in source.models if kind in there]
    pairs += zip(source.fallback, target.fallback, strict=True)
    pairs += [(getattr(source, role), getattr(target, role)) for role in _ROLES]
    pairs += zip(source.categories, target.categories, strict=True)
    table: dict[str, str] = {}
    for old, new in pairs:
        table.setdefault(old.upper(), new)
    return table


def _walk(node: Any, swap: Callable[[str], str], scale: Callable[[list], list]) -> None:
    """Change colours in place: of every key that ends in `color`, and of colour scales."""
    if isinstance(node, list | tuple):
        for item in node:
            _walk(item, swap, scale)
        return
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "colorscale" and isinstance(value, list | tuple):
            node[key] = scale([list(stop) for stop in value])
        elif not key.endswith("color"):
            _walk(value, swap, scale)
        elif isinstance(value, str):
            node[key] = swap(value)
        elif isinstance(value, list | tuple) and value and isinstance(value[0], str):
            node[key] = [swap(colour) for colour in value]
        elif isinstance(value, dict):
            _walk(value, swap, scale)


def _swapped(colour: str, table: dict[str, str]) -> str:
    faded = _RGBA.fullmatch(colour)
    if faded is None:
        return table.get(colour.upper(), colour)
    red, green, blue, alpha = faded.groups()
    solid = table.get("#{:02X}{:02X}{:02X}".format(*map(int, (red, green, blue))))
    if solid is None or alpha == "0":
        return colour
    parts = ",".join(str(int(solid[i : i + 2], 16)) for i in (1, 3, 5))
    return f"rgba({parts},{alpha or 1})"


def _scale(stops: list[list], source: Theme, target: Theme, table: dict[str, str]) -> list[list]:
    """A colour scale by the stops of the theme's own one; parts of it, such as a raised start, are found too."""

    def stop_by_stop(old: Scale, new: Scale) -> dict[str, str]:
        return {before.upper(): after for (_, before), (_, after) in zip(old, new, strict=True)}

    known = [stop_by_stop(getattr(source, n), getattr(target, n)) for n in ("sequential", "diverging")]
    best = max(known, key=lambda swap: sum(colour.upper() in swap for _, colour in stops))
    return [[place, _swapped(colour, {**table, **best})] for place, colour in stops]
