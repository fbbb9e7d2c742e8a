"""Samples of three classes as points in a triangle. Dragging a point updates losses and gradients
at once.

The browser draws and computes it (`frontend/simplex.js`, with the losses of `frontend/losses.js`),
because a round trip to the server for each movement of the pointer would be too slow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from app.components.browser_part import part
from bickd_core.presets.logits import BicKDOptions
from bickd_viz.contrast import text_colour
from bickd_viz.theme import ModelStyle, Theme

_component = part("simplex", "simplex.js", style="simplex.css")


@dataclass(frozen=True, eq=False)
class Batch:
    """B samples of three classes, seen by a student and its teacher.

    Attributes:
        student: Logits [B, 3] of the three classes.
        teacher: Logits [B, 3].
        class_names: Names of the three classes.
        truth: True class of each sample, 0, 1 or 2.
        pictures: A data URI for each sample, or None.
        styles: Name and colour of the student and of the teacher.

    Raises:
        ValueError: An array has another shape.
    """

    student: np.ndarray
    teacher: np.ndarray
    class_names: Sequence[str]
    truth: Sequence[int]
    pictures: Sequence[str | None]
    styles: tuple[ModelStyle, ModelStyle]

    def __post_init__(self) -> None:
        shape = (len(self.truth), 3)
        shapes = (self.student.shape, self.teacher.shape)
        if shapes != (shape, shape) or len(self.class_names) != 3:
            raise ValueError(
                f"student and teacher must be {shape[0]} x 3 like truth and three class_names, got"
                f" {shapes[0]}, {shapes[1]} and {len(self.class_names)} names."
            )


def show(
    batch: Batch,
    *,
    key: str,
    theme: Theme,
    temperature: float,
    temperatures: Sequence[float],
    height: int = 420,
    on_temperature: Callable[[float], None] | None = None,
) -> None:
    """Draw the triangle of three classes.

    Args:
        batch: The samples.
        key: Key of the component.
        theme: Colours.
        temperature: The initial T, one of `temperatures`.
        temperatures: The steps of the slider.
        height: Height of the triangle in px.
        on_temperature: Called with the chosen T when the slider is released.
    """

    def chosen() -> None:
        T = st.session_state[key].get("temperature")
        if T is not None and on_temperature is not None:
            on_temperature(float(T))

    options = BicKDOptions()
    student, teacher = batch.styles
    names = ("accent", "surface", "text", "muted", "grid", "quiet")
    data = {
        "student": np.round(batch.student.astype(np.float64), 4).tolist(),
        "teacher": np.round(batch.teacher.astype(np.float64), 4).tolist(),
        "classes": list(batch.class_names),
        "truth": [int(c) for c in batch.truth],
        "pictures": list(batch.pictures),
        "name": student.name,
        "colour": student.colour,
        "teacher_colour": teacher.colour,
        "colours": list(theme.categories[:3]),
        "inks": [text_colour(colour, theme) for colour in theme.categories[:3]],
        "temperature": temperature,
        "temperatures": list(temperatures),
        "tau": options.tau,
        "weights": {
            "kl": options.beta,
            "sample": options.lambda_sample,
            "class": options.lambda_class,
        },
        "height": height,
        "stops": [list(stop) for stop in theme.sequential],
        "theme": {name: getattr(theme, name) for name in names},
    }
    _component(key=key, data=data, on_temperature_change=chosen)
