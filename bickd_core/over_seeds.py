"""Runs that differ in their seeds alone, and what two recipes reach over theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bickd_core.geometry import Interval, paired_mean_difference
from bickd_core.predictions import Predictions, align
from bickd_core.runs import Library, RunFolder, RunInfo, Split

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


def siblings(library: Library, key: str, split: Split) -> list[Predictions]:
    """Predictions of the run with this key or folder, and of the library's others of its recipe, one a seed."""
    run = library.locate(key)
    own = recipe(run.info())
    alike = [one for one in library.runs() if one.has_predictions(split) and recipe(one.info()) == own]
    return [one.predictions(split) for one in one_a_seed([run, *alike])]


@dataclass(frozen=True)
class AccuracyOverSeeds:
    """Two recipes' accuracies, each the mean over its runs, of which `seeds` says how many.

    difference: ours - theirs, with its interval over samples, a sample's score being the mean over a recipe's runs.
    """

    seeds: tuple[int, int]
    ours: float
    theirs: float
    difference: Interval


def accuracy_over_seeds(
    samples: Predictions, ours: Sequence[Predictions], theirs: Sequence[Predictions]
) -> AccuracyOverSeeds | None:
    """Compare two recipes on the samples of `samples`, which may be any model's.

    None where a recipe has one run only, the samples have no labels, or a run lacks some of them.
    """
    if samples.labels is None or min(len(ours), len(theirs)) < 2:
        return None
    right = []
    for runs in (ours, theirs):
        pairs = [align([samples, run]).predictions for run in runs]
        if any(len(own) < len(samples) for own, _ in pairs):
            return None
        labels = pairs[0][0].labels
        right.append(np.mean([run.predicted == labels for _, run in pairs], axis=0))
    assert labels is not None
    return AccuracyOverSeeds(
        (len(ours), len(theirs)),
        float(right[0].mean()),
        float(right[1].mean()),
        paired_mean_difference(right[0], right[1], labels),
    )
