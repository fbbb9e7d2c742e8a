"""Find the pairs of classes with the highest values in a matrix, without sorting all pairs."""

from __future__ import annotations

import numpy as np


def highest_pairs(values: np.ndarray, empty: np.ndarray, most: int) -> list[tuple[int, int]]:
    """Return the pairs (c, d), c < d, with the `most` highest values, the highest first.

    Args:
        values: [C, C], symmetric.
        empty: bool [C], classes that take no part.
        most: how many; fewer where there are not so many pairs. Equal values stand in the order of
            the classes.

    >>> highest_pairs(np.array([[1, 0.2, 0.5], [0.2, 1, 0.3], [0.5, 0.3, 1]]), np.zeros(3, bool), 2)
    [(0, 2), (1, 2)]
    """
    above = np.where(np.tri(len(values), dtype=bool), -np.inf, values)
    above[empty], above[:, empty] = -np.inf, -np.inf
    flat = above.ravel()
    used = int((~np.asarray(empty)).sum())
    most = min(most, used * (used - 1) // 2)
    if most < 1:
        return []
    least = np.partition(flat, -most)[-most]
    places = np.flatnonzero(flat >= least)
    places = places[np.argsort(-flat[places], kind="stable")][:most]
    return [(int(place) // len(values), int(place) % len(values)) for place in places]
