"""One frame of coordinates for maps side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Frame = tuple[float, float, float, float]
"""x low, x high, y low, y high."""

_TAIL = 0.005
_ROOM = 0.25
_MARGIN = 0.03
"""On every side, as a fraction of the larger extent."""


def tight_frame(maps: Sequence[np.ndarray]) -> Frame:
    """The area that shows all maps, except for a few samples far from the rest.

    An axis covers everything within the central 99 % of all points and a quarter of their width
    beyond. So far groups stay visible, and a few outliers do not shrink the picture. Values that
    are not finite are ignored. Without any points, it is the unit square.

    Args:
        maps: [N, 2] each.
    """
    points = np.concatenate([np.asarray(xy, dtype=np.float64).reshape(-1, 2) for xy in maps])
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return 0.0, 1.0, 0.0, 1.0
    tails = np.quantile(points, (_TAIL, 1 - _TAIL), axis=0)
    room = _ROOM * (tails[1] - tails[0])
    low = np.maximum(points.min(axis=0), tails[0] - room)
    high = np.minimum(points.max(axis=0), tails[1] + room)
    margin = _MARGIN * (float((high - low).max()) or 1.0)
    low, high = low - margin, high + margin
    return float(low[0]), float(high[0]), float(low[1]), float(high[1])
