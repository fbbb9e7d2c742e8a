"""The triangle of three classes' probabilities, without a projection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bickd_core.geometry import checks

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
"""The corners of the triangle, one a class: left, right, top."""


@dataclass(frozen=True)
class Simplex:
    """Samples within the triangle of three classes.

    Attributes:
        coordinates: [N, 2]; nan if the three classes have no probability.
        mass: [N] in [0, 1], the total probability of the three classes.
    """

    coordinates: np.ndarray
    mass: np.ndarray


def simplex_view(P: np.ndarray, classes: Sequence[int]) -> Simplex:
    """Compute each sample's position between three classes, given that it is one of them.

    With m_i = p_ia + p_ib + p_ic and the corners A, B and C, sample i is at (p_ia A + p_ib B + p_ic
    C) / m_i: at a corner if one class has all of m_i, in the middle if the three are equal.

    Args:
        P: [N, C] probabilities.
        classes: three different class indices, for the left, right and top corner.

    Returns:
        Simplex.

    Raises:
        ValueError: not three different classes of P.

    >>> found = simplex_view(np.array([[0.5, 0.0, 0.0, 0.5], [0.2, 0.2, 0.2, 0.4]]), (0, 1, 2))
    >>> found.coordinates.round(3).tolist(), found.mass.round(3).tolist()
    ([[0.0, 0.0], [0.5, 0.289]], [0.5, 0.6])
    """
    P = checks.probabilities(P)
    chosen = [checks.class_index(c, P.shape[1], "classes") for c in classes]
    if len(chosen) != 3 or len(set(chosen)) != 3:
        raise ValueError(f"classes must be three different class indices, got {list(classes)}.")
    parts = P[:, chosen]
    mass = parts.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        coordinates = (parts / mass[:, None]) @ CORNERS
    coordinates[mass == 0] = np.nan
    return Simplex(coordinates, np.minimum(mass, 1.0))
