"""Change a figure to another theme's colours, without drawing it again."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from bickd_viz.contrast import along, hex_colour, ink, rgb, text_colour
from bickd_viz.theme import DARK, LIGHT, Scale, Theme

_ROLES = ("surface", "text", "muted", "grid", "card_border", "quiet", "accent")
_HEX = re.compile(r"#[0-9A-Fa-f]{6}")
_STEPS = 401  # places of a scale that are looked at
_RGBA = re.compile(r"rgba?\((\d+),\s*(\d+),\s*(\d+)(?:,\s*([\d.]+))?\)")


def theme_of(figure: go.Figure) -> Theme:
    """The theme in which a figure was drawn, found by the colour of its text."""
    return DARK if figure.layout.font.color == DARK.text else LIGHT


def recoloured(
    figure: go.Figure,
    target: Theme,
    *,
    unknown: Callable[[str], str] = lambda colour: colour,
) -> go.Figure:
    """A copy of `figure` in the colours of `target`, with the same data.

    A step of a colour scale is mapped to its place on the target's scale.

    Args:
        figure: The figure.
        target: The new theme.
        unknown: Maps a hex colour without a role in its theme. Default: unchanged.
    """
    source = theme_of(figure)
    spec = figure.to_dict()
    if source != target:
        marks = _table(source, target)
        texts = {
            text_colour(old, source): text_colour(new, target) for old, new in marks.items()
        } | {source.text.upper(): target.text}
        _walk(
            spec,
            lambda colour: _swapped(colour, marks, unknown),
            lambda colour: _swapped(colour, marks | texts, unknown),
            lambda stops: _scale(stops, source, target, marks),
        )
        _write_on_bars(spec["data"], target)
        spec["layout"].setdefault("font", {})["color"] = target.text
    return go.Figure(spec)


def _write_on_bars(traces: Sequence[dict], target: Theme) -> None:
    """Choose the colour of the text on bars again. It follows the bar, not the text's role."""
    for trace in traces:
        bar = trace.get("marker", {}).get("color")
        inside = trace["type"] == "bar" and trace.get("textposition") == "inside"
        if inside and isinstance(bar, str) and _HEX.fullmatch(bar):
            trace["textfont"]["color"] = ink(bar, target)


def _table(source: Theme, target: Theme) -> dict[str, str]:
    """Colour -> colour with the same role. If a colour has two roles, the first in this list
    counts."""
    there = dict(target.models)
    pairs = [(colour, there[kind]) for kind, colour in source.models if kind in there]
    pairs += zip(source.fallback, target.fallback, strict=True)
    pairs += [(getattr(source, role), getattr(target, role)) for role in _ROLES]
    pairs += zip(source.categories, target.categories, strict=True)
    table: dict[str, str] = {}
    for old, new in pairs:
        table.setdefault(old.upper(), new)
    return table


def _walk(
    node: Any,
    swap: Callable[[str], str],
    swap_text: Callable[[str], str],
    scale: Callable[[list], list],
) -> None:
    """Change colours in place: every key that ends in `color`, those of text (below a key that ends
    in `font`), and colour scales."""
    if isinstance(node, list | tuple):
        for item in node:
            _walk(item, swap, swap_text, scale)
        return
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "colorscale" and isinstance(value, list | tuple):
            node[key] = scale([list(stop) for stop in value])
        elif not key.endswith("color"):
            _walk(value, swap_text if key.endswith("font") else swap, swap_text, scale)
        elif isinstance(value, str):
            node[key] = swap(value)
        elif isinstance(value, list | tuple) and value and isinstance(value[0], str):
            node[key] = [swap(colour) for colour in value]
        elif isinstance(value, dict):
            _walk(value, swap, swap_text, scale)


def _swapped(colour: str, table: dict[str, str], unknown: Callable[[str], str]) -> str:
    faded = _RGBA.fullmatch(colour)
    if faded is None:
        return table.get(colour.upper()) or (unknown(colour) if _HEX.fullmatch(colour) else colour)
    red, green, blue, alpha = faded.groups()
    if alpha == "0":
        return colour
    hexed = hex_colour(int(part) / 255 for part in (red, green, blue))
    parts = ",".join(str(round(255 * part)) for part in rgb(table.get(hexed) or unknown(hexed)))
    return f"rgba({parts},{alpha or 1})"


def _scale(stops: list[list], source: Theme, target: Theme, table: dict[str, str]) -> list[list]:
    """A colour scale: each stop by its place on the nearer one of the theme's sequential and
    diverging scales."""
    ways = []
    for name in ("sequential", "diverging"):
        old, new = getattr(source, name), getattr(target, name)
        exact = {before.upper(): after for (_, before), (_, after) in zip(old, new, strict=True)}
        found, far = [], 0.0
        for place, colour in stops:
            made = exact.get(colour.upper()) or table.get(colour.upper())
            if made is None:
                made, distance = _beside(colour, old, new)
                far += distance
            elif colour.upper() not in exact:
                far += 1.0
            found.append([place, made])
        ways.append((far, found))
    return min(ways, key=lambda way: way[0])[1]


def _beside(colour: str, old: Scale, new: Scale) -> tuple[str, float]:
    """The colour of `new` at the place of `old` that is nearest to `colour`, and how far that
    is."""
    if not _HEX.fullmatch(colour):
        return colour, 0.0
    places = np.linspace(0, 1, _STEPS)
    gaps = np.linalg.norm(along(old, places) - rgb(colour), axis=1)
    best = int(gaps.argmin())
    return hex_colour(along(new, places[[best]])[0]), 255 * float(gaps[best])
