"""Runs that differ only in their seeds, and the comparison of two recipes over their seeds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bickd_core.comparing import measures
from bickd_core.comparing.cache import cached, cached_quick
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.config import RESIZING
from bickd_core.geometry.intervals import Interval, mean_interval, proportion_interval
from bickd_core.geometry.jackknife import Replicated, mean_replicated
from bickd_core.geometry.matching import Matched, Matching, entropies_at, match
from bickd_core.geometry.overlap_streams import streamed_overlap
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.two_way import TwoWay, holm, two_way_difference, two_way_mean_difference
from bickd_core.naming import method_and_seed
from bickd_core.runs.library import Library, RunError, RunFolder, RunInfo, Split
from bickd_core.runs.predictions import Predictions, PredictionsError, align
from bickd_core.runs.same_data import data_identity

InfoOf = Callable[[RunFolder], RunInfo]


def recipe(info: RunInfo) -> tuple[object, ...]:
    """Return a key that is the same for runs that differ only in their seeds.

    It includes the content of the data: if the images of a folder changed between two runs, they
    have different recipes; if the folder was only moved, they have the same. Imported runs have the
    recipe that the names of their files state, or each its own.
    """
    if info.config is None:
        source, teacher = info.source, info.teacher
        if source.seed is None:
            return (info.name, info.created)
        return (
            source.kind,
            source.method,
            info.arch,
            info.num_classes,
            None if teacher is None else teacher.key,
            *data_identity(info),
        )
    return (*_settings(info), *data_identity(info))


def recipe_on_any_data(info: RunInfo) -> tuple[object, ...]:
    """Return a trained run's recipe with the name of its data, whatever its content."""
    return (*_settings(info), info.dataset)


def _settings(info: RunInfo) -> tuple[object, ...]:
    """Return the settings that runs of one recipe share. Image size, order of the classes and
    resizing are those that were used, whether or not the config sets them."""
    assert info.config is not None
    config = info.config.model_dump(exclude=_NOT_COMPARED)
    return (
        None if info.teacher is None else info.teacher.weights_sha256,
        info.image_size,
        info.class_order or "text",
        info.resizing,
        *_extended(info),
        repr(config),
    )


_NOT_COMPARED = {
    *("seeds", "threads", "device", "teacher", "dataset", "extends", "probe_size", "make_map"),
    *("image_size", "class_order", *RESIZING),
}
"""Fields of a config that runs of one recipe may have different, or that are compared apart."""


def _extended(info: RunInfo) -> tuple[object, ...]:
    """Return what a run extends: the name of that run, without its seed, and its total number of
    epochs. Older runs do not store this number, so they have the whole name."""
    if info.extends is None or info.epochs_before is None:
        return (info.extends,)
    named = method_and_seed(re.sub(r"(-plus\d+)+$", "", info.extends))
    known = named is not None and named[1] == info.seed
    return (named[0] if named and known else info.extends, info.epochs_before)


def on_other_data(info: RunInfo, others: Iterable[RunInfo]) -> list[str]:
    """Return the names of runs that differ from this one in their seeds and also in the images they
    saw."""
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


def one_run_per_seed(
    runs: Iterable[RunFolder], info_of: InfoOf = RunFolder.info
) -> list[RunFolder]:
    """Return the runs without those that repeat the seeds of an earlier run."""
    by_seeds: dict[object, RunFolder] = {}
    for run in runs:
        info = info_of(run)
        seeds: object = info.seed if info.config is None else info.config.seeds
        by_seeds.setdefault(run.key if seeds is None else seeds, run)
    return list(by_seeds.values())


def one_run_per_recipe(runs: Iterable[tuple[str, RunInfo]]) -> list[str]:
    """Return the keys of runs (key, info) without those of a recipe that an earlier run has."""
    by_recipe: dict[object, str] = {}
    for key, info in runs:
        by_recipe.setdefault(recipe(info), key)
    return list(by_recipe.values())


def siblings(
    library: Library,
    keys: Sequence[str],
    split: Split,
    left_out: Callable[[str], object] = lambda reason: None,
    *,
    teacher: RunFolder | None = None,
) -> list[list[Predictions]]:
    """Read the predictions of some runs and of the other runs of their recipes.

    If two of the keys have the same recipe, each of them is used without other seeds.

    Args:
        keys: keys or folders of the runs.
        left_out: called with a sentence for each run of the library that cannot be read, and for
            runs whose images changed.
        teacher: a run that is nobody's seed here, because the others are compared with it.

    Returns:
        A list for each key: its predictions, then those of the other seeds.

    Raises:
        RunError, PredictionsError: a run of `keys` cannot be read.
    """
    requested = [library.locate(key) for key in keys]
    infos = {run.path: run.info() for run in requested}
    wanted = [recipe(info) for info in infos.values()]
    read = {run.path: run.predictions(split) for run in requested}
    others, changed = [], set()
    skipped = {*read, *([] if teacher is None else [teacher.path])}
    for run in library.runs():
        if run.path not in skipped and run.has_predictions(split):
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
    groups = []
    for run in requested:
        own = recipe(infos[run.path])
        alike = (
            []
            if wanted.count(own) > 1
            else [other for other in others if recipe(infos[other.path]) == own]
        )
        groups.append(
            [
                read[sibling.path]
                for sibling in one_run_per_seed([run, *alike], lambda run: infos[run.path])
            ]
        )
    return groups


def images_changed(names: Iterable[str]) -> str:
    """Explain why the runs that `on_other_data` returns are not averaged."""
    return f"{', '.join(sorted(names))}: the images changed between these runs and the ones shown."


OVERLAPS: dict[Matching, str] = {
    "none": "overlap",
    "mean": "overlap_matched",
    "image": "overlap_per_image",
}
"""Rule of matching -> field of Summary."""


@dataclass(frozen=True)
class Scored:
    """The scores of one run, from which figures over seeds are computed.

    Attributes:
        shares: "accuracy" and "agreement" -> [N] whether each image counts. Unknown ones are
            missing.
        overlaps: "overlap", "overlap_matched" and "overlap_per_image", as in Summary. Unknown ones
            are missing.
    """

    shares: dict[str, np.ndarray]
    overlaps: dict[str, Replicated]


def score(teacher: Predictions, run: Predictions, T: float) -> Scored | None:
    """Score one run on the teacher's samples.

    Args:
        teacher: on the samples of the comparison. `run` may be the teacher itself, which has no
            agreement.
        T: temperature of the overlaps, and of the teacher's entropies that they are matched to.

    Returns:
        None if the run lacks some of the samples or has other classes.
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
            means = targets if matching == "mean" else None
            replicated = streamed_overlap(own.logits, at.T, shard, targets=means)
            if replicated is not None:
                overlaps[field] = replicated
    return Scored(shares, overlaps)


@cached_quick
def scored(comparison: Comparison, model: Model, temperature: float) -> Scored:
    """`score` of a model of a comparison, from figures that its summary has as well."""
    teacher, own = comparison.teacher.predictions, model.predictions
    shares = {} if teacher.labels is None else {"accuracy": own.predicted == teacher.labels}
    if not model.is_teacher:
        shares["agreement"] = own.predicted == teacher.predicted
    overlaps = {}
    for matching, field in OVERLAPS.items():
        replicated = measures.overlap_at(comparison, model, temperature, matching)
        if replicated is not None:
            overlaps[field] = replicated
    return Scored(shares, overlaps)


@cached
def scored_file(
    comparison: Comparison, path: str, content: str, temperature: float
) -> Scored | None:
    """The scores of another run; None if it lacks some of the samples or has other classes.

    Args:
        path: its file of predictions.
        content: key of that file's content, see `npz.content_key`.
    """
    return score(comparison.teacher.predictions, Predictions.load(path), temperature)


@dataclass(frozen=True)
class RecipeFigure:
    """One figure of a recipe.

    Attributes:
        mean: over its runs.
        deviation: standard deviation (n - 1) over its runs; None with one run.
        interval: of the mean, over images. It holds for these networks, not for other seeds.
    """

    mean: float
    deviation: float | None
    interval: Interval


def recipe_figures(runs: Sequence[Scored], labels: np.ndarray | None) -> dict[str, RecipeFigure]:
    """Return the figures of a recipe by their fields in Summary, without those that a run lacks.

    Args:
        runs: one or more, on the same samples.
        labels: [N] true classes, the strata of the intervals; None if unknown.
    """
    figures = {}
    for field in _common(runs, lambda run: run.shares):
        scores = np.array([run.shares[field] for run in runs], dtype=np.float64)
        over_images = (
            proportion_interval(runs[0].shares[field], labels)
            if len(runs) == 1 or scores.min() == scores.max()  # all right: images still vary
            else mean_interval(scores.mean(axis=0), labels, bounds=(0.0, 1.0))
        )
        figures[field] = _figure(scores.mean(axis=1), over_images)
    for field in _common(runs, lambda run: run.overlaps):
        overlaps = [run.overlaps[field] for run in runs]
        estimates = np.array([overlap.interval().estimate for overlap in overlaps])
        figures[field] = _figure(estimates, mean_replicated(overlaps).interval())
    return figures


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
        adjusted: p_value with Holm's correction for all comparisons made together.
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
    """The comparison of two recipes over seeds and images.

    If a recipe has one run, it is the comparison of two networks over images.

    Attributes:
        seeds: number of runs of each recipe.
        networks: whether it compares two trained networks instead of the recipes.
        figures: field of Summary -> difference, without figures that a run lacks.
        comparisons: the number of comparisons that the p-values are adjusted for.
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
        runs: key of a model -> its runs. The first one is shown on the pages.
        labels: [N] true classes; None if unknown.
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
        """Compare a student with each of several models, with Holm's correction for each figure."""
        comparisons = [
            compare(
                self.runs[key], self.runs[other], self.labels, against_network=other == self.teacher
            )
            for other in others
        ]
        return dict(zip(others, with_holm(comparisons), strict=True))


def compare(
    student: Sequence[Scored],
    baseline: Sequence[Scored],
    labels: np.ndarray | None,
    *,
    against_network: bool = False,
) -> RecipesCompared:
    """Compare two recipes on the same samples.

    If a recipe has one run, only the first run of each recipe is compared, with intervals over
    images.

    Args:
        student, baseline: the runs of each recipe.
        labels: [N] true classes, the strata; None if unknown.
        against_network: whether the baseline is a fixed network, such as the teacher, and not a
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
        difference = two_way_mean_difference(scores[0], scores[1], labels, drawn=drawn)
        figures[field] = _difference(float(scores[0].mean()), float(scores[1].mean()), difference)
    for field in _common([*student, *baseline], lambda run: run.overlaps):
        sides = [[run.overlaps[field] for run in side] for side in (student, baseline)]
        first, second = (
            float(np.mean([overlap.interval().estimate for overlap in side])) for side in sides
        )
        figures[field] = _difference(first, second, two_way_difference(*sides, drawn=drawn))
    return RecipesCompared(seeds, networks, figures)


ROUNDING = 1e-6
"""Differences up to this size come from rounding: logits are stored in single precision."""


def _difference(student: float, baseline: float, two_way: TwoWay) -> Difference:
    """Return the difference of two figures; 0 if all of its interval is within rounding."""
    interval = two_way.interval
    ends = [end for end in (interval.low, interval.estimate, interval.high) if end is not None]
    if max(map(abs, ends)) <= ROUNDING:
        limit = None if interval.low is None else 0.0
        none = replace(interval, estimate=0.0, low=limit, high=limit)
        return Difference(student, student, none, 1.0, 1.0)
    return Difference(student, baseline, two_way.interval, two_way.p_value, two_way.p_value)


def with_holm(compared: Sequence[RecipesCompared]) -> list[RecipesCompared]:
    """Adjust the p-values of several comparisons with Holm's correction, for each figure."""
    adjusted = [dict(recipes.figures) for recipes in compared]
    for field in {field for recipes in compared for field in recipes.figures}:
        having = [figures for figures in adjusted if field in figures]
        values = holm([figures[field].p_value for figures in having])
        for figures, value in zip(having, values, strict=True):
            figures[field] = replace(figures[field], adjusted=value)
    return [
        replace(recipes, figures=figures, comparisons=len(compared))
        for recipes, figures in zip(compared, adjusted, strict=True)
    ]
