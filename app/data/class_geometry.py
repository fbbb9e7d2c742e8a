"""Class geometry over a comparison: Grams and intervals through a lens, orders and groups of classes, cached.

Where N x C is large, Grams and intervals come from one float32 pass over the logits (`logit_grams`), so that no
matrix of probabilities is held; below that from float64 probabilities.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import streamlit as st

from app.data.comparison import Comparison, Model
from app.data.figures import LARGE, class_order, geometry, matched, teacher_entropies
from app.data.runs import Fingerprint, fingerprint, library
from bickd_core.atomic import write_bytes
from bickd_core.data import short_name
from bickd_core.data.hierarchy import Hierarchy, HierarchyError, bundled_hierarchy, read_hierarchy, to_csv
from bickd_core.geometry import (
    ClassFigures,
    ClassGeometry,
    CrossFigures,
    CrossGeometry,
    Interval,
    Matched,
    Matching,
    TemperatureCurve,
    class_figures,
    class_probabilities,
    cluster_groups,
    column_cosine,
    cross_figures,
    eigenvalues,
    entropies_at,
    kept_cross,
    kept_geometry,
    logit_grams,
    pair_contributions,
    rematched,
    stratified_shards,
    superclass_order,
    temperature_curve,
)
from bickd_viz.text.class_geometry import temperatures


@dataclass(frozen=True)
class Lens:
    """How the columns of a Gram are made.

    Attributes:
        temperature: T of the view.
        matching: "mean": each model at the temperature where its mean entropy is the teacher's at T; "image": each
            image at the temperature where its entropy is the teacher's for it at T.
        centred: column means taken away (Pearson).
    """

    temperature: float
    matching: Matching = "none"
    centred: bool = False

    def stands(self, of: Comparison, model: Model) -> Matched:
        """The temperature of this model, or [N] of its images, and how many images are not matched there."""
        return matched(of, model, self.temperature, self.matching)

    def at(self, of: Comparison, model: Model) -> float | np.ndarray:
        """The temperature of this model, or [N] of its images."""
        return self.stands(of, model).T

    def on(self, model: Model) -> Lens:
        """The same for this model: the teacher stands at T under every rule."""
        return replace(self, matching="none") if model.is_teacher else self

    def temperature_words(self, of: Comparison, model: Model) -> str:
        """The temperature of this model in a few words: "T = 4.83", "T = 4.83 (median)"."""
        return f"T = {temperatures(self.at(of, model))}"

    @property
    def what(self) -> str:
        """What a cell is called: the cosine of centred columns is their correlation."""
        return "correlation" if self.centred else "cosine"

    @property
    def apart(self) -> str:
        """What two classes are called whose cell is 0."""
        return "uncorrelated" if self.centred else "orthogonal"

    def words(self, noun: str = "image") -> str:
        where = f"T = {self.temperature:g}"
        if self.matching == "mean":
            where = f"the teacher's mean entropy at {where}"
        elif self.matching == "image":
            where = f"each {noun} at the teacher's entropy for it, {where}"
        return f"{where}, columns centred" if self.centred else where


@dataclass(frozen=True)
class Group:
    """Some classes under one name, in the order shown."""

    name: str
    members: tuple[int, ...]


def gram(of: Comparison, model: Model, lens: Lens) -> ClassGeometry:
    """The class Gram of one model and its figures."""
    at = lens.at(of, model)
    if is_large(of) or isinstance(at, np.ndarray):
        return _class_view(of.key, model.key, lens.on(model), of)[0]
    return geometry(of, model, at, centred=lens.centred)


def overlap(of: Comparison, model: Model, lens: Lens) -> float | None:
    """Overlap of one model, the number that stands beside its interval wherever it is shown."""
    found = gram_figures(of, model, lens).overlap
    return None if found is None else found.estimate


def gram_figures(of: Comparison, model: Model, lens: Lens) -> ClassFigures:
    """Overlap, score, effective rank and leakage of one model with their intervals over samples."""
    return _class_view(of.key, model.key, lens.on(model), of)[1]


def cross_gram(of: Comparison, model: Model, lens: Lens) -> CrossGeometry:
    return _cross_view(of, model, lens)[0]


def cross_gram_figures(of: Comparison, model: Model, lens: Lens) -> CrossFigures:
    return _cross_view(of, model, lens)[1]


def is_large(of: Comparison) -> bool:
    """Whether figures of all models would take seconds."""
    return of.n * len(of.class_names) > LARGE


def _dtype(of: Comparison) -> type[np.floating]:
    return np.float32 if is_large(of) else np.float64


@st.cache_resource(max_entries=256, show_spinner=False)
def _class_view(key: str, model: str, lens: Lens, _of: Comparison) -> tuple[ClassGeometry, ClassFigures]:
    own = _of.model(model)
    shard = stratified_shards(_of.n, _of.labels)
    at = lens.stands(_of, own)
    kept = logit_grams([own.predictions.logits], [at.T], shard, dtype=_dtype(_of)).models[0]
    if lens.matching == "mean" and not at.unreached:
        targets = teacher_entropies(_of, lens.temperature)
        kept = rematched(kept, own.predictions.logits, float(at.T), targets, dtype=_dtype(_of))
    return kept_geometry(kept, centred=lens.centred), class_figures(kept, centred=lens.centred)


def _cross_view(of: Comparison, model: Model, lens: Lens) -> tuple[CrossGeometry, CrossFigures]:
    return _cross_at(of.key, model.key, lens, of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _cross_at(key: str, model: str, lens: Lens, _of: Comparison) -> tuple[CrossGeometry, CrossFigures]:
    both = (_of.teacher, _of.model(model))
    kept = logit_grams(
        [one.predictions.logits for one in both],
        [lens.at(_of, one) for one in both],
        stratified_shards(_of.n, _of.labels),
        dtype=_dtype(_of),
    ).crosses[0]
    return kept_cross(kept, centred=lens.centred), cross_figures(kept, centred=lens.centred)


def spectrum(of: Comparison, model: Model, lens: Lens) -> np.ndarray:
    """Eigenvalues of the class Gram, the greatest first."""
    return _spectrum(of.key, model.key, lens, of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _spectrum(key: str, model: str, lens: Lens, _of: Comparison) -> np.ndarray:
    found = gram(_of, _of.model(model), lens)
    return eigenvalues(found.gram, found.empty)


def sharpness(of: Comparison, model: Model, *, centred: bool = False) -> TemperatureCurve:
    """What temperature alone does to this model's overlap, score and entropy."""
    return _sharpness(of.key, model.key, centred, of)


@st.cache_resource(max_entries=64, show_spinner=False)
def _sharpness(key: str, model: str, centred: bool, _of: Comparison) -> TemperatureCurve:
    shard = stratified_shards(_of.n, _of.labels)
    return temperature_curve(_of.model(model).predictions.logits, shard, centred=centred)


def entropy_at(of: Comparison, model: Model, lens: Lens) -> float:
    """Mean entropy of this model's probabilities, in nats."""
    return _entropy(of.key, model.key, lens.on(model), of)


@st.cache_resource(max_entries=256, show_spinner=False)
def _entropy(key: str, model: str, lens: Lens, _of: Comparison) -> float:
    own = _of.model(model)
    return float(entropies_at(own.predictions.logits, lens.at(_of, own)).mean())


@dataclass(frozen=True)
class CellParts:
    """The samples behind one cell of a class Gram.

    Attributes:
        positions: [n] all samples, the one that carries most first.
        parts: [n] what each adds to the cosine, in that order; they sum to the cell.
        probabilities: [N, 2] of the row's and the column's class, by position.
    """

    positions: np.ndarray
    parts: np.ndarray
    probabilities: np.ndarray

    @property
    def added(self) -> float:
        """What the positive parts sum to: the cell itself, unless centred columns have negative parts as well."""
        return float(np.clip(self.parts, 0.0, None).sum())

    @property
    def taken(self) -> float:
        """What the negative parts take away, above 0."""
        return float(-np.clip(self.parts, None, 0.0).sum())

    def carriers(self, share: float = 0.8) -> int:
        """How many samples, the greatest first, carry this share of what is added."""
        positive = np.clip(self.parts, 0.0, None)
        total = self.added
        return int(np.searchsorted(np.cumsum(positive), share * total) + 1) if total > 0 else 0

    def share(self, place: int) -> float:
        """The part at this place of the ranking as a share of what is added; the carriers' sum to 80%."""
        return float(self.parts[place] / self.added) if self.added > 0 else 0.0


def cell_parts(of: Comparison, model: Model, pair: tuple[int, int], lens: Lens) -> CellParts:
    """Every sample's part in the cosine of two classes of one model."""
    return _cell_parts(of.key, model.key, pair, lens.on(model), of)


def cell_interval(of: Comparison, model: Model, pair: tuple[int, int], lens: Lens) -> Interval | None:
    """The cosine of two classes of one model, with its interval over samples."""
    columns = cell_parts(of, model, pair, lens).probabilities
    return _cosine(of, columns[:, 0], columns[:, 1], lens.centred)


def same_class_interval(of: Comparison, model: Model, c: int, temperature: float) -> Interval | None:
    """The cosine of one class's columns in the teacher and in this model, with its interval over samples."""
    first, second = (
        class_probabilities(one.predictions.logits, temperature, (c,))[:, 0] for one in (of.teacher, model)
    )
    return _cosine(of, first, second, False)


def _cosine(of: Comparison, first: np.ndarray, second: np.ndarray, centred: bool) -> Interval | None:
    return column_cosine(first, second, stratified_shards(of.n, of.labels), centred=centred)


@st.cache_resource(max_entries=128, show_spinner=False)
def _cell_parts(key: str, model: str, pair: tuple[int, int], lens: Lens, _of: Comparison) -> CellParts:
    own = _of.model(model)
    columns = class_probabilities(own.predictions.logits, lens.at(_of, own), pair)
    parts = pair_contributions(columns, 0, 1, centred=lens.centred)
    positions = np.argsort(-parts, kind="stable")
    return CellParts(positions, parts[positions], columns)


def hierarchy(of: Comparison) -> Hierarchy | None:
    """The uploaded hierarchy of this data set where it fits these classes, else the bundled one, else None."""
    return _hierarchy(of.dataset, of.class_names, fingerprint(_hierarchy_path(of.dataset)))


@st.cache_resource(max_entries=32, show_spinner=False)
def _hierarchy(dataset: str, class_names: tuple[str, ...], mark: Fingerprint) -> Hierarchy | None:
    path = Path(mark[0])
    if path.exists():
        try:
            return read_hierarchy(path.read_bytes(), path.name, class_names)
        except (OSError, HierarchyError):
            pass  # of other classes under the same name: the bundled one may fit
    return bundled_hierarchy(dataset, class_names)


def _hierarchy_path(dataset: str) -> Path:
    word = short_name(dataset)
    plain = "".join(c if c.isalnum() or c in "-_" else "_" for c in word)
    if (
        word != dataset
    ):  # one's own: other folders may have this name, and a path be too long for a file's name
        plain += f"-{hashlib.sha256(dataset.encode()).hexdigest()[:12]}"
    return library().own / ".hierarchies" / f"{plain}.csv"


def keep_hierarchy(of: Comparison, content: bytes, filename: str) -> Hierarchy:
    """Check an uploaded hierarchy and keep it for this data set.

    Raises:
        HierarchyError: what is wrong with it, row by row.
    """
    found = read_hierarchy(content, filename, of.class_names)
    path = _hierarchy_path(of.dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, to_csv(of.class_names, found.superclass).encode())
    return found


def forget_hierarchy(of: Comparison) -> None:
    """Go back to the bundled hierarchy."""
    _hierarchy_path(of.dataset).unlink(missing_ok=True)


def has_own_hierarchy(of: Comparison) -> bool:
    return _hierarchy_path(of.dataset).exists()


def order_of_classes(of: Comparison, how: str) -> np.ndarray:
    """ "cluster", "index", "name" as `class_order`; "hierarchy": by superclass, inside by the teacher's clusters."""
    found = hierarchy(of) if how == "hierarchy" else None
    if found is None:
        return class_order(of, "cluster" if how == "hierarchy" else how)
    return superclass_order(found.superclass, within=class_order(of, "cluster"))


def class_groups(of: Comparison, how: str) -> tuple[Group, ...]:
    """Groups of neighbouring classes in this order: superclasses, branches of the teacher's dendrogram, or runs."""
    order = order_of_classes(of, how)
    found = hierarchy(of) if how == "hierarchy" else None
    if found is not None:
        labels: list[str] | np.ndarray = list(found.superclass)
    elif how in ("cluster", "hierarchy"):
        labels = _branches(of.key, of)
    else:
        size = max(2, round(len(order) ** 0.5))
        labels = np.argsort(order) // size
    members: dict[str | int, list[int]] = {}
    for c in order.tolist():
        members.setdefault(labels[c], []).append(c)
    return tuple(
        Group(str(label) if found is not None else _span(of, classes), tuple(classes))
        for label, classes in members.items()
    )


def _span(of: Comparison, classes: list[int]) -> str:
    names = of.class_names
    if len(classes) == 1:
        return names[classes[0]]
    return f"{names[classes[0]]} to {names[classes[-1]]} ({len(classes)})"


@st.cache_resource(max_entries=64, show_spinner=False)
def _branches(key: str, _of: Comparison) -> np.ndarray:
    teacher = geometry(_of, _of.teacher, 4.0)
    return cluster_groups(teacher.gram, max(2, round(len(_of.class_names) ** 0.5)), teacher.empty)
