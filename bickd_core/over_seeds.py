"""Runs that differ in their seeds alone, and what two recipes reach over theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from bickd_core.geometry import Interval, paired_mean_difference
from bickd_core.predictions import Predictions, align
from bickd_core.runs import Library, RunError, RunFolder, RunInfo, Split

About = Callable[[RunFolder], RunInfo]


def recipe(about: RunInfo) -> tuple[object, ...]:
    """What two runs share when they differ in their seeds alone; a run that was not trained here is alone."""
    if about.config is None:
        return (about.name, about.created)
    config = about.config.model_dump(exclude={"seeds", "threads", "device", "teacher"})
    return (None if about.teacher is None else about.teacher.weights_sha256, repr(config))


def one_a_seed(runs: Iterable[RunFolder], about: About = RunFolder.info) -> list[RunFolder]:
    """The runs without those that repeat the seeds of an earlier one: such a pair says nothing of the spread."""
    found: dict[object, RunFolder] = {}
    for run in runs:
        config = about(run).config
        found.setdefault(run.key if config is None else config.seeds, run)
    return list(found.values())


def siblings(library: Library, keys: Sequence[str], split: Split) -> list[list[Predictions]]:
    """For each run with one of these keys or folders: its predictions, and those of the library's others of its recipe,
    one a seed. Each run is read once; one that cannot be read is nobody's sibling.
    """
    asked = [library.locate(key) for key in keys]
    infos = {run.path: run.info() for run in asked}
    others = []
    for run in library.runs():
        if run.has_predictions(split):
            with suppress(RunError):
                if run.path not in infos:
                    infos[run.path] = run.info()
                others.append(run)
    recipes = {path: recipe(info) for path, info in infos.items()}
    found = []
    for run in asked:
        alike = [other for other in others if recipes[other.path] == recipes[run.path]]
        kept = one_a_seed([run, *alike], lambda one: infos[one.path])
        found.append([one.predictions(split) for one in kept])
    return found


@dataclass(frozen=True)
class Share:
    """A share of samples in two recipes, each the mean over its runs.

    difference: ours - theirs, with its interval over samples, a sample's score being the mean over a recipe's runs.
    """

    ours: float
    theirs: float
    difference: Interval


@dataclass(frozen=True)
class ComparedOverSeeds:
    """Two recipes over their seeds, of which `seeds` says how many: accuracy, and agreement with the teacher."""

    seeds: tuple[int, int]
    accuracy: Share
    agreement: Share


def compare_over_seeds(
    teacher: Predictions, ours: Sequence[Predictions], theirs: Sequence[Predictions]
) -> ComparedOverSeeds | None:
    """Compare two recipes on the teacher's samples.

    None where a recipe has one run only, the samples have no labels, or a run lacks some of them.
    """
    if teacher.labels is None or min(len(ours), len(theirs)) < 2:
        return None
    pairs = [[align([teacher, run]).predictions for run in runs] for runs in (ours, theirs)]
    if any(len(own) < len(teacher) for group in pairs for own, _ in group):
        return None
    labels = pairs[0][0][0].labels
    assert labels is not None
    right, alike = (
        [np.mean([hits(own, run) for own, run in group], axis=0) for group in pairs]
        for hits in (
            lambda own, run: run.predicted == labels,
            lambda own, run: run.predicted == own.predicted,
        )
    )
    return ComparedOverSeeds(
        (len(ours), len(theirs)), _share(right[0], right[1], labels), _share(alike[0], alike[1], labels)
    )


def _share(ours: np.ndarray, theirs: np.ndarray, labels: np.ndarray) -> Share:
    return Share(float(ours.mean()), float(theirs.mean()), paired_mean_difference(ours, theirs, labels))
