"""Stored maps, and the process that makes a missing one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.data.comparison import file_of, predictions_at
from app.data.runs import Fingerprint, fingerprint, library
from bickd_core.comparing.cache import cached
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.measures import probabilities
from bickd_core.geometry.layout import Layout, align_to
from bickd_core.geometry.simplex import Simplex, simplex_view
from bickd_core.maps import jobs
from bickd_core.maps.jobs import JobStatus
from bickd_core.maps.make import Maps
from bickd_core.runs.library import RunFolder


@dataclass(frozen=True)
class MapView:
    """A stored map of one model on the samples of the comparison; a student's UMAP shifted and
    turned to its teacher's."""

    layout: Layout
    coordinates: np.ndarray


def map_view(comparison: Comparison, model: Model, method: str) -> MapView | None:
    """The stored map, or None where it has to be made first."""
    marks = tuple(fingerprint(path) for path in _layout_folders(model.run))
    return _map_view(comparison, model, method, marks)


def _layout_folders(run: RunFolder) -> tuple[Path, Path]:
    return (run.path, library().own / ".layouts")


@cached
def _map_view(
    comparison: Comparison, model: Model, method: str, marks: tuple[Fingerprint, ...]
) -> MapView | None:
    maps = maps_of(comparison, method)
    layout = maps.stored(model.run)
    if layout is None:
        return None
    coordinates = layout.coordinates
    base = maps.stored(maps.teacher) if layout.method == "umap" and not model.is_teacher else None
    if (
        base is not None
    ):  # where a UMAP lies and how it is turned means nothing, and it drifts while it is made
        coordinates = align_to(base.coordinates, coordinates, scaled=False)
    everyone = predictions_at(
        file_of(comparison, comparison.teacher)
    ).ids  # a map's rows are the teacher's samples
    position = {id: i for i, id in enumerate(everyone.tolist())}
    rows = np.array([position[id] for id in comparison.teacher.predictions.ids.tolist()])
    return MapView(layout, coordinates[rows])


@cached
def simplex(
    comparison: Comparison, model: Model, temperature: float, classes: tuple[int, ...]
) -> Simplex:
    """The shares of three classes in each sample."""
    return simplex_view(probabilities(comparison, model, temperature), classes)


def third_class(comparison: Comparison, pair: tuple[int, ...], temperature: float) -> list[int]:
    """The pair, and the class to which the teacher gives most of what is left on the samples that
    it calls one of them."""
    P = probabilities(comparison, comparison.teacher, temperature)
    theirs = np.isin(comparison.teacher.predictions.predicted, pair)
    shares = P[theirs].sum(axis=0) if theirs.any() else P.sum(axis=0)
    order = np.argsort(-shares, kind="stable")
    return [*pair, *[int(c) for c in order if c not in pair]][:3]


def maps_of(comparison: Comparison, method: str) -> Maps:
    """The comparison's maps by a method, as `bickd_core.maps.jobs` makes them."""
    students = tuple(model.run for model in comparison.students)
    return Maps(library(), comparison.teacher.run, students, comparison.split, method)


def map_job(comparison: Comparison, method: str) -> JobStatus | None:
    """How the making of these maps stands; None where nobody asked for it."""
    return jobs.status(library(), _job_name(comparison, method))


def start_maps(comparison: Comparison, method: str) -> None:
    """Make what is missing of these maps, and measure what the seed does, in a process of its
    own."""
    jobs.start(maps_of(comparison, method))


def stop_maps(comparison: Comparison, method: str) -> None:
    jobs.stop(library(), _job_name(comparison, method))


@cached
def _job_name(comparison: Comparison, method: str) -> str:
    return maps_of(comparison, method).name
