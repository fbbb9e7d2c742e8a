"""Class geometry of the models of a comparison: Grams and their figures through a lens."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bickd_core.comparing import measures
from bickd_core.comparing.cache import cached, cached_quick
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.gram_figures import ClassFigures, CrossFigures
from bickd_core.geometry.gram_streams import column_cosine
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.matching import Matched, Matching
from bickd_core.geometry.orthogonality import (
    ClassGeometry,
    CrossGeometry,
    eigenvalues,
    pair_contributions,
)
from bickd_core.geometry.probabilities import class_probabilities
from bickd_core.geometry.sharpness import TemperatureCurve, temperature_curve


@dataclass(frozen=True)
class Lens:
    """How the class columns of a Gram are made.

    Attributes:
        temperature: T of the view.
        matching: "none": every model at T; "mean": each model at the temperature where its mean
            entropy is the teacher's at T; "image": each sample at the temperature where its entropy
            is the teacher's at T.
        centred: subtract the mean of each column, so that cosines become Pearson correlations.
    """

    temperature: float
    matching: Matching = "none"
    centred: bool = False

    def match(self, comparison: Comparison, model: Model) -> Matched:
        """Return the temperature of this model, or [N] of its samples, and how many samples cannot
        be matched."""
        return measures.matched(comparison, model, self.temperature, self.matching)

    def at(self, comparison: Comparison, model: Model) -> float | np.ndarray:
        """The temperature of this model, or [N] of its samples."""
        return self.match(comparison, model).T

    def on(self, model: Model) -> Lens:
        """The lens for this model. The teacher is at T under every rule."""
        return replace(self, matching="none") if model.is_teacher else self

    @property
    def arguments(self) -> tuple[float, Matching, bool]:
        """What the functions of `measures` take."""
        return self.temperature, self.matching, self.centred

    @property
    def what(self) -> str:
        """What a cell is: the cosine of centred columns is their correlation."""
        return "correlation" if self.centred else "cosine"

    @property
    def apart(self) -> str:
        """What two classes are if their cell is 0."""
        return "uncorrelated" if self.centred else "orthogonal"

    def describe(self, noun: str = "image") -> str:
        """Describe the lens: "T = 4", or "the teacher's mean entropy at T = 4, columns centred"."""
        where = f"T = {self.temperature:g}"
        if self.matching == "mean":
            where = f"the teacher's mean entropy at {where}"
        elif self.matching == "image":
            where = f"each {noun} at the teacher's entropy for it, {where}"
        return f"{where}, columns centred" if self.centred else where


def gram(comparison: Comparison, model: Model, lens: Lens) -> ClassGeometry:
    """The class Gram of one model and its figures."""
    return measures.class_view(comparison, model, *lens.on(model).arguments)[0]


def gram_difference(one: ClassGeometry, other: ClassGeometry) -> np.ndarray:
    """One Gram minus another, [C, C]; 0 for a class that one of the models never predicts."""
    difference = one.gram - other.gram
    either = one.empty | other.empty
    difference[either], difference[:, either] = 0.0, 0.0
    return difference


def overlap(comparison: Comparison, model: Model, lens: Lens) -> float | None:
    """The overlap of one model: the estimate of `gram_figures`."""
    replicated = measures.overlap_at(comparison, model, *lens.on(model).arguments)
    return None if replicated is None else replicated.estimate


def gram_figures(comparison: Comparison, model: Model, lens: Lens) -> ClassFigures:
    """Overlap, of all classes and of each, score and effective rank of one model with their
    intervals over samples."""
    return measures.class_view(comparison, model, *lens.on(model).arguments)[1]


def cross_gram(comparison: Comparison, model: Model, lens: Lens) -> CrossGeometry:
    """Cosines of the teacher's class columns (rows of the matrix) with those of a model."""
    return measures.cross_view(comparison, model, *lens.arguments)[0]


def cross_gram_figures(comparison: Comparison, model: Model, lens: Lens) -> CrossFigures:
    """Figures of `cross_gram` with their intervals over samples."""
    return measures.cross_view(comparison, model, *lens.arguments)[1]


@cached_quick
def spectrum(comparison: Comparison, model: Model, lens: Lens) -> np.ndarray:
    """Eigenvalues of the class Gram, the greatest first."""
    own = gram(comparison, model, lens)
    return eigenvalues(own.gram, own.empty)


@cached
def sharpness(comparison: Comparison, model: Model, *, centred: bool = False) -> TemperatureCurve:
    """Overlap, score and entropy of one model as functions of temperature."""
    logits = model.predictions.logits
    return temperature_curve(logits, measures.shards(comparison), centred=centred)


def entropy_at(comparison: Comparison, model: Model, lens: Lens) -> float:
    """Mean entropy of one model's probabilities, in nats."""
    own = lens.on(model)
    return measures.mean_entropy(comparison, model, own.temperature, own.matching)


@dataclass(frozen=True)
class CellParts:
    """The samples behind one cell of a class Gram.

    Attributes:
        positions: all samples, the largest contribution first, [N].
        parts: the contribution of each to the cosine, in that order, [N]. Their sum is the cell.
        probabilities: of the row's and the column's class, by position, [N, 2].
    """

    positions: np.ndarray
    parts: np.ndarray
    probabilities: np.ndarray

    @property
    def added(self) -> float:
        """The sum of the positive parts: the cell itself, unless centred columns have negative
        parts as well."""
        return float(np.clip(self.parts, 0.0, None).sum())

    @property
    def subtracted(self) -> float:
        """The sum of the negative parts, as a number above 0."""
        return float(-np.clip(self.parts, None, 0.0).sum())

    def carriers(self, share: float = 0.8) -> int:
        """Return how many samples, the largest first, add up to this share of the positive
        parts."""
        positive = np.clip(self.parts, 0.0, None)
        total = self.added
        return int(np.searchsorted(np.cumsum(positive), share * total) + 1) if total > 0 else 0

    def share(self, place: int) -> float:
        """The part at this place of the ranking, as a share of the sum of the positive parts."""
        return float(self.parts[place] / self.added) if self.added > 0 else 0.0


def cell_parts(
    comparison: Comparison, model: Model, pair: tuple[int, int], lens: Lens
) -> CellParts:
    """The contribution of every sample to the cosine of two classes of one model."""
    return _cell_parts(comparison, model, pair, lens.on(model))


@cached_quick
def _cell_parts(
    comparison: Comparison, model: Model, pair: tuple[int, int], lens: Lens
) -> CellParts:
    columns = class_probabilities(model.predictions.logits, lens.at(comparison, model), pair)
    parts = pair_contributions(columns, 0, 1, centred=lens.centred)
    positions = np.argsort(-parts, kind="stable")
    return CellParts(positions, parts[positions], columns)


def cell_interval(
    comparison: Comparison, model: Model, pair: tuple[int, int], lens: Lens
) -> Interval | None:
    """The cosine of two classes of one model, with its interval over samples."""
    columns = cell_parts(comparison, model, pair, lens).probabilities
    return _cosine(comparison, columns[:, 0], columns[:, 1], lens.centred)


def same_class_interval(
    comparison: Comparison, model: Model, c: int, temperature: float
) -> Interval | None:
    """The cosine of one class's columns in the teacher and in this model, with its interval over
    samples."""
    first, second = (
        class_probabilities(side.predictions.logits, temperature, (c,))[:, 0]
        for side in (comparison.teacher, model)
    )
    return _cosine(comparison, first, second, False)


def _cosine(
    comparison: Comparison, first: np.ndarray, second: np.ndarray, centred: bool
) -> Interval | None:
    return column_cosine(first, second, measures.shards(comparison), centred=centred)
