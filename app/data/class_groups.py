"""Orders and groups of the classes of a comparison, and uploaded class hierarchies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from app.data.runs import Fingerprint, fingerprint_of, library
from bickd_core.atomic import write_bytes
from bickd_core.comparing.cache import cached_in_memory
from bickd_core.comparing.comparison import Comparison
from bickd_core.comparing.measures import ORDER_TEMPERATURE, class_order, geometry
from bickd_core.data.hierarchy import (
    Hierarchy,
    HierarchyError,
    bundled_hierarchy,
    read_hierarchy,
    to_csv,
)
from bickd_core.data.registry import short_name
from bickd_core.geometry.ordering import cluster_groups, superclass_order


@dataclass(frozen=True)
class Group:
    """Some classes under one name, in the order shown."""

    name: str
    members: tuple[int, ...]


def hierarchy(comparison: Comparison) -> Hierarchy | None:
    """Return the uploaded hierarchy of this data set if it fits these classes, else the bundled
    one, else None. The user's own upload comes before a shared one."""
    paths = library().places(_hierarchy_file(comparison.dataset))
    path = next((path for path in paths if path.exists()), paths[0])
    return _hierarchy(comparison.dataset, comparison.class_names, fingerprint_of(path))


@st.cache_resource(max_entries=32, show_spinner=False)
def _hierarchy(
    dataset: str, class_names: tuple[str, ...], fingerprint: Fingerprint
) -> Hierarchy | None:
    path = Path(fingerprint.path)
    if path.exists():
        try:
            return read_hierarchy(path.read_bytes(), path.name, class_names)
        except (OSError, HierarchyError):
            pass  # it is for other classes, so the bundled one may fit
    return bundled_hierarchy(dataset, class_names)


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
    write_bytes(path, to_csv(comparison.class_names, hierarchy.superclass).encode())
    return hierarchy


def forget_hierarchy(comparison: Comparison) -> None:
    """Go back to the shared or bundled hierarchy.

    Raises:
        RunError: this server is read-only.
    """
    (library().home() / _hierarchy_file(comparison.dataset)).unlink(missing_ok=True)


def has_own_hierarchy(comparison: Comparison) -> bool:
    return (library().own / _hierarchy_file(comparison.dataset)).exists()


def order_of_classes(comparison: Comparison, how: str) -> np.ndarray:
    """Return the order of the classes.

    Args:
        how: as for `class_order`, or "hierarchy": by superclass, and within a superclass by the
            teacher's clusters.
    """
    superclasses = hierarchy(comparison) if how == "hierarchy" else None
    if superclasses is None:
        return class_order(comparison, "cluster" if how == "hierarchy" else how)
    return superclass_order(superclasses.superclass, within=class_order(comparison, "cluster"))


def class_groups(comparison: Comparison, how: str) -> tuple[Group, ...]:
    """Divide the classes in this order into groups: superclasses, branches of the teacher's
    dendrogram, or groups of equal size."""
    order = order_of_classes(comparison, how)
    superclasses = hierarchy(comparison) if how == "hierarchy" else None
    if superclasses is not None:
        labels: list[str] | np.ndarray = list(superclasses.superclass)
    elif how in ("cluster", "hierarchy"):
        labels = _branches(comparison)
    else:
        size = max(2, round(len(order) ** 0.5))
        labels = np.argsort(order) // size
    members: dict[str | int, list[int]] = {}
    for c in order.tolist():
        members.setdefault(labels[c], []).append(c)
    return tuple(
        Group(
            str(label) if superclasses is not None else _span(comparison, classes), tuple(classes)
        )
        for label, classes in members.items()
    )


def _span(comparison: Comparison, classes: list[int]) -> str:
    names = comparison.class_names
    if len(classes) == 1:
        return names[classes[0]]
    return f"{names[classes[0]]} to {names[classes[-1]]} ({len(classes)})"


@cached_in_memory
def _branches(comparison: Comparison) -> np.ndarray:
    teacher = geometry(comparison, comparison.teacher, ORDER_TEMPERATURE)
    return cluster_groups(
        teacher.gram, max(2, round(len(comparison.class_names) ** 0.5)), teacher.empty
    )
