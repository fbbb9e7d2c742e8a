"""Orders and groups of the classes of a comparison, and uploaded class hierarchies."""

from __future__ import annotations

import hashlib
from pathlib import Path

import streamlit as st

from app.data.runs import Fingerprint, fingerprint_of, library
from bickd_core.atomic import write_bytes
from bickd_core.comparing.cache import cached_in_memory
from bickd_core.comparing.comparison import Comparison
from bickd_core.comparing.measures import ORDER_TEMPERATURE, class_order, geometry
from bickd_core.data.hierarchy import (
    ENDINGS,
    Hierarchy,
    HierarchyError,
    bundled_hierarchy,
    read_hierarchy,
    to_csv,
)
from bickd_core.data.registry import short_name
from bickd_core.geometry.class_groups import (
    MOST_CLASSES,
    Group,
    by_clusters,
    by_neighbours,
    by_paths,
)
from bickd_core.places import folder_from_environment

MOST_SHARED = 50
"""So many files of `BICKD_HIERARCHIES` are read."""


def hierarchy(comparison: Comparison) -> Hierarchy | None:
    """Return the first hierarchy that fits these classes: the uploaded one of this data set, the
    user's own before a shared one; a file in the folder that `BICKD_HIERARCHIES` names; or the
    bundled one. None if none fits."""
    paths = library().places(_hierarchy_file(comparison.dataset))
    files = [*paths, *_shared_files()]
    return _hierarchy(comparison.dataset, comparison.class_names, tuple(map(fingerprint_of, files)))


@st.cache_resource(max_entries=32, show_spinner=False)
def _hierarchy(
    dataset: str, class_names: tuple[str, ...], fingerprints: tuple[Fingerprint, ...]
) -> Hierarchy | None:
    for fingerprint in fingerprints:
        path = Path(fingerprint.path)
        try:
            return read_hierarchy(path.read_bytes(), path.name, class_names)
        except (OSError, HierarchyError):
            pass  # it is missing, or for other classes, so the next one may fit
    return bundled_hierarchy(dataset, class_names)


def _shared_files() -> list[Path]:
    """The hierarchy files in the folder that `BICKD_HIERARCHIES` names, by name."""
    folder = folder_from_environment("BICKD_HIERARCHIES")
    if folder is None:
        return []
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    except OSError:
        return []  # the folder is missing or closed to us, which shows as no hierarchy
    return found[:MOST_SHARED]


def _hierarchy_file(dataset: str) -> str:
    """Return the file of uploaded superclasses, among the runs."""
    word = short_name(dataset)
    plain = "".join(c if c.isalnum() or c in "-_" else "_" for c in word)
    if word != dataset:  # the user's own data: several folders may have the same name
        plain += f"-{hashlib.sha256(dataset.encode()).hexdigest()[:12]}"
    return f".hierarchies/{plain}.csv"


def save_hierarchy(comparison: Comparison, content: bytes, filename: str) -> Hierarchy:
    """Check an uploaded hierarchy and save it for this data set.

    Raises:
        HierarchyError: a row is wrong; the message names it.
        RunError: this server is read-only.
    """
    hierarchy = read_hierarchy(content, filename, comparison.class_names)
    path = library().home() / _hierarchy_file(comparison.dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, to_csv(comparison.class_names, hierarchy.paths).encode())
    return hierarchy


def forget_hierarchy(comparison: Comparison) -> None:
    """Go back to the shared or bundled hierarchy.

    Raises:
        RunError: this server is read-only.
    """
    (library().home() / _hierarchy_file(comparison.dataset)).unlink(missing_ok=True)


def has_own_hierarchy(comparison: Comparison) -> bool:
    return (library().own / _hierarchy_file(comparison.dataset)).exists()


def usual_order(comparison: Comparison) -> str:
    """The order if none was chosen: by superclass for many classes, else the teacher's clusters."""
    many = len(comparison.class_names) > MOST_CLASSES
    return "hierarchy" if many and hierarchy(comparison) is not None else "cluster"


def class_groups(comparison: Comparison, how: str) -> Group:
    """Divide the classes in this order into groups: superclasses, clusters of the teacher, or
    groups of equal size.

    Args:
        how: as for `class_order`, or "hierarchy": by superclass, and within a superclass by the
            teacher's clusters.
    """
    found = hierarchy(comparison) if how == "hierarchy" else None
    if found is not None:
        return _groups_of(comparison, found.paths)
    return _groups(comparison, "cluster" if how == "hierarchy" else how)


@cached_in_memory
def _groups_of(comparison: Comparison, paths: tuple[tuple[str, ...], ...]) -> Group:
    return by_paths(paths, comparison.class_names, class_order(comparison, "cluster"))


@cached_in_memory
def _groups(comparison: Comparison, how: str) -> Group:
    order = class_order(comparison, how)
    if how != "cluster":
        return by_neighbours(comparison.class_names, order)
    teacher = geometry(comparison, comparison.teacher, ORDER_TEMPERATURE)
    return by_clusters(teacher.gram, teacher.empty, comparison.class_names, order)
