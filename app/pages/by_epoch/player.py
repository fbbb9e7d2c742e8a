"""The player: lines with a cursor and the Grams of all models at one epoch, in one component.

The browser gets the figures and Grams of all epochs once (`frontend/epochs.js` draws them). Playing
and dragging therefore need no server. When the slider comes to rest, its epoch is sent back.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

import numpy as np
import streamlit as st

from app.components.browser_part import part
from app.data.epochs import Course, Courses
from bickd_viz.contrast import text_colour
from bickd_viz.theme import ModelStyle, Theme

MOST_BYTES = 1_300_000
"""Limit for the codes of all Grams together. With base64, which adds a third, a page stays under 2
MB."""

_component = part("epochs", "epochs.js", style="epochs.css")


def show(
    courses: Courses,
    looks: Mapping[str, ModelStyle],
    *,
    key: str,
    theme: Theme,
    start: int,
    turn: int,
    top: float,
    on_rest: Callable[[int], None],
) -> None:
    """Draw the player.

    Args:
        looks: Run key -> its style.
        start: The epoch shown first, 1 .. of.last. Later the component keeps its own epoch. Pass
            the same value until the page is drawn again, otherwise all Grams are sent again.
        turn: Another number makes the component go to `start`.
        top: End of the colour scale.
        on_rest: Called with the epoch where the slider came to rest.
    """

    def rested() -> None:
        epoch = st.session_state[key].get("epoch")
        if epoch is not None:
            on_rest(int(epoch))

    step = stride(courses)
    _component(
        key=key,
        data={
            "last": courses.last,
            "start": start,
            "turn": turn,
            "names": list(courses.names),
            "models": [
                _encoded(course, looks[course.model.key], theme, step) for course in courses.courses
            ],
            "top": top,
            "what": "mean cosine" if courses.grouped else "cosine",
            "stops": [list(stop) for stop in theme.sequential],
            "theme": {
                name: getattr(theme, name)
                for name in ("accent", "surface", "text", "muted", "grid")
            },
        },
        on_epoch_change=rested,
    )


def stride(courses: Courses) -> int:
    """The step between epochs whose Grams are sent, so that all stay within MOST_BYTES; 1 sends
    all."""
    rows = len(courses.names)
    total = sum(len(course.figures.epochs) for course in courses.courses) * rows * (rows + 1) // 2
    return max(1, -(-total // MOST_BYTES))


def kept_epochs(count: int, step: int) -> list[int]:
    """The epochs that are sent: every `step`-th, counted back from the last, and the first."""
    return sorted({0, *range(count - 1, -1, -step)}) if count else []


def codes(gram: np.ndarray) -> np.ndarray:
    """The upper triangle of a Gram, diagonal included, row by row, as uint8: 254 is 1, 0 is 0 or
    below, 255 is unknown (NaN)."""
    cosines = gram[np.triu_indices(len(gram))]
    known = np.rint(np.clip(np.nan_to_num(cosines), 0.0, 1.0) * 254)
    return np.where(np.isnan(cosines), 255, known).astype(np.uint8)


def _encoded(course: Course, style: ModelStyle, theme: Theme, step: int) -> dict[str, object]:
    figures = course.figures
    kept = kept_epochs(len(figures.epochs), step)
    packed = np.concatenate([codes(figures.grams[e]) for e in kept])
    return {
        "name": style.name,
        "colour": style.colour,
        "ink": text_colour(style.colour, theme),
        "learns": course.learns,
        "epochs": figures.epochs.tolist(),
        "kept": kept,
        "grams": base64.b64encode(packed.tobytes()).decode(),
        "overlap": _line(figures.overlap),
        "accuracy": _line(figures.accuracy),
        "agreement": _line(figures.agreement),
    }


def _line(values: np.ndarray | None) -> list[float | None] | None:
    if values is None:
        return None
    return [round(float(v), 5) if np.isfinite(v) else None for v in values]
