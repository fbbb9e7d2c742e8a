"""Runs that differ in their seeds alone, and what two recipes reach over their seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bickd_core.geometry.gram_figures import replicated_overlap
from bickd_core.geometry.gram_streams import logit_grams
from bickd_core.geometry.intervals import Interval, mean_interval, proportion_interval
from bickd_core.geometry.jackknife import Replicated, mean_replicated
from bickd_core.geometry.matching import Matched, Matching, entropies_at, match
from bickd_core.geometry.rematching import rematched
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.two_way import TwoWay, holm, two_way_difference, two_way_mean_difference
from bickd_core.runs.library import Library, RunError, RunFolder, RunInfo, Split
from bickd_core.runs.predictions import Predictions, PredictionsError, align

About = Callable[[RunFolder], RunInfo]


def recipe(info: RunInfo) -> tuple[object, ...]:
    """What two runs share when they differ in their seeds alone; a run that was not trained here is
    alone.

    The content of the data is part of it: runs on a folder whose images changed in between are not
    seeds of one recipe.
    """
    if info.config is None:
        return (info.name, info.created)
    return (*recipe_on_any_data(info), info.data_content)


def recipe_on_any_data(info: RunInfo) -> tuple[object, ...]:
    """A trained run's recipe without the content of its data: alike for runs on a folder whose
    images changed."""
    assert info.config is not None
    config = info.config.model_dump(exclude={"seeds", "threads", "device", "teacher"})
    return (None if info.teacher is None else info.teacher.weights_sha256, repr(config))


def on_other_data(info: RunInfo, others: Iterable[RunInfo]) -> list[str]:
    """Names of runs that differ from this one in seeds and in the images they saw, so that they are
    not its seeds."""
    if info.config is None:
        return []
    own = recipe_on_any_data(info)
    return [
        other.name
        for other in others
        if other.config is not None
        and other.data_content != info.data_content
        and recipe_on_any_data(other) == own
    ]


def one_a_seed(runs: Iterable[RunFolder], about: About = RunFolder.info) -> list[RunFolder]:
    """The runs without those that repeat the seeds of an earlier one: such a pair says nothing of
    the spread."""
    found: dict[object, RunFolder] = {}
    for run in runs:
        config = about(run).config
        found.setdefault(run.key if config is None else config.seeds, run)
    return list(found.values())


def siblings(
    library: Library,
    keys: Sequence[str],
    split: Split,
    left_out: Callable[[str], object] = lambda reason: None,
) -> list[list[Predictions]]:
    """For each run with one of these keys or folders: its predictions, and those of the library's
    others of its recipe, one a seed. Each run is read once; one that cannot be read is nobody's
    sibling. Where two of the keys are of one recipe, each of them stands for itself.

    Args:
        left_out: is told a sentence for each run that cannot be read, and for runs on images that
            changed.

    Raises:
        RunError, PredictionsError: a run that was asked for cannot be read.
    """
    asked = [library.locate(key) for key in keys]
    infos = {run.path: run.info() for run in asked}
    wanted = [recipe(info) for info in infos.values()]
    read = {run.path: run.predictions(split) for run in asked}
    others, changed = [], set()
    for run in library.runs():
        if run.path not in read and run.has_predictions(split):
            try:
                info = run.info()
                changed |= {name for own in infos.values() for name in on_other_data(own, [info])}
                if recipe(info) in wanted:
                    read[run.path] = run.predictions(split)
                    infos[run.path] = info
                    others.append(run)
            except (RunError, PredictionsError) as error:
                left_out(str(error))
    if changed:
        left_out(images_changed(changed))
    found = []
    for run in asked:
        own = recipe(infos[run.path])
        alike = (
            []
            if wanted.count(own) > 1
            else [other for other in others if recipe(infos[other.path]) == own]
        )
        found.append(
            [read[one.path] for one in one_a_seed([run, *alike], lambda one: infos[one.path])]
        )
    return found


def images_changed(names: Iterable[str]) -> str:
    """The sentence on runs that `on_other_data` found."""
    return f"{', '.join(sorted(names))}: the images changed between these runs and the ones shown."


OVERLAPS: dict[Matching, str] = {
    "none": "overlap",
    "mean": "overlap_matched",
    "image": "overlap_per_image",
}
"""Rule of matching -> field of Summary."""


@dataclass(frozen=True)
class Scored:
    """One run beside its teacher: what figures over seeds are made of.

    Attributes:
        shares: "accuracy" and "agreement" -> [N] whether each image counts; without those that are
            not known.
        overlaps: "overlap", "overlap_matched" and "overlap_per_image", as in Summary; without those
            that are not known.
    """

    shares: dict[str, np.ndarray]
    overlaps: dict[str, Replicated]


def score(teacher: Predictions, run: Predictions, T: float) -> Scored | None:
    """Score one run on the teacher's samples; None where it lacks some of them or has other
    classes.

    Args:
        teacher: on the samples that are compared; `run` may be the teacher itself, which has no
            agreement.
        T: temperature of the overlaps, and of the teacher's entropies that they are matched to.
    """
    try:
        own = run if run is teacher else align([teacher, run]).predictions[1]
    except PredictionsError:
        return None
    if len(own) < len(teacher):
        return None
    shares = {} if teacher.labels is None else {"accuracy": own.predicted == teacher.labels}
    if run is not teacher:
        shares["agreement"] = own.predicted == teacher.predicted
    shard = stratified_shards(len(teacher), teacher.labels)
    targets = entropies_at(teacher.logits, T)
    overlaps = {}
    for matching, field in OVERLAPS.items():
        at = Matched(T) if run is teacher else match(own.logits, targets, T, matching)
        if at.unreached < len(own):
            grams = logit_grams([own.logits], [at.T], shard, cross=False).models[0]
            if matching == "mean":
                grams = rematched(grams, own.logits, float(at.T), targets)
            if (found := replicated_overlap(grams)) is not None:
                overlaps[field] = found
    return Scored(shares, overlaps)


@dataclass(frozen=True)
class RecipeFigure:
    """One figure of a recipe.

    Attributes:
        mean: over its runs.
        deviation: standard deviation (n - 1) over its runs; None with one run.
        interval: of the mean, over images; it holds for these networks and does not include other
            seeds.
    """

    mean: float
    deviation: float | None
    interval: Interval


def recipe_figures(runs: Sequence[Scored], labels: np.ndarray | None) -> dict[str, RecipeFigure]:
    """Every figure of a recipe's runs, by its field in Summary; figures that a run lacks are left
    out.

    Args:
        runs: one or more, on the same samples.
        labels: [N] true classes, the strata of the intervals; None where they are not known.
    """
    found = {}
    for field in _common(runs, lambda run: run.shares):
        scores = np.array([run.shares[field] for run in runs], dtype=np.float64)
        over_images = (
            proportion_interval(runs[0].shares[field], labels)
            if len(runs) == 1
            else mean_interval(scores.mean(axis=0), labels, bounds=(0.0, 1.0))
        )
        found[field] = _figure(scores.mean(axis=1), over_images)
    for field in _common(runs, lambda run: run.overlaps):
        own = [run.overlaps[field] for run in runs]
        estimates = np.array([one.interval().estimate for one in own])
        found[field] = _figure(estimates, mean_replicated(own).interval())
    return found


def _figure(values: np.ndarray, interval: Interval) -> RecipeFigure:
    deviation = float(values.std(ddof=1)) if len(values) > 1 else None
    return RecipeFigure(interval.estimate, deviation, interval)


def _common(runs: Sequence[Scored], figures: Callable[[Scored], dict[str, Any]]) -> list[str]:
    return [field for field in figures(runs[0]) if all(field in figures(run) for run in runs)]


@dataclass(frozen=True)
class Difference:
    """One figure of two recipes, or of two networks.

    Attributes:
        student, baseline: the figures. interval: student minus baseline.
        p_value: of no difference.
        adjusted: p_value with Holm's correction for the comparisons that it was made with.
    """

    student: float
    baseline: float
    interval: Interval
    p_value: float
    adjusted: float

    @property
    def seen(self) -> bool:
        """Whether a difference is seen: its adjusted p-value is below 0.05."""
        return self.adjusted < 0.05


@dataclass(frozen=True)
class RecipesCompared:
    """Two recipes over their seeds and the images; two networks over the images where a recipe has
    one run.

    Attributes:
        seeds: how many runs each side has.
        networks: whether this speaks of two trained networks, and not of the recipes.
        figures: field of Summary -> difference; without figures that a run lacks.
        comparisons: how many comparisons the p-values are adjusted for.
    """

    seeds: tuple[int, int]
    networks: bool
    figures: dict[str, Difference]
    comparisons: int = 1


@dataclass(frozen=True)
class Recipes:
    """A teacher and its students, each with all the seeds of its recipe.

    Attributes:
        teacher: key of the teacher.
        runs: key of a model -> its runs, the one that is shown first.
        labels: [N] true classes; None where they are not known.
    """

    teacher: str
    runs: dict[str, tuple[Scored, ...]]
    labels: np.ndarray | None

    @cached_property
    def figures(self) -> dict[str, dict[str, RecipeFigure]]:
        """Key of a model -> field of Summary -> figure."""
        return {key: recipe_figures(runs, self.labels) for key, runs in self.runs.items()}

    def seeds(self, key: str) -> int:
        return len(self.runs[key])

    def against(self, key: str, others: Sequence[str]) -> dict[str, RecipesCompared]:
        """One student against each of several models, with Holm's correction over them, figure by
        figure."""
        found = [
            compare(
                self.runs[key], self.runs[other], self.labels, against_network=other == self.teacher
            )
            for other in others
        ]
        return dict(zip(others, with_holm(found), strict=True))


def compare(
    student: Sequence[Scored],
    baseline: Sequence[Scored],
    labels: np.ndarray | None,
    *,
    against_network: bool = False,
) -> RecipesCompared:
    """Compare two recipes on the same samples.

    Where a recipe has one run, the first run of each is compared, with intervals over images alone.

    Args:
        student, baseline: the runs of each recipe, the one that is shown first.
        labels: [N] true classes, the strata; None where they are not known.
        against_network: baseline is one network that is meant itself, such as the teacher, not a
            sample of seeds.
    """
    seeds = len(student), len(baseline)
    networks = len(student) < 2 or (len(baseline) < 2 and not against_network)
    if networks:
        student, baseline = student[:1], baseline[:1]
    drawn = not networks, not networks and not against_network
    figures = {}
    for field in _common([*student, *baseline], lambda run: run.shares):
        scores = [
            np.array([run.shares[field] for run in side], dtype=np.float64)
            for side in (student, baseline)
        ]
        found = two_way_mean_difference(scores[0], scores[1], labels, drawn=drawn)
        figures[field] = _difference(float(scores[0].mean()), float(scores[1].mean()), found)
    for field in _common([*student, *baseline], lambda run: run.overlaps):
        sides = [[run.overlaps[field] for run in side] for side in (student, baseline)]
        first, second = (
            float(np.mean([one.interval().estimate for one in side])) for side in sides
        )
        figures[field] = _difference(first, second, two_way_difference(*sides, drawn=drawn))
    return RecipesCompared(seeds, networks, figures)


def _difference(student: float, baseline: float, found: TwoWay) -> Difference:
    return Difference(student, baseline, found.interval, found.p_value, found.p_value)


def with_holm(compared: Sequence[RecipesCompared]) -> list[RecipesCompared]:
    """The same comparisons with p-values adjusted for there being several, figure by figure."""
    adjusted = [dict(one.figures) for one in compared]
    for field in {field for one in compared for field in one.figures}:
        having = [figures for figures in adjusted if field in figures]
        values = holm([figures[field].p_value for figures in having])
        for figures, value in zip(having, values, strict=True):
            figures[field] = replace(figures[field], adjusted=value)
    return [
        replace(one, figures=figures, comparisons=len(compared))
        for one, figures in zip(compared, adjusted, strict=True)
    ]
