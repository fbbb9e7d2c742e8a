"""Data for the lessons: figures of the comparison, and the stored maps with several seeds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import streamlit as st

from app.data.comparison import predictions_at
from app.data.runs import Fingerprint, fingerprint_of, library
from bickd_core.comparing import lessons
from bickd_core.comparing.cache import cached_in_memory
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.gradients import Pull
from bickd_core.comparing.measures import geometry, teacher_entropies
from bickd_core.geometry.layout import align_to
from bickd_core.geometry.probabilities import entropy, softmax
from bickd_core.geometry.reseeding import layout_width, reseeding_displacement
from bickd_core.runs.predictions import positions

ASSETS = Path(__file__).resolve().parents[1] / "assets"
IMAGES = 5
EACH = 2
SHOWN = 10  # rows and columns of a pull matrix
PRESENTED_EACH, PRESENTED_SHOWN = 1, 5  # the same two in the presenter's view, whose text is large


def start_student(comparison: Comparison, chosen: str) -> Model:
    """Return the chosen student, else the first student, which usually has the most left to
    learn."""
    return next(
        (model for model in comparison.students if model.key == chosen),
        comparison.models[min(1, len(comparison.models) - 1)],
    )


# -- temperature -----------------------------------------------------------------------------------
@cached_in_memory
def images_by_entropy(comparison: Comparison) -> np.ndarray:
    """Return positions of some samples, ordered from the surest prediction of the teacher at T = 1
    to the least sure."""
    return lessons.from_sure_to_unsure(teacher_entropies(comparison, 1.0), IMAGES)


def sample_entropy(
    comparison: Comparison, model: Model, position: int, temperature: float
) -> float:
    """Return the entropy of one sample as a share of the maximum, log C."""
    row = model.predictions.take(np.array([position])).probabilities(temperature)
    return float(entropy(row)[0] / np.log(row.shape[1]))


# -- the triangle ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Triangle:
    """Three classes and some samples of them.

    Attributes:
        classes: three class indices. positions: [B] samples. truth: [B] their class as 0, 1 or 2.
        teacher, student: [B, 3] logits of the three classes alone.
    """

    classes: tuple[int, ...]
    positions: np.ndarray
    truth: np.ndarray
    teacher: np.ndarray
    student: np.ndarray


@cached_in_memory
def triangle(comparison: Comparison, student: Model, each: int = EACH) -> Triangle | None:
    """Return the two classes that the teacher mixes most at T = 4 with the class closest to both,
    of those with samples, and the images of each on which the student differs most.

    Returns:
        None if fewer than three classes have a column and samples.
    """
    teacher = comparison.teacher
    teacher_geometry = geometry(comparison, teacher, 4.0)
    truth = teacher.predictions.predicted if comparison.labels is None else comparison.labels
    unseen = np.bincount(truth, minlength=len(comparison.class_names)) == 0
    classes = lessons.closest_three(teacher_geometry.gram, teacher_geometry.empty | unseen)
    if len(classes) < 3:
        return None
    columns = np.array(classes)
    own, other = (
        softmax(model.predictions.logits[:, columns], 4.0) for model in (teacher, student)
    )
    at = lessons.furthest_of_each(own, other, truth, classes, each)
    return Triangle(
        classes,
        at,
        np.searchsorted(columns, truth[at]),
        teacher.predictions.logits[np.ix_(at, columns)],
        student.predictions.logits[np.ix_(at, columns)],
    )


# -- a batch and its pulls -------------------------------------------------------------------------
@dataclass(frozen=True)
class BatchPulls:
    """The gradients of several losses on one batch of real logits.

    Attributes:
        positions: [B] samples.
        pulls: by method, on all B x C logits.
        rows: positions in the batch that are shown.
        columns: classes that are shown.
        differs: [B] whether student and teacher predict different classes.
        same_way: cosine of the gradients of two methods, by their names.
        on_differing: share of each method's pull on the samples where the models differ.
    """

    positions: np.ndarray
    pulls: dict[str, Pull]
    rows: np.ndarray
    columns: np.ndarray
    differs: np.ndarray
    same_way: dict[tuple[str, str], float]
    on_differing: dict[str, float]


def batch_count(comparison: Comparison) -> int:
    return max(comparison.n // lessons.BATCH, 1)


@cached_in_memory
def batch_pulls(
    comparison: Comparison, student: Model, number: int, shown: int = SHOWN
) -> BatchPulls:
    at = lessons.batch(comparison.n, number)
    s, t = (model.predictions.take(at) for model in (student, comparison.teacher))
    labels = t.predicted if comparison.labels is None else comparison.labels[at]
    pulls = lessons.preset_pulls(s.logits, t.logits, labels)
    differs = s.predicted != t.predicted
    rows, columns = lessons.strongest(
        [pulls[k].gradient for k in ("kd", "dist", "bickd")], shown, shown
    )
    return BatchPulls(
        at,
        pulls,
        rows,
        columns,
        differs,
        {
            (a, b): lessons.same_way(pulls[a].gradient, pulls[b].gradient)
            for a, b in combinations(pulls, 2)
        },
        {name: lessons.share_on(pull.gradient, differs) for name, pull in pulls.items()},
    )


# -- maps under several seeds ----------------------------------------------------------------------
@dataclass(frozen=True)
class SeedMaps:
    """Maps of the same samples with several settings and seeds. docs/lesson_maps.py makes the file.

    Attributes:
        coordinates: [starts, neighbours, seeds, N, 2], each rotated and mirrored onto the first
            seed, with width 1.
        displacement: [starts, neighbours] mean movement between two seeds, in layout widths.
        trustworthiness: [starts, neighbours, seeds].
        ids: [N]. meta: starts, neighbours, seeds and where the samples come from.
    """

    coordinates: np.ndarray
    displacement: np.ndarray
    trustworthiness: np.ndarray
    ids: np.ndarray
    meta: dict


def seed_maps() -> SeedMaps:
    return _seed_maps(fingerprint_of(ASSETS / "lesson-maps.npz"))


@st.cache_resource(max_entries=2, show_spinner=False)
def _seed_maps(fingerprint: Fingerprint) -> SeedMaps:
    with np.load(fingerprint.path, allow_pickle=False) as stored:
        raw = stored["coordinates"].astype(np.float32)
        meta = json.loads(str(stored["meta"]))
        trust, ids = stored["trustworthiness"], stored["ids"].astype(np.int64)
    shown, moved = np.empty_like(raw), np.zeros(raw.shape[:2])
    for start, neighbours in np.ndindex(moved.shape):
        layouts = raw[start, neighbours]
        for seed, layout in enumerate(layouts):
            turned = align_to(layouts[0], layout) if seed else layout
            turned = turned - (turned.max(axis=0) + turned.min(axis=0)) / 2
            shown[start, neighbours, seed] = turned / layout_width(turned)
        moved[start, neighbours] = reseeding_displacement(list(shown[start, neighbours]))
    return SeedMaps(shown, moved, trust, ids, meta)


def wandering_pair(coordinates: np.ndarray, labels: np.ndarray) -> tuple[int, int, np.ndarray]:
    """Find the two classes whose distance on the map varies most over seeds.

    Args:
        coordinates: [seeds, N, 2].
        labels: [N].

    Returns:
        Both classes, and the distance of their medians with each seed, in layout widths.
    """
    present = np.unique(labels)
    middles = np.stack([np.median(coordinates[:, labels == c], axis=1) for c in present], axis=1)
    apart = np.linalg.norm(middles[:, :, None] - middles[:, None], axis=-1)
    a, b = np.unravel_index(int(np.ptp(apart, axis=0).argmax()), apart.shape[1:])
    return int(present[a]), int(present[b]), apart[:, a, b]


@dataclass(frozen=True)
class MapSamples:
    """The samples on the maps: ids and labels [N], class names, and the classes that occur."""

    ids: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    classes: np.ndarray


def samples_of(maps: SeedMaps) -> MapSamples:
    """Return the samples on the maps with their labels, from the run that the maps show.

    Raises:
        RunError: that run does not exist.
    """
    run = library().find(maps.meta["source"])
    known = predictions_at(fingerprint_of(run.predictions_path(maps.meta["split"])))
    assert known.labels is not None, "the bundled runs have labels"
    labels = known.labels[positions(known.ids, maps.ids)]
    return MapSamples(maps.ids, labels, known.class_names, np.unique(labels))
