"""Panels of the linked maps for the models of a comparison, and what a selection on them does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from app import selection
from app.components import scatter, style
from bickd_core.comparing import measures
from bickd_core.comparing.comparison import Comparison, Model
from bickd_viz.text import numbers


def panels(
    comparison: Comparison, models: Sequence[Model], coordinates: Sequence[np.ndarray], T: float
) -> list[scatter.Panel]:
    """A panel for each model, with its predictions at temperature T."""
    looks = style.styles(comparison)
    found = []
    for model, xy in zip(models, coordinates, strict=True):
        said = model.predictions.predicted
        sure = measures.probabilities(comparison, model, T)[np.arange(comparison.n), said]
        found.append(
            scatter.Panel(
                key=model.key,
                style=looks[model.key],
                note=(
                    f"{numbers.count(int(np.isfinite(xy).all(axis=1).sum()))} of"
                    f" {numbers.count(max(comparison.n_each))} {comparison.nouns}"
                ),
                coordinates=xy,
                predicted=said,
                confidence=sure,
                moved=None if model.is_teacher else measures.displacement(comparison, model, T),
            )
        )
    return found


def selected(comparison: Comparison) -> np.ndarray | None:
    """Positions of the selected samples, or None without a selection."""
    found = selection.selected(comparison)
    return None if found is None else found.positions


def on_select(comparison: Comparison) -> Callable[[list[Any]], None]:
    """Returns a function that makes the given samples the selection on all pages."""
    return lambda ids: selection.select_ids(comparison, ids)
