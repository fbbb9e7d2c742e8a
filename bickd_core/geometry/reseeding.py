"""How much a layout moves if only its seed changes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.layout import align_to


def layout_width(coordinates: np.ndarray) -> float:
    """The larger extent of `coordinates` [N, 2], the unit of displacements on a map.

    >>> layout_width(np.array([[0.0, 0.0], [3.0, 1.0]]))
    3.0
    """
    points = checks.matrix(coordinates, "coordinates")
    return float(np.ptp(points, axis=0).max())


def reseeding_displacement(layouts: Sequence[np.ndarray]) -> float:
    """Mean distance that a sample moves between two layouts of the same data, in layout widths.

    `mean over ordered pairs (a, b), a != b, and samples i of ||align(b to a)_i - a_i|| / width(a)`.
    The second layout is first aligned with the first (`align_to`), because position, rotation and
    scale of a map are arbitrary.

    Args:
        layouts: at least two, each [N, 2], the same samples in the same order.

    Returns:
        At least 0; 0 when all layouts are the same up to turning and scaling. Layouts without
        extent count 0.

    Raises:
        ValueError: fewer than two layouts, or layouts of different shapes.
    """
    if len(layouts) < 2:
        raise ValueError(
            f"layouts must be at least two, got {len(layouts)}: pass one [N, 2] array for each"
            " seed."
        )
    moved = []
    for a, b in combinations(layouts, 2):
        for reference, other in ((a, b), (b, a)):
            width = layout_width(reference)
            away = np.linalg.norm(align_to(reference, other) - reference, axis=1)
            moved.append(float(away.mean()) / width if width > 0 else 0.0)
    return float(np.mean(moved))
