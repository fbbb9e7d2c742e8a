"""Three classes of a prediction space as they are: the triangle of their probabilities, no
projection."""

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
        coordinates: [N, 2], nan where the three classes have no probability at all.
        mass: [N] in [0, 1], the share of probability on the three classes; 1 - mass lies outside.
    """

    coordinates: np.ndarray
    mass: np.ndarray


def simplex_view(P: np.ndarray, classes: Sequence[int]) -> Simplex:
    """Where each sample lies between three classes, given that it is one of them.

    With m_i = p_ia + p_ib + p_ic, sample i lies at (p_ia A + p_ib B + p_ic C) / m_i, A, B and C the
    corners: at a corner when one class has all of m_i, in the middle when the three are equal. The
    composition is exact; what it leaves out is stated beside it as 1 - m_i.

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
