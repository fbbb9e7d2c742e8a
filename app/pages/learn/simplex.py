"""Samples of three classes as points in a triangle. Dragging a point updates losses and gradients
at once.

The browser draws and computes it (`frontend/simplex.js`, with the losses of `frontend/losses.js`),
because a round trip to the server for each movement of the pointer would be too slow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from app.components.browser_part import part
from bickd_core.presets.logits import BicKDOptions
from bickd_viz import ModelStyle, Theme

_component = part("simplex", "simplex.js", style="simplex.css")


def show(
    student: np.ndarray,
    teacher: np.ndarray,
    class_names: Sequence[str],
    *,
    truth: Sequence[int],
    pictures: Sequence[str | None],
    look: ModelStyle,
    teacher_look: ModelStyle,
    theme: Theme,
    temperature: float,
    temperatures: Sequence[float],
    key: str,
    height: int = 420,
    on_temperature: Callable[[float], None] | None = None,
) -> None:
    """Draw the triangle of three classes.

    Args:
        student, teacher: logits [B, 3] of the three classes.
        truth: [B] true class of each sample as 0, 1 or 2.
        pictures: a data URI for each sample, or None.
        look, teacher_look: name and colour of the two models.
        temperature: the initial T, one of `temperatures`.
        height: of the triangle in px.
        on_temperature: called with the chosen T when the slider is released.
    """
    shape = (len(truth), 3)
    if student.shape != shape or teacher.shape != shape or len(class_names) != 3:
        raise ValueError(
            f"student and teacher must be {shape[0]} x 3 like truth and three class_names, got"
            f" {student.shape}, {teacher.shape} and {len(class_names)} names."
        )

    def chosen() -> None:
        T = st.session_state[key].get("temperature")
        if T is not None and on_temperature is not None:
            on_temperature(float(T))

    options = BicKDOptions()
    _component(
        key=key,
        data={
            "student": np.round(student.astype(np.float64), 4).tolist(),
            "teacher": np.round(teacher.astype(np.float64), 4).tolist(),
            "classes": list(class_names),
            "truth": [int(c) for c in truth],
            "pictures": list(pictures),
            "name": look.name,
            "colour": look.colour,
            "teacher_colour": teacher_look.colour,
            "colours": [theme.categories[k] for k in (0, 1, 2)],
            "temperature": temperature,
            "temperatures": list(temperatures),
            "tau": options.tau,
            "weights": {"kl": options.beta, "sample": options.lambda_sample,
            "class": options.lambda_class},
            "height": height,
            "stops": [list(stop) for stop in theme.sequential],
            "theme": {name: getattr(theme, name) for name in ("accent", "surface", "text", "muted",
            "grid", "quiet")},
        },
        on_temperature_change=chosen,
    )  # fmt: skip
