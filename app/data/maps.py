"""Stored maps, and the process that makes a missing one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.data.comparison import file_of, predictions_at
from app.data.runs import Fingerprint, fingerprint_of, library
from bickd_core.comparing.cache import cached_in_memory
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.layout import Layout, on_teacher
from bickd_core.geometry.probabilities import class_probabilities, probability_blocks
from bickd_core.geometry.simplex import Simplex, simplex_view
from bickd_core.maps import jobs
from bickd_core.maps.jobs import JobStatus
from bickd_core.maps.make import Maps
from bickd_core.runs.library import RunFolder
from bickd_core.runs.predictions import positions


@dataclass(frozen=True)
class MapView:
    """A stored map of one model, on the samples of the comparison.

    A student's UMAP is shifted and rotated to fit the teacher's.
    """

    layout: Layout
    coordinates: np.ndarray


def map_view(comparison: Comparison, model: Model, method: str) -> MapView | None:
    """The stored map, or None if it does not exist yet."""
    fingerprints = tuple(fingerprint_of(path) for path in _layout_folders(model.run))
    return _map_view(comparison, model, method, fingerprints)


def _layout_folders(run: RunFolder) -> tuple[Path, ...]:
    return (run.path, *library().places(".layouts"))


@cached_in_memory
def _map_view(
    comparison: Comparison, model: Model, method: str, fingerprints: tuple[Fingerprint, ...]
) -> MapView | None:
    maps = maps_of(comparison, method)
    layout = maps.stored(model.run)
    if layout is None:
        return None
    coordinates = on_teacher(None if model.is_teacher else maps.stored(maps.teacher), layout)
    # A map has a row for each sample of the teacher.
    teacher_ids = predictions_at(file_of(comparison, comparison.teacher.run)).ids
    rows = positions(teacher_ids, comparison.teacher.predictions.ids)
    return MapView(layout, coordinates[rows])


@cached_in_memory
def simplex(
    comparison: Comparison, model: Model, temperature: float, classes: tuple[int, ...]
) -> Simplex:
    """Return each sample's probability of three classes as shares."""
    columns = class_probabilities(model.predictions.logits, temperature, classes)
    return simplex_view(columns, (0, 1, 2))


def third_class(comparison: Comparison, pair: tuple[int, ...], temperature: float) -> list[int]:
    """The pair, and the class that gets most of the teacher's remaining probability on the samples
    that it predicts as one of the pair."""
    predictions = comparison.teacher.predictions
    of_pair = np.isin(predictions.predicted, pair)
    logits = predictions.logits[of_pair] if of_pair.any() else predictions.logits
    shares = sum(P.sum(axis=0) for _, P in probability_blocks(logits, temperature))
    order = np.argsort(-shares, kind="stable")
    return [*pair, *[int(c) for c in order if c not in pair]][:3]


def maps_of(comparison: Comparison, method: str) -> Maps:
    """The comparison's maps by a method, as `bickd_core.maps.jobs` makes them."""
    students = tuple(model.run for model in comparison.students)
    return Maps(library(), comparison.teacher.run, students, comparison.split, method)


def map_job(comparison: Comparison, method: str) -> JobStatus | None:
    """The status of the process that makes these maps; None if it was never started."""
    return jobs.status(library(), _job_name(comparison, method))


def start_maps(comparison: Comparison, method: str) -> None:
    """Start a process that makes the missing maps and measures the effect of the seed."""
    jobs.start(maps_of(comparison, method))


def stop_maps(comparison: Comparison, method: str) -> None:
    jobs.stop(library(), _job_name(comparison, method))


@cached_in_memory
def _job_name(comparison: Comparison, method: str) -> str:
    return maps_of(comparison, method).name
