"""Run folders, read once for each content."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.state import MAX_STUDENTS, ViewState
from bickd_core.comparing.names import short_method
from bickd_core.data.registry import called
from bickd_core.naming import as_key
from bickd_core.presets.catalogue import PRESETS
from bickd_core.runs.library import Library, RunError, RunFolder, RunInfo, Split

DEFAULT_DATASET = "caltech95"

Fingerprint = tuple[str, int, int]
"""Path, size and time of change of a file: another content is another key."""


def library() -> Library:
    return Library.default()


def fingerprint(path: Path) -> Fingerprint:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return (str(path), 0, 0)
    return (str(path), stat.st_size, stat.st_mtime_ns)


@st.cache_resource(max_entries=1000, show_spinner=False)
def _info(mark: Fingerprint) -> RunInfo:
    return RunFolder(Path(mark[0]).parent).info()


def info(run: RunFolder) -> RunInfo:
    """run.yaml, read once for each content."""
    return _info(fingerprint(run.path / "run.yaml"))


def readable_runs() -> tuple[list[RunFolder], list[str]]:
    """Every run whose run.yaml can be read, and a sentence for each that cannot."""
    good, problems = [], []
    for run in library().runs():
        try:
            info(run)
            good.append(run)
        except RunError as error:
            problems.append(str(error))
    return good, problems


def label(run: RunFolder) -> str:
    """What charts call a run on its own: its title, or its objective in the field's short form."""
    about = info(run)
    if about.title:
        return about.title
    if about.role == "teacher":
        return "teacher"
    return short_method(about)


def described(key: str) -> str:
    """A run in a choice list: one's own by method and name, a bundled one by method, seed and
    model."""
    try:
        about = info(library().find(key))
    except RunError:
        return f"{key} (not there)"
    if "/" not in key:
        known = about.role == "student" and about.config is not None
        name = short_method(about) if known else about.title
        if not known and as_key(name) == key:
            return name
        return f"{name} ({key})" if name else key
    if about.role == "teacher":
        return f"{about.arch or 'teacher'} · {called(about.dataset)}"
    seed = "" if about.seed is None else f" s{about.seed}"
    return f"{short_method(about)}{seed} · {about.arch or 'predictions only'}"


def with_predictions(split: Split) -> list[RunFolder]:
    return [run for run in readable_runs()[0] if run.has_predictions(split)]


FIRST_METHODS = ("ce", "kd", "dist", "bickd")
"""What the bundled comparison shows first, of all the methods that there are."""


def default_view(dataset: str = DEFAULT_DATASET) -> ViewState:
    """The bundled comparison on this data: its teacher and seed 0 of each method."""
    keys = [run.key for run in with_predictions("test")]
    methods = (*FIRST_METHODS, *(method for method in PRESETS if method not in FIRST_METHODS))
    students = [f"{dataset}/{method}-s0" for method in methods if f"{dataset}/{method}-s0" in keys]
    teacher = f"{dataset}/teacher"
    if teacher in keys and students:
        return ViewState(teacher=teacher, students=tuple(students[:MAX_STUDENTS]))
    return ViewState()
