"""Helpers for charts: round ticks, short names, labels without overlap."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

import numpy as np


def short(name: str, limit: int = 16) -> str:
    """`name`, cut to the width of `limit` letters with an ellipsis if it is longer."""
    if letters(name) <= limit:
        return name
    cut = len(name)
    while letters(name[:cut]) > limit - 1:
        cut -= 1
    return name[:cut].rstrip() + "…"


def stacked(name: str, limit: int = 16) -> list[str]:
    """A model's name in one or two lines of at most `limit` letters: "KD (my-run)" breaks before
    its bracket."""
    head, bracket, run = name.partition(" (")
    return [short(head, limit), short(f"({run}", limit)] if bracket else [short(name, limit)]


_LETTER = 0.58  # the width of a Latin letter, as a share of the text's size


def letters(text: str) -> float:
    """The width of a text in Latin letters. A Chinese, Japanese or Korean character is as wide as
    the text's size.

    >>> letters("cat"), round(letters("\u732b"), 2)
    (3, 1.72)
    """
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + (1 / _LETTER - 1) * wide if wide else len(text)


def text_width(text: str, size: int = 13) -> int:
    """A cautious estimate in px of the width of `text` at `size` px: 0.58 of the size for each
    letter, and the size for a Chinese, Japanese or Korean character."""
    return math.ceil(_LETTER * size * letters(text))


MANY_CLASSES = 20
"""With more classes, most cosines are so small that a scale to 1 would show nothing."""


def overlap_ends(grams: Sequence[np.ndarray]) -> tuple[float, float]:
    """The ends of the colour scale that class Grams share.

    They are 0 and 1, or 0 and 0.6 for more than 20 classes. If more than half of the off-diagonal
    cells would have the last colour (0.95 of the end and above), the ends are those that hold 98%
    of the cells.

    Args:
        grams: Square matrices [C, C] of cosines.

    >>> overlap_ends([np.full((30, 30), 0.1) + 0.3 * np.eye(30)[::-1]])
    (0.0, 0.6)
    """
    count = len(grams[0])
    top = 0.6 if count > MANY_CLASSES else 1.0
    cells = np.concatenate([gram[~np.eye(count, dtype=bool)] for gram in grams])
    cells = cells[np.isfinite(cells)]
    if not len(cells) or np.mean(cells >= 0.95 * top) <= 0.5:
        return 0.0, top
    low, high = (float(end) for end in np.quantile(cells, (0.01, 0.99)))
    step = 10.0 ** math.floor(math.log10(max(high - low, 1e-3)))
    return max(0.0, math.floor(low / step) * step), min(1.0, math.ceil(high / step) * step)


def describe_ends(ends: tuple[float, float]) -> str:
    """Describe the ends of a colour scale, with the reason if they follow the data."""
    low, high = ends
    if low == 0.0:
        return f"The colour scale ends at {high:g}"
    return (
        f"The colour scale runs from {low:.3g} to {high:.3g}, because almost all of these cosines"
        " are in that range"
    )


FINEST = 2e-6
"""Axes are longer than this, because the texts of their ticks have at most six decimals."""


def nice_ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round tick positions (steps of 1, 2, 2.5 or 5 times a power of ten) in [low, high].

    Returns the largest number of ticks up to `most`, and at least one if a round number fits.
    """
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low] if math.isfinite(low) else []
    power = 10 ** math.floor(math.log10(span / most))
    for factor in (1, 2, 2.5, 5, 10, 20, 25, 50):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [round(k * step, 12) for k in range(first, last + 1)]
    return [low, high]


def tick_text(ticks: Sequence[float], fmt: str) -> list[str]:
    """Tick labels with only the decimals that they need. `fmt` is "percent" or "number"."""
    scaled = [100 * t for t in ticks] if fmt == "percent" else list(ticks)
    decimals = next((d for d in range(7) if all(abs(round(v, d) - v) < 1e-9 for v in scaled)), 6)
    sign = "%" if fmt == "percent" else ""
    return [f"{v:,.{decimals}f}{sign}".replace("-", "−") for v in scaled]


def keep_apart(values: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions close to `values`, in their order, at least `gap` apart, in [low, high].

    Values that are too close form a block around their mean. If not all fit, they are spread
    evenly.
    """
    n = len(values)
    order = sorted(range(n), key=lambda i: values[i])
    places: list[float] = []
    if n > 1 and gap * (n - 1) > high - low:
        places = [low + k * (high - low) / (n - 1) for k in range(n)]
    else:
        blocks: list[tuple[float, int]] = []  # first position, members
        for i in order:
            start, members = values[i], 1
            while True:
                start = min(max(start, low), high - gap * (members - 1))
                if not blocks or blocks[-1][0] + gap * blocks[-1][1] <= start:
                    break
                before, count = blocks.pop()
                middle = (before + gap * (count - 1) / 2) * count + (
                    start + gap * (members - 1) / 2
                ) * members
                members += count
                start = middle / members - gap * (members - 1) / 2
            blocks.append((start, members))
        places = [start + k * gap for start, members in blocks for k in range(members)]
    result = [0.0] * n
    for k, i in enumerate(order):
        result[i] = places[k]
    return result
