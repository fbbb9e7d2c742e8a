"""The memory that all sessions share for predictions and for the figures of comparisons.

Figures are stored on disk, so that they are there on other days. Those of large comparisons are
computed in other processes. A progress bar stands where such a figure will be.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from bickd_core.comparing.cache import Figure, MemoryCache
from bickd_core.comparing.comparison import Comparison
from bickd_core.comparing.processes import FigureProcesses, can_compute
from bickd_core.comparing.store import MISSING, FigureStore, StoredCache, default_folder
from bickd_core.memory import total_memory
from bickd_core.places import bytes_from_environment

T = TypeVar("T")
SHARE = 0.25
"""Share of the machine's memory that they may take if BICKD_MEMORY_GB is not set."""
_LOOK_SECONDS = 0.2
TITLES = {
    "_chance": "similarity by chance",
    "_fixed_figures": "accuracy, agreement and calibration",
    "_matched": "matched temperatures",
    "_own_hsics": "CKA",
    "_ranked": "RSA",
    "_similarity": "similarity",
    "_spectrum": "similarity by chance",
    "calibration": "calibration",
    "cka": "CKA",
    "class_view": "class geometry",
    "cross_view": "cross geometry",
    "mean_match": "matched temperatures",
    "overlap_at": "overlap at matched entropy",
    "pca_map": "PCA maps",
    "row_cosines": "similarity of samples",
    "rows_similarity": "similarity of samples",
    "same_class": "similarity of classes",
    "scored_file": "figures of other seeds",
    "sharpness": "curves over temperature",
}
"""Slow figures -> what the progress bar calls them."""


def figures_cache(key: Hashable, make: Callable[[], T]) -> T:
    """Return a cached figure, or compute it; see `bickd_core.comparing.cache.cached`."""
    memory = _memory()
    if key in memory or not isinstance(make, Figure):
        return memory(key, make)
    if not (make.comparison.large and can_compute(make)):
        return StoredCache(memory, _store())(key, make)
    value = _store().get(make)
    if value is MISSING:  # not inside `memory`, where only one session could show its progress
        value = _wait(make)
    return memory(key, lambda: value)


def _wait(figure: Figure) -> Any:
    """Compute a figure in another process, together with the same figure of the other models."""
    figures = [figure, *(f for f in _of_other_models(figure) if _store().get(f) is MISSING)]
    jobs = [_processes().submit(each) for each in figures]
    with _progress(figure) as show:
        while not jobs[0].done(_LOOK_SECONDS):
            show(sum(job.done() for job in jobs), len(jobs))
        return jobs[0].result()


def _of_other_models(figure: Figure) -> Sequence[Figure]:
    """The same figure of the other models, which a page usually shows as well: of the other
    students for a student, of all students for the teacher."""
    comparison = figure.comparison
    assert isinstance(comparison, Comparison), "only such figures are computed elsewhere"
    own = {getattr(value, "key", None) for _, value in figure.arguments}
    others = [figure.of(model) for model in comparison.students if model.key not in own]
    return [other for other in others if other is not None]


@contextlib.contextmanager
def _progress(figure: Figure) -> Iterator[Callable[[int, int], None]]:
    """Show a bar at this place of the page, if a page is being drawn."""
    if get_script_run_ctx(suppress_warning=True) is None:
        yield lambda done, steps: None
        return
    place, title = st.empty(), TITLES[figure.name.rsplit(":")[-1]]

    def show(done: int, steps: int) -> None:
        place.progress(
            done / steps,
            f"Computing {title}: {done} of {steps} ready. They are stored for your next visit.",
        )

    show(0, 1)
    yield show
    place.empty()


def memory_use() -> tuple[int, int]:
    """Return the bytes that are stored, and how many may be."""
    memory = _memory()
    assert memory.budget is not None, "the app's memory has a budget"
    return memory.used, memory.budget


def memory_budget() -> int:
    """Return how many bytes may be stored: BICKD_MEMORY_GB, else a quarter of the memory of the
    machine or its container.

    Raises:
        ValueError: BICKD_MEMORY_GB is not a number of at least 0.
    """
    wanted = bytes_from_environment("BICKD_MEMORY_GB")
    return int(total_memory() * SHARE) if wanted is None else wanted


@st.cache_resource(show_spinner=False)
def _memory() -> MemoryCache:
    return MemoryCache(memory_budget())


@st.cache_resource(show_spinner=False)
def _store() -> FigureStore:
    return FigureStore(default_folder())


@st.cache_resource(show_spinner=False)
def _processes() -> FigureProcesses:
    return FigureProcesses(default_folder())
