"""Run folders. Each file is read once, and again if it changes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from app.data import access
from app.state import MAX_STUDENTS, ViewState
from bickd_core.comparing.names import short_method
from bickd_core.data.registry import called
from bickd_core.naming import as_key
from bickd_core.presets.catalogue import PRESETS
from bickd_core.runs.library import Library, RunError, RunFolder, RunInfo, Split

DEFAULT_DATASET = "caltech95"


class Fingerprint(NamedTuple):
    """Path, size and time of change of a file. It is part of a cache's key, so that a changed file
    is read again."""

    path: str
    size: int = 0
    changed: int = 0


def library() -> Library:
    """Return the runs that this session sees."""
    return access.library()


def fingerprint_of(path: Path) -> Fingerprint:
    """Return the fingerprint of a file; its size and time are 0 if the file does not exist."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return Fingerprint(str(path))
    return Fingerprint(str(path), stat.st_size, stat.st_mtime_ns)


@st.cache_resource(max_entries=1000, show_spinner=False)
def _info(fingerprint: Fingerprint) -> RunInfo:
    return RunFolder(Path(fingerprint.path).parent).info()


def info(run: RunFolder) -> RunInfo:
    """Return the content of run.yaml, which is read once."""
    return _info(fingerprint_of(run.path / "run.yaml"))


def extended(run_info: RunInfo) -> RunFolder | None:
    """Return the run that this one extends; None if there is none, or if it was deleted. Then a
    later run, or this one, may have its name."""
    if run_info.extends is None or run_info.extends == run_info.name:
        return None
    try:
        before = library().find(run_info.extends)
        return None if info(before).created > run_info.created else before
    except RunError:
        return None


def readable_runs() -> tuple[list[RunFolder], list[str]]:
    """Return the runs whose run.yaml can be read, and an error message for each other run."""
    good, problems = [], []
    for run in library().runs():
        try:
            info(run)
            good.append(run)
        except RunError as error:
            problems.append(str(error))
    return good, problems


def runs_with_info() -> list[tuple[RunFolder, RunInfo]]:
    """Return the runs whose run.yaml can be read, each with its info."""
    return [(run, info(run)) for run in readable_runs()[0]]


def described(key: str) -> str:
    """Describe a run in a list: the user's runs by method and name, bundled runs by method, seed
    and model."""
    try:
        run_info = info(library().find(key))
    except RunError:
        return f"{key} (not there)"
    if "/" not in key:
        known = run_info.role == "student" and run_info.config is not None
        name = short_method(run_info) if known else run_info.title
        if not known and as_key(name) == key:
            return name
        return f"{name} ({key})" if name else key
    if run_info.role == "teacher":
        return f"{run_info.arch or 'teacher'} · {called(run_info.dataset)}"
    seed = "" if run_info.seed is None else f" s{run_info.seed}"
    return f"{short_method(run_info)}{seed} · {run_info.arch or 'predictions only'}"


def with_predictions(split: Split) -> list[RunFolder]:
    return [run for run in readable_runs()[0] if run.has_predictions(split)]


FIRST_METHODS = ("ce", "kd", "dist", "bickd")
"""The methods that the bundled comparison prefers."""


def default_view(dataset: str = DEFAULT_DATASET) -> ViewState:
    """Return the bundled comparison on this data: its teacher, and seed 0 of up to four methods."""
    keys = [run.key for run in with_predictions("test")]
    methods = (*FIRST_METHODS, *(method for method in PRESETS if method not in FIRST_METHODS))
    students = [f"{dataset}/{method}-s0" for method in methods if f"{dataset}/{method}-s0" in keys]
    teacher = f"{dataset}/teacher"
    if teacher in keys and students:
        return ViewState(teacher=teacher, students=tuple(students[:MAX_STUDENTS]))
    return ViewState()
