"""Compute figures of large comparisons in other processes.

The process that asks stays responsive, and does not need the memory. Each process stores what it
computes on disk (`store.py`), also the figures that a figure is made of. If a process is killed,
only the figure that it was computing is lost, and it is computed again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Hashable
from concurrent.futures import Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from bickd_core.comparing.cache import Figure, MemoryCache
from bickd_core.comparing.comparison import Comparison, Model, content_key
from bickd_core.comparing.store import FigureStore, StoredCache
from bickd_core.runs.folder import RunFolder
from bickd_core.runs.info import RunInfo, Split
from bickd_core.runs.predictions import PredictionsError, align
from bickd_core.wording import Noun

if TYPE_CHECKING:
    from loky import ProcessPoolExecutor

IDLE_SECONDS = 60.0
"""A process that had no work for this long ends, and its memory is free again."""
MOST_PROCESSES = 4
MEMORY_BYTES = 3 * 10**8
"""Figures that a process keeps in memory, for other figures that use them."""
MOST_TRIES = 3
_LOOK_SECONDS = 2.0
_NO_LEAK = "1e12"
"""loky takes mapped predictions for a leak of memory, and would start a new process after them."""


@dataclass(frozen=True)
class _Side:
    """A `Model` without its predictions."""

    key: str
    name: str
    kind: str
    info: RunInfo
    folder: RunFolder


@dataclass(frozen=True)
class _Source:
    """What a process needs to load a comparison."""

    key: str
    split: Split
    sides: tuple[_Side, ...]
    noun: Noun


@dataclass(frozen=True)
class _ModelKey:
    """A model among the arguments of a figure."""

    key: str


def can_compute(figure: Figure) -> bool:
    """Whether another process should compute a figure, and can load everything for it."""
    return (
        not figure.quick
        and figure.name.startswith("bickd_core.")
        and isinstance(figure.comparison, Comparison)
        and all(model.folder is not None for model in figure.comparison.models)
    )


class Job:
    """A figure that is being computed. Several threads may wait for it."""

    def __init__(self, processes: FigureProcesses, figure: Figure) -> None:
        self._processes = processes
        self._figure = figure
        self._tries = 0
        self._lock = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._tries += 1
        self._future: Future[Any] = self._processes._run(self._figure)

    def done(self, seconds: float = 0.0) -> bool:
        """Wait at most this long; return whether the figure is there, or failed."""
        with self._lock:
            future = self._future
        wait([future], timeout=seconds)
        if not future.done():
            return False
        with self._lock:
            if future is not self._future:
                return False
            killed = isinstance(future.exception(), BrokenProcessPool)
            if killed and self._tries < MOST_TRIES:
                self._start()
                return False
        return True

    def result(self) -> Any:
        """Wait for the figure.

        Raises:
            PredictionsError: the predictions changed in the meantime.
            RuntimeError: the process was killed several times.
        """
        while not self.done(seconds=1.0):
            pass
        try:
            return self._future.result()
        except BrokenProcessPool as error:
            raise RuntimeError(
                f"the process that computes this figure ended {MOST_TRIES} times before it was"
                " done, perhaps for lack of memory; free memory and reload the page."
            ) from error


class FigureProcesses:
    """A few processes that compute figures. They start when they are needed.

    Args:
        folder: of the stored figures.
        processes: how many; default: one for each core, at most `MOST_PROCESSES`.
    """

    def __init__(self, folder: Path, processes: int | None = None) -> None:
        self.folder = folder
        self.processes = processes or min(MOST_PROCESSES, os.cpu_count() or 1)
        self._jobs: dict[Hashable, Job] = {}
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._pool_lock = threading.Lock()

    def submit(self, figure: Figure) -> Job:
        """Start to compute a figure for which `can_compute` is true, unless it has been started."""
        with self._lock:
            self._jobs = {key: job for key, job in self._jobs.items() if not job.done()}
            if figure.key not in self._jobs:
                self._jobs[figure.key] = Job(self, figure)
            return self._jobs[figure.key]

    def close(self) -> None:
        """End the processes, with what they are computing."""
        with self._pool_lock:
            if self._pool is not None:
                self._pool.shutdown(wait=True, kill_workers=True)
                self._pool = None

    def _run(self, figure: Figure) -> Future[Any]:
        comparison = figure.comparison
        assert isinstance(comparison, Comparison), "callers ask only if `can_compute`"
        arguments = tuple(
            (name, _ModelKey(value.key) if isinstance(value, Model) else value)
            for name, value in figure.arguments
        )
        task = (_compute, self.folder, _source(comparison), figure.name, arguments)
        with self._pool_lock:
            try:
                return self._started().submit(*task)
            except BrokenProcessPool:  # a process was killed: the pool takes no more work
                self._pool = None
                return self._started().submit(*task)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            from loky import ProcessPoolExecutor

            threads = str(max(1, (os.cpu_count() or 1) // self.processes))
            names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
            self._pool = ProcessPoolExecutor(
                max_workers=self.processes,
                timeout=IDLE_SECONDS,
                initializer=_prepare,
                initargs=(os.getpid(),),
                env={**dict.fromkeys(names, threads), "LOKY_MAX_MEMORY_LEAK_SIZE": _NO_LEAK},
            )
        return self._pool


def _source(comparison: Comparison) -> _Source:
    sides = tuple(
        _Side(model.key, model.name, model.kind, model.info, model.run)
        for model in comparison.models
    )
    return _Source(comparison.key, comparison.split, sides, comparison.noun)


# -- in the other process --------------------------------------------------------------------------
_loaded: dict[str, Comparison] = {}
"""The last comparison, by its key."""


def _prepare(parent: int) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(5)  # pages come first


def _end_with(parent: int) -> None:
    """End this process when the process with this number has ended, however that was."""
    while os.getppid() == parent and psutil.pid_exists(parent):  # Windows keeps the number
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _compute(
    folder: Path, source: _Source, name: str, arguments: tuple[tuple[str, Any], ...]
) -> Any:
    comparison = _loaded.get(source.key)
    if comparison is None:
        _loaded.clear()
        comparison = _loaded[source.key] = _load(folder, source)
    models = {model.key: model for model in comparison.models}
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)(
        comparison,
        **{
            key: models[value.key] if isinstance(value, _ModelKey) else value
            for key, value in arguments
        },
    )


def _load(folder: Path, source: _Source) -> Comparison:
    runs = [side.folder for side in source.sides]
    aligned = align([run.predictions(source.split) for run in runs], [s.name for s in source.sides])
    if content_key(runs, source.split) != source.key:
        raise PredictionsError(
            "the predictions of a run changed while figures were computed; reload the page."
        )
    models = tuple(
        Model(side.key, side.name, side.kind, side.info, own, side.folder)
        for side, own in zip(source.sides, aligned.predictions, strict=True)
    )
    cache = StoredCache(MemoryCache(MEMORY_BYTES), FigureStore(folder), quick=0.0, shared=True)
    return Comparison(source.key, source.split, models, aligned.n_each, source.noun, cache)
