"""The stages of the study (docs/study.md): their result lines, and the comparisons that the design
asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bickd_core.data.registry import load_dataset
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.jackknife import Replicated
from bickd_core.geometry.two_way import (
    TwoWay,
    holm,
    two_way_difference,
    two_way_mean_difference,
)
from bickd_core.sweeps.definition import PlannedRun, planned_runs, read_sweep
from bickd_core.sweeps.diverged import read_diverged
from bickd_core.sweeps.results import Result, read_results, sample_code
from pretrained import study
from pretrained.sweep_results import Groups, Teacher

MARGIN = 0.015
"""The margin of equivalence, as a share."""
BASE, OWN = "kd", "bickd"


@dataclass(frozen=True)
class Stage:
    """The lines of one recipe, or of several that follow each other.

    Attributes:
        planned: the runs of the recipes that are written so far.
        lines: their results, by run.
        diverged: the runs that diverged.
        designed: number of runs in the design.
    """

    planned: tuple[PlannedRun, ...]
    lines: dict[str, Result]
    diverged: frozenset[str]
    designed: int

    @property
    def complete(self) -> bool:
        ended = {*self.lines, *self.diverged}
        return len(self.planned) == self.designed == len(ended)

    @property
    def groups(self) -> Groups:
        """Method -> seed -> run, in the order of the recipe."""
        groups: Groups = {}
        for run in self.planned:
            if run.name in self.lines:
                groups.setdefault(run.method, {})[run.config.seeds.weights] = self.lines[run.name]
        return groups


def stage(names: Sequence[str], designed: int) -> Stage:
    """Read the recipes with these names, as far as they are written, and their lines."""
    planned: list[PlannedRun] = []
    lines: dict[str, Result] = {}
    diverged: set[str] = set()
    for name in names:
        recipe = study.RECIPES / f"{name}.yaml"
        if recipe.exists():
            own = planned_runs(read_sweep(recipe))
            known = {run.name for run in own}
            file = recipe.with_suffix(".jsonl")
            lines |= {line.name: line for line in read_results(file) if line.name in known}
            diverged |= {run.name for run in read_diverged(file)} & known
            planned += own
    return Stage(tuple(planned), lines, frozenset(diverged - set(lines)), designed)


SETTINGS = tuple(name for name, _, _ in study.SETTINGS)
RECIPES: dict[str, tuple[tuple[str, ...], int]] = {
    "A1 tune": (("study-tune",), 238),
    "A2 finalists": (("study-finalists",), 84),
    "B confirm": (("study-confirm",), 140),
    "C readings": (("study-readings",), 60),
    "D generality": (
        (
            *(f"study-{name}-rates" for name in SETTINGS),
            *(f"study-{name}" for name in SETTINGS),
            *(f"study-{name}-more" for name in study.CHEAP),
        ),
        128,
    ),
    "E schedule": (("study-schedule",), 21),
}
"""Title of a stage -> its recipes, and the runs that the design has for it."""


def stages() -> dict[str, Stage]:
    return {title: stage(names, designed) for title, (names, designed) in RECIPES.items()}


# -- A ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Tuned:
    """What tuning found for one method.

    Attributes:
        label: the frozen configuration.
        accuracy: its mean validation accuracy over the five folds.
        preset: that of the method's preset over the folds that it has, with their number.
        at_edge: whether the learning rate is in the lowest or highest sixteenth of its range.
    """

    label: str
    options: dict[str, object]
    rate: float
    accuracy: float
    preset: float
    preset_folds: int
    at_edge: bool


RATES = (0.00625, 1.6)


def tuned(tune: Stage, finalists: Stage) -> dict[str, Tuned]:
    """Return what tuning chose for each method; call it when both stages are complete."""
    groups = tune.groups
    more = finalists.groups
    made = {}
    for kind, (chosen,) in study.chosen(("study-tune", "study-finalists"), (), 1).items():
        runs = [*groups[chosen.label].values(), *more[chosen.label].values()]
        preset = [
            *groups[f"{kind}-preset"].values(),
            *more.get(f"{kind}-preset", {}).values(),
        ]
        rate = runs[0].optimizer["lr"]
        place = np.log(rate / RATES[0]) / np.log(RATES[1] / RATES[0])
        made[kind] = Tuned(
            chosen.label,
            runs[0].options,
            rate,
            float(np.mean([run.accuracy for run in runs])),
            float(np.mean([run.accuracy for run in preset])),
            len(preset),
            not 1 / 16 <= place <= 15 / 16,
        )
    return made


# -- comparisons -----------------------------------------------------------------------------------
Runs = dict[int, Result]
Hits = Callable[[Result], np.ndarray]


@dataclass(frozen=True)
class Versus:
    """One method minus another.

    Attributes:
        whole: the difference over seeds and images, with 95 % limits.
        adjusted: p after Holm's correction; None for a comparison that stands alone.
        seeds: runs of each side.
    """

    whole: TwoWay
    seeds: tuple[int, int]
    adjusted: float | None = None

    @property
    def interval(self) -> Interval:
        return self.whole.interval


def versus(
    first: Runs, second: Runs, labels: np.ndarray, hits: Hits, *, level: float = 0.95
) -> Versus:
    """Compare the shares of images that `hits` gives, over all runs of both sides."""
    sides = [np.array([hits(run) for run in side.values()], float) for side in (first, second)]
    whole = two_way_mean_difference(sides[0], sides[1], labels, level=level)
    return Versus(whole, (len(first), len(second)))


def corrected(found: dict[str, Versus]) -> dict[str, Versus]:
    """Add Holm's correction over these comparisons."""
    adjusted = holm([one.whole.p_value for one in found.values()])
    return {
        name: replace(one, adjusted=p)
        for (name, one), p in zip(found.items(), adjusted, strict=True)
    }


def mean_of(runs: Runs, labels: np.ndarray, scores: Hits) -> Interval:
    """The mean of a recipe over seeds and images, with 95 % limits."""
    rows = np.array([scores(run) for run in runs.values()], float)
    return two_way_mean_difference(
        rows, np.zeros((1, rows.shape[1])), labels, drawn=(True, False)
    ).interval


def replicated_mean_of(runs: Runs, name: str, *, correct: bool = True) -> Interval:
    """The mean of a jackknifed figure over seeds and images.

    Args:
        name: a field of the lines that has replicates.
        correct: whether to correct its bias from the number of images.
    """
    figures = [run.replicated(name) for run in runs.values()]
    if not correct:
        figures = [_uncorrected(figure) for figure in figures]
    zero = Replicated(0.0, np.zeros_like(figures[0].replicates), figures[0].n, (0.0, 1.0))
    return two_way_difference(figures, [zero], drawn=(True, False)).interval


def _uncorrected(figure: Replicated) -> Replicated:
    """Centre the replicates at the figure: its correction is then zero, and its error the same."""
    centred = figure.replicates - figure.replicates.mean() + figure.value
    return replace(figure, replicates=centred)


def limits(interval: Interval) -> tuple[float, float]:
    """The ends of an interval; infinite if it has none."""
    low = -np.inf if interval.low is None else interval.low
    return low, np.inf if interval.high is None else interval.high


Verdict = Literal["better", "worse", "as good", "cannot tell"]


def verdicts(wide: Interval, narrow: Interval, margin: float = MARGIN) -> tuple[Verdict, ...]:
    """Apply the rule of the primary comparison.

    Args:
        wide: the 95 % interval. narrow: the 90 % interval.

    Returns:
        "better" or "worse", "as good" within the margin, both, or "cannot tell".
    """
    found: list[Verdict] = []
    low, high = limits(wide)
    if low > 0:
        found.append("better")
    if high < 0:
        found.append("worse")
    low, high = limits(narrow)
    if -margin < low and high < margin:
        found.append("as good")
    return tuple(found) or ("cannot tell",)


# -- B to E ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Confirmed:
    """Stage B: every comparison of accuracy and of agreement that the design asks for.

    Attributes:
        verdict: of the primary comparison.
        primary: accuracy of BicKD minus KD; `narrow` is its 90 % interval.
        accuracy, agreement: by the method that is subtracted, then by method. They hold BicKD minus
            KD too, outside the correction.
    """

    groups: Groups
    teacher: Teacher
    primary: Versus
    narrow: Interval
    verdict: tuple[Verdict, ...]
    accuracy: dict[str, dict[str, Versus]]
    agreement: dict[str, dict[str, Versus]]


def confirmed(groups: Groups, teacher: Teacher) -> Confirmed:
    def right(run: Result) -> np.ndarray:
        return run.classes == teacher.labels

    def agrees(run: Result) -> np.ndarray:
        return run.classes == teacher.predicted

    def against(base: str, hits: Hits) -> dict[str, Versus]:
        rest = [method for method in groups if method not in (BASE, OWN)]
        found = {
            method: versus(groups[method], groups[base], teacher.labels, hits) for method in rest
        }
        return corrected(found)

    primary = versus(groups[OWN], groups[BASE], teacher.labels, right)
    narrow = versus(groups[OWN], groups[BASE], teacher.labels, right, level=0.9).interval
    accuracy, agreement = (
        {base: against(base, hits) for base in (BASE, OWN)} for hits in (right, agrees)
    )
    accuracy[BASE][OWN] = primary
    agreement[BASE][OWN] = versus(groups[OWN], groups[BASE], teacher.labels, agrees)
    verdict = verdicts(primary.interval, narrow)
    return Confirmed(groups, teacher, primary, narrow, verdict, accuracy, agreement)


def readings(cells: Groups, own: Runs, labels: np.ndarray) -> dict[str, Versus]:
    """Stage C: each cell minus the frozen BicKD on the same seeds, in accuracy."""
    found = {
        cell: versus(runs, {seed: own[seed] for seed in runs}, labels, _right(labels))
        for cell, runs in cells.items()
    }
    return corrected(found)


def longer(
    now: Groups, before: Groups, labels: np.ndarray
) -> tuple[Versus, Versus, dict[str, Versus]]:
    """Stage E.

    Returns:
        BicKD minus KD with more epochs; how much more that is than with fewer; and each method with
        more epochs minus the same with fewer.
    """
    right = _right(labels)
    difference = versus(now[OWN], now[BASE], labels, right)
    seeds = sorted(now[OWN])

    def change(method: str) -> np.ndarray:
        return np.array(
            [right(now[method][seed]) * 1.0 - right(before[method][seed]) for seed in seeds]
        )

    whole = two_way_mean_difference(change(OWN), change(BASE), labels)
    gains = {
        method: versus(runs, {seed: before[method][seed] for seed in runs}, labels, right)
        for method, runs in now.items()
    }
    return difference, Versus(whole, (len(seeds), len(seeds))), gains


@dataclass(frozen=True)
class Setting:
    """One setting of stage D: its runs, and every other method minus KD."""

    groups: Groups
    differences: dict[str, Versus]


def setting(name: str) -> Setting | None:
    """The runs of one setting at their chosen rates; None until all are there."""
    runs = stage((f"study-{name}", f"study-{name}-more"), 16 if name in study.CHEAP else 12)
    if not runs.complete:
        return None
    groups = runs.groups
    labels = labels_of(next(iter(groups[BASE].values())))
    return Setting(
        groups,
        {
            method: versus(own, groups[BASE], labels, _right(labels))
            for method, own in groups.items()
            if method != BASE
        },
    )


def labels_of(line: Result) -> np.ndarray:
    """Return the true classes of a line's test images, in ascending order of their ids.

    Raises:
        ValueError: the data set has other images than the line.
    """
    test = load_dataset(line.dataset, image_size=line.image_size).test
    if sample_code(test.ids) != line.samples:
        raise ValueError(f"{line.name} was tested on other images than {line.dataset} has here.")
    return test.labels[np.argsort(test.ids)]


def _right(labels: np.ndarray) -> Hits:
    return lambda run: run.classes == labels
