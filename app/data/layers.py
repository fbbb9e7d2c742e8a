"""CKA between the layers of a teacher and a student, from the features that their runs stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.data.cache import figures_cache
from app.data.comparison import predictions_at
from app.data.runs import Fingerprint, fingerprint_of
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.jackknife import Replicated, replicated_difference
from bickd_core.geometry.layers import LayerCKA, layer_cka
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.similarity import without_constants
from bickd_core.runs.predictions import PredictionsError, positions
from bickd_core.runs.stages import PROBE_SPLIT, Stages


@dataclass(frozen=True)
class LayerView:
    """CKA of every layer of the teacher (rows) with every layer of a student. The logits are the
    last layer, if they are stored."""

    cka: LayerCKA
    teacher: tuple[str, ...]
    student: tuple[str, ...]
    ids: np.ndarray

    @property
    def n(self) -> int:
        return len(self.ids)

    @property
    def shared(self) -> list[tuple[int, int, str]]:
        """Layers of the same name in both: (row, column, name)."""
        return [
            (i, self.student.index(name), name)
            for i, name in enumerate(self.teacher)
            if name in self.student
        ]

    def at(self, name: str) -> Replicated | None:
        """CKA of the two layers with this name; None if a model lacks it or CKA is not defined."""
        place = next(((i, j) for i, j, shared in self.shared if shared == name), None)
        return None if place is None else self.cka.cell(*place)


LEAST_SHARED = 4
"""Probe images that two runs must share for CKA to be defined."""


def why_no_layers(comparison: Comparison, student: Model) -> str:
    """Explain why the layers of teacher and student cannot be compared."""
    pair = (comparison.teacher, student)
    alone = [model.called for model in pair if model.info.source.predictions_only]
    if alone:
        have = "have" if len(alone) > 1 else "has"
        names = " and ".join(alone)
        return f"Layers need the weights of both models, but {names} {have} only predictions."
    lacking = [model.key for model in comparison.models if not model.run.stages_path.exists()]
    if {model.key for model in pair} & set(lacking):
        return (
            f"No layers are stored for {' and '.join(lacking)}. Add them with "
            f"“bickd stages {' '.join(lacking)}” and reload this page."
        )
    try:
        _layers(*(_layer_fingerprints(model) for model in pair))  # its predictions may be damaged
        sides = [Stages.load(model.run.stages_path) for model in pair]
    except PredictionsError as error:
        return f"The layers cannot be compared: {error}"
    counts = " and ".join(str(len(side.ids)) for side in sides)
    if (sides[0].ids.dtype.kind == "U") != (sides[1].ids.dtype.kind == "U"):
        return (
            "The stored probe images of these two runs have ids of different types, so their layers"
            " cannot be compared."
        )
    shared = len(np.intersect1d(sides[0].ids, sides[1].ids))
    if not shared:
        return (
            f"The stored probe images of these two runs ({counts}) have none in common, so their"
            " layers cannot be compared."
        )
    return (
        f"These two runs share {shared} of their stored probe images ({counts}). Layers need at"
        f" least {LEAST_SHARED}."
    )


def layers(comparison: Comparison, student: Model) -> LayerView | None:
    """Compare the layers of teacher and student; None if that is not possible, see
    `why_no_layers`."""
    if not all(model.run.stages_path.exists() for model in (comparison.teacher, student)):
        return None
    try:
        both = _layer_fingerprints(comparison.teacher), _layer_fingerprints(student)
        return figures_cache(("layers", *both), lambda: _layers(*both))
    except PredictionsError:
        return None


def _layer_fingerprints(model: Model) -> tuple[Fingerprint, Fingerprint]:
    return fingerprint_of(model.run.stages_path), fingerprint_of(
        model.run.predictions_path(PROBE_SPLIT)
    )


def layer_difference(comparison: Comparison, a: Model, b: Model, name: str) -> Interval | None:
    """CKA of one layer with the teacher's layer of that name: a minus b, paired on the same
    images."""
    first, second = layers(comparison, a), layers(comparison, b)
    if first is None or second is None or not np.array_equal(first.ids, second.ids):
        return None
    return replicated_difference(first.at(name), second.at(name))


def _layers(
    teacher: tuple[Fingerprint, Fingerprint], student: tuple[Fingerprint, Fingerprint]
) -> LayerView | None:
    sides = [Stages.load(stages.path) for stages, _ in (teacher, student)]
    if (sides[0].ids.dtype.kind == "U") != (sides[1].ids.dtype.kind == "U"):
        return None
    shared = np.intersect1d(sides[0].ids, sides[1].ids)
    if len(shared) < LEAST_SHARED:
        return None
    names, values = [], []
    for side, (_, predictions_file) in zip(sides, (teacher, student), strict=True):
        rows = positions(side.ids, shared)
        own = {name: X[rows] for name, X in zip(side.names, side.features, strict=True)}
        if predictions_file.size:
            predictions = predictions_at(predictions_file)
            if np.isin(shared, predictions.ids).all():
                logits = predictions.logits[positions(predictions.ids, shared)]
                own["logits"] = without_constants(logits)
        names.append(tuple(own))
        values.append(list(own.values()))
    labels = sides[0].labels[positions(sides[0].ids, shared)]
    cka = layer_cka(values[0], values[1], stratified_shards(len(shared), labels))
    return LayerView(cka, names[0], names[1], shared)
