"""The linked maps of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from app import selection
from app.components import picture_feed, scatter, style
from bickd_core.comparing import measures
from bickd_core.comparing.comparison import Comparison, Model
from bickd_viz.charts.map_scene import MapPanel, MapScene
from bickd_viz.colouring import Colouring
from bickd_viz.text import numbers


def scene(
    comparison: Comparison,
    maps: Sequence[tuple[Model, np.ndarray]],
    colouring: Colouring,
    *,
    title: str,
    T: float,
) -> MapScene:
    """Maps of some models of a comparison, with the current selection.

    Args:
        comparison: The comparison.
        maps: Models and their coordinates [N, 2].
        colouring: The colours of the points.
        title: The chart's title.
        T: Temperature of the probabilities that hover shows.
    """
    chosen = selection.selected(comparison)
    return MapScene(
        panels=[_panel(comparison, model, xy, T) for model, xy in maps],
        ids=comparison.teacher.predictions.ids,
        colouring=colouring,
        theme=style.theme(),
        title=title,
        class_names=comparison.class_names,
        labels=comparison.labels,
        selected=None if chosen is None else chosen.positions,
    )


def _panel(comparison: Comparison, model: Model, xy: np.ndarray, T: float) -> MapPanel:
    shown = int(np.isfinite(xy).all(axis=1).sum())
    total = max(comparison.n_each)
    return MapPanel(
        style=style.styles(comparison)[model.key],
        coordinates=xy,
        key=model.key,
        note=f"{numbers.count(shown)} of {numbers.count(total)} {comparison.nouns}",
        predicted=model.predictions.predicted,
        confidence=measures.confidence(comparison, model, T),
        moved=None if model.is_teacher else measures.displacement(comparison, model, T),
    )


def show(
    comparison: Comparison,
    scene: MapScene,
    *,
    key: str,
    height: int,
    on_select: Callable[[list[Any]], None] | None = None,
) -> None:
    """Draw maps of a comparison. Hover shows images, and a lasso selects samples on all pages.

    Args:
        comparison: The comparison.
        scene: Its maps.
        key: Key of the component.
        height: Maximum height of a panel in px.
        on_select: Called with the ids of a new selection, instead of selecting them on all pages.
    """

    def select(ids: list[Any]) -> None:
        selection.select_ids(comparison, ids)

    scatter.show(
        scene,
        key=key,
        height=height,
        pictures=picture_feed.name(comparison),
        on_select=on_select or select,
    )
