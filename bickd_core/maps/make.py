"""Make all maps of a comparison by one method, and measure how another seed changes them.

The work is done in steps. If it is interrupted, the next call continues after the last stored step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bickd_core.geometry.layout import Layout, displaced_share
from bickd_core.geometry.map_space import MapSpace, map_space_from_logits
from bickd_core.geometry.umap_maps import (
    aligned_coordinates,
    aligned_layouts,
    transform_coordinates,
    transform_layout,
    umap_coordinates,
)
from bickd_core.maps.store import (
    SEED,
    TEMPERATURE,
    compute_layout,
    joint_key,
    layout_key,
    on_samples_of,
    store_layout,
    stored_layout,
)
from bickd_core.runs.library import Library, RunFolder, Split

METHODS = ("umap", "transform", "aligned", "pca")
RESEEDS = (1, 2)
"""Seeds of the repetitions that show how much a map depends on its seed."""
FEWEST = 4
"""The smallest number of samples for a UMAP."""

Report = Callable[[int, int, str], None]
"""Called with the number of finished steps, of all steps, and the name of the next one."""
Step = tuple[str, Callable[[], None]]


@dataclass(frozen=True)
class Maps:
    """The maps of a teacher and its students on one split by one method."""

    library: Library
    teacher: RunFolder
    students: tuple[RunFolder, ...]
    split: Split
    method: str

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}.")
        if self.method == "aligned" and not self.students:
            raise ValueError("method 'aligned' needs at least one student beside the teacher.")

    @property
    def runs(self) -> tuple[RunFolder, ...]:
        return (self.teacher, *self.students)

    @property
    def name(self) -> str:
        """A hash of their content, so that the same maps have the same name in every tab."""
        return f"{self.method}-{self.split}-{joint_key(self.runs, self.split)}"

    def stored(self, run: RunFolder) -> Layout | None:
        return stored_layout(
            self.library,
            run,
            teacher=self.teacher,
            split=self.split,
            method=self.method,
            together=self.runs if self.method == "aligned" else (),
        )

    def store(self, run: RunFolder, layout: Layout) -> None:
        together = self.runs if self.method == "aligned" else ()
        name = layout_key(run, self.split, self.method, self.teacher, together)
        store_layout(self.library, run, name, layout)

    def space(self, run: RunFolder) -> MapSpace:
        """The samples of a run at the maps' temperature, in the teacher's order."""
        if run.path == self.teacher.path:
            return map_space_from_logits(self.teacher.predictions(self.split).logits, TEMPERATURE)
        own = on_samples_of(self.teacher, run, self.split)
        like = self.space(self.teacher) if self.method == "transform" else None
        return map_space_from_logits(own.logits, TEMPERATURE, like=like)


def make(maps: Maps, report: Report = lambda done, steps, name: None) -> None:
    """Make the missing maps, then measure how another seed moves the maps.

    Stored results are reused.

    Args:
        report: called before each step with the finished steps, all steps and the name of the step.

    Raises:
        PredictionsError: a student lacks samples of the teacher.
    """
    steps = [*_missing(maps), *_unmeasured(maps)]
    for done, (name, step) in enumerate(steps):
        report(done, len(steps), name)
        step()
    report(len(steps), len(steps), "done")


def expected_seconds(method: str, n: int, models: int) -> float:
    """Estimate the seconds for all maps of a comparison with one seed.

    The constants were measured on two cores. They include the start of numba.
    """
    if method == "pca":
        return 3.0 + n * models / 2000
    start, each = _SECONDS[method]
    return start + each * n / 1000 * models


_SECONDS = {"umap": (12.0, 2.5), "transform": (30.0, 3.0), "aligned": (30.0, 10.0)}
"""Seconds for the start, and for a thousand samples of a model."""


def unmeasured(layout: Layout) -> bool:
    """Return whether it has not been measured yet how another seed moves this map."""
    return layout.method != "pca" and layout.displaced_share is None and layout.n >= FEWEST


def _missing(maps: Maps) -> list[Step]:
    lacking = [run for run in maps.runs if maps.stored(run) is None]
    if not lacking:
        return []
    if maps.method == "aligned":
        return [(f"laying out {len(maps.runs)} models together", lambda: _align(maps))]

    def step(run: RunFolder) -> Callable[[], None]:
        return lambda: _lay_out(maps, run)

    return [(f"laying out {run.key}", step(run)) for run in lacking]


def _lay_out(maps: Maps, run: RunFolder) -> None:
    if maps.method != "transform" or run.path == maps.teacher.path:
        compute_layout(maps.library, run, teacher=maps.teacher, split=maps.split)
        return
    base = maps.stored(maps.teacher)
    assert base is not None, "the teacher comes first"
    layout = transform_layout(
        maps.space(run), maps.space(maps.teacher), base.coordinates, seed=SEED
    )
    maps.store(run, layout)


def _align(maps: Maps) -> None:
    layouts = aligned_layouts([maps.space(run) for run in maps.runs], seed=SEED)
    for run, layout in zip(maps.runs, layouts, strict=True):
        maps.store(run, layout)


def _unmeasured(maps: Maps) -> list[Step]:
    if maps.method == "pca":
        return []
    stored = [maps.stored(run) for run in maps.runs]
    lacking = [
        run
        for run, layout in zip(maps.runs, stored, strict=True)
        if layout is None or unmeasured(layout)
    ]
    if not lacking:
        return []
    if maps.method == "aligned":
        return [("another seed of all models", lambda: _measure_aligned(maps))]

    def step(run: RunFolder) -> Callable[[], None]:
        return lambda: _measure(maps, run)

    return [(f"other seeds of {run.key}", step(run)) for run in lacking]


def _measure(maps: Maps, run: RunFolder) -> None:
    layout = maps.stored(run)
    assert layout is not None, "made in an earlier step"
    if not unmeasured(layout):
        return
    space = maps.space(run)
    base = None if run.path == maps.teacher.path else maps.stored(maps.teacher)
    start = None if base is None else base.coordinates
    if layout.method == "transform":
        assert start is not None, "only students are placed into a teacher's map"
        base_space = maps.space(maps.teacher)
        others = [transform_coordinates(space, base_space, start, seed=seed) for seed in RESEEDS]
    else:
        others = [umap_coordinates(space, seed=seed, init=start) for seed in RESEEDS]
    maps.store(run, measured(layout, others))


def _measure_aligned(maps: Maps) -> None:
    """Measure with one other seed only, because several models together take long."""
    others = aligned_coordinates([maps.space(run) for run in maps.runs], seed=RESEEDS[0])
    for run, other in zip(maps.runs, others, strict=True):
        layout = maps.stored(run)
        assert layout is not None, "made in an earlier step"
        maps.store(run, measured(layout, [other]))


def measured(layout: Layout, others: Sequence[np.ndarray]) -> Layout:
    """Return the layout with the share of its samples that move with other seeds."""
    share = displaced_share(layout.coordinates, others, beyond=layout.displaced_beyond)
    return replace(layout, displaced_share=share, reseeds=len(others))
