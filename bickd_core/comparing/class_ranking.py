"""The pairs of classes that a model mixes most, ranked for a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bickd_core.comparing.class_geometry import Lens, gram
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.pairs import highest_pairs

By = Literal["own", "difference"]


@dataclass(frozen=True)
class MixedPair:
    """Two classes with their cosine in a model and in the teacher."""

    classes: tuple[int, int]
    own: float
    teacher: float

    @property
    def difference(self) -> float:
        return self.own - self.teacher


def mixed_pairs(
    comparison: Comparison, model: Model, lens: Lens, by: By, most: int
) -> tuple[MixedPair, ...]:
    """Return the `most` pairs with the highest cosine, or with the largest difference from the
    teacher's cosine."""
    own, teacher = (gram(comparison, side, lens) for side in (model, comparison.teacher))
    values, empty = own.gram, own.empty
    if by == "difference":
        values, empty = np.abs(own.gram - teacher.gram), own.empty | teacher.empty
    return tuple(
        MixedPair((c, d), float(own.gram[c, d]), float(teacher.gram[c, d]))
        for c, d in highest_pairs(values, empty, most)
    )


def closest_class(comparison: Comparison, model: Model, lens: Lens, c: int) -> int:
    """Return the class that a model mixes most with class `c`; `c` itself if there is no other."""
    found = gram(comparison, model, lens)
    row = np.where(found.empty, -np.inf, found.gram[c])
    row[c] = -np.inf
    return int(row.argmax()) if np.isfinite(row).any() else c
