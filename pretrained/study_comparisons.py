"""The comparisons that the design of the study asks for (docs/study.md), from the lines of its
stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.jackknife import Replicated
from bickd_core.geometry.two_way import (
    TwoWay,
    holm,
    two_way_difference,
    two_way_mean_difference,
)
from bickd_core.sweeps.results import Result
from pretrained import study
from pretrained.study_stages import SETTINGS, same_images, stage
from pretrained.sweep_results import Groups, Teacher, must_share, teacher_of

MARGIN = 0.015
"""The margin of equivalence, as a share."""
BASE, OWN = "kd", "bickd"

Runs = dict[int, Result]
Hits = Callable[[Result], np.ndarray]


@dataclass(frozen=True)
class Versus:
    """One method minus another.

    Attributes:
        whole: the difference over seeds and images, with 95% limits; without limits, and p 1, if a
            side has one run.
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
    """Compare the shares of images that `hits` gives, over all runs of both sides, which must have
    one at least."""
    sides = [np.array([hits(run) for run in side.values()], float) for side in (first, second)]
    return _difference(sides[0], sides[1], labels, level=level)


def _difference(
    first: np.ndarray, second: np.ndarray, labels: np.ndarray, *, level: float = 0.95
) -> Versus:
    """Compare scores [S, N]."""
    seeds = (len(first), len(second))
    if min(seeds) > 1:
        return Versus(two_way_mean_difference(first, second, labels, level=level), seeds)
    only = Interval(first.mean() - second.mean(), None, None, level, "one run", len(labels))
    return Versus(TwoWay(only, 1.0), seeds)


def both(first: Runs, second: Runs) -> tuple[Runs, Runs]:
    """Return the runs of the seeds that both have."""
    seeds = [seed for seed in first if seed in second]
    return {seed: first[seed] for seed in seeds}, {seed: second[seed] for seed in seeds}


def corrected(found: dict[str, Versus], designed: int) -> dict[str, Versus]:
    """Add Holm's correction over the comparisons of the design. One that cannot be made, because
    no run of a side ended, counts with p 1."""
    p_values = [one.whole.p_value for one in found.values()]
    adjusted = holm([*p_values, *[1.0] * (designed - len(found))])
    return {
        name: replace(one, adjusted=p)
        for (name, one), p in zip(found.items(), adjusted, strict=False)
    }


def mean_of(runs: Runs, labels: np.ndarray, scores: Hits) -> Interval:
    """The mean of a recipe over seeds and images, with 95% limits; without limits of one run."""
    rows = np.array([scores(run) for run in runs.values()], float)
    if len(rows) < 2:
        return Interval(rows.mean(), None, None, 0.95, "one run", rows.shape[1])
    return two_way_mean_difference(
        rows, np.zeros((1, rows.shape[1])), labels, drawn=(True, False)
    ).interval


def replicated_mean_of(runs: Runs, name: str, *, correct: bool = True) -> Interval:
    """The mean of a jackknifed figure over seeds and images; without limits of one run.

    Args:
        name: a field of the lines that has replicates.
        correct: whether to correct its bias from the number of images.
    """
    figures = [run.replicated(name) for run in runs.values()]
    if not correct:
        figures = [_uncorrected(figure) for figure in figures]
    if len(figures) < 2:
        return figures[0].interval().without_limits()
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
        wide: the 95% interval. narrow: the 90% interval.

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


@dataclass(frozen=True)
class Confirmed:
    """Stage B: every comparison of accuracy and of agreement that the design asks for.

    Attributes:
        verdict: of the primary comparison.
        primary: accuracy of BicKD minus KD; `narrow` is its 90% interval.
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
    """Compare the methods of stage B.

    Raises:
        ValueError: no run of KD or of BicKD ended, so the primary comparison cannot be made.
    """
    if missing := [method for method in (BASE, OWN) if not groups.get(method)]:
        raise ValueError(
            f"stage B has no result line of {missing[0]}, so the study's question cannot be"
            " answered from it; say in docs/study.md, Departures, what is done instead."
        )

    def right(run: Result) -> np.ndarray:
        return run.classes == teacher.labels

    def agrees(run: Result) -> np.ndarray:
        return run.classes == teacher.predicted

    def against(base: str, hits: Hits) -> dict[str, Versus]:
        rest = [method for method in groups if method not in (BASE, OWN)]
        found = {
            method: versus(groups[method], groups[base], teacher.labels, hits) for method in rest
        }
        return corrected(found, 5)

    primary = versus(groups[OWN], groups[BASE], teacher.labels, right)
    narrow = versus(groups[OWN], groups[BASE], teacher.labels, right, level=0.9).interval
    accuracy, agreement = (
        {base: against(base, hits) for base in (BASE, OWN)} for hits in (right, agrees)
    )
    accuracy[BASE][OWN] = primary
    agreement[BASE][OWN] = versus(groups[OWN], groups[BASE], teacher.labels, agrees)
    verdict = verdicts(primary.interval, narrow)
    return Confirmed(groups, teacher, primary, narrow, verdict, accuracy, agreement)


@dataclass(frozen=True)
class Reading:
    """A cell of stage C: BicKD with one option changed.

    Attributes:
        option, value: the option, and the value that the cell gives it.
        frozen: the value of the frozen BicKD.
        accuracy: on test, minus the frozen BicKD on the same seeds.
        validation: mean difference of the same runs in validation accuracy after the last epoch.
    """

    option: str
    value: object
    frozen: object
    accuracy: Versus
    validation: float

    @property
    def estimate(self) -> float:
        """The estimated difference in accuracy, as a share."""
        return self.accuracy.interval.estimate

    @property
    def seen(self) -> bool:
        assert self.accuracy.adjusted is not None
        return self.accuracy.adjusted < 0.05

    @property
    def better(self) -> bool:
        """Whether it is better by the rule of the design: on test after Holm's correction, and not
        worse on validation."""
        return self.seen and self.estimate > 0 and self.validation >= 0

    @property
    def worse(self) -> bool:
        """Whether the frozen BicKD is better by the same rule."""
        return self.seen and self.estimate < 0 and self.validation <= 0


def readings(cells: Groups, own: Runs, labels: np.ndarray) -> dict[str, Reading]:
    """Stage C: each cell minus the frozen BicKD on the seeds that both have. A cell without such a
    seed is left out."""
    sides = {cell: both(runs, own) for cell, runs in cells.items() if set(runs) & set(own)}
    found = corrected(
        {cell: versus(*side, labels, _right(labels)) for cell, side in sides.items()},
        len(study.CELLS),
    )
    return {
        cell: Reading(*_changed(*side), found[cell], on_validation(*side))
        for cell, side in sides.items()
    }


def _changed(cell: Runs, own: Runs) -> tuple[str, object, object]:
    options = next(iter(cell.values())).options
    frozen = next(iter(own.values())).options
    (option,) = [name for name, value in options.items() if value != frozen[name]]
    return option, options[option], frozen[option]


def on_validation(cell: Runs, own: Runs) -> float:
    """Return the mean difference in validation accuracy. Lines hold six decimals, so less than
    1e-5 is their rounding: one image of one run is 4e-4."""
    means = [np.mean([run.validation_last for run in side.values()]) for side in (cell, own)]
    return round(float(means[0] - means[1]), 5) + 0.0


def new_defaults(cells: dict[str, Reading]) -> dict[str, object]:
    """Return the options of BicKD whose default changes by the rule of the design, with their new
    values. "Default" is that of the time of the design.

    If several values of an option are better, that with the highest accuracy is taken, and in a tie
    the one that the design names first. If none is, and the frozen value is better than the cell
    with the default, the default becomes the frozen value. `same_class` becomes "ignore" if both of
    its cells could be compared and none is seen to differ.
    """
    default = study.presets()["bickd"].objective.model_dump(mode="json")
    changed = {
        one.option: one.frozen
        for one in cells.values()
        if one.worse and one.value == default[one.option]
    }
    best: dict[str, Reading] = {}
    for one in cells.values():
        leader = best.get(one.option)
        if one.better and (leader is None or one.estimate > leader.estimate):
            best[one.option] = one
    changed |= {option: one.value for option, one in best.items()}
    same_class = [one.seen for one in cells.values() if one.option == "same_class"]
    if len(same_class) == 2 and not any(same_class):
        changed["same_class"] = "ignore"
    return {option: value for option, value in changed.items() if default[option] != value}


@dataclass(frozen=True)
class Longer:
    """Stage E. A comparison without a run on one side is None, or left out.

    Attributes:
        difference: BicKD minus KD with more epochs.
        change: how much more that is than with fewer epochs, on the same seeds.
        gains: each method with more epochs minus the same with fewer, on the same seeds.
    """

    difference: Versus | None
    change: Versus | None
    gains: dict[str, Versus]


def longer(now: Groups, before: Groups, labels: np.ndarray) -> Longer:
    right = _right(labels)
    sides = {
        method: both(runs, before[method])
        for method, runs in now.items()
        if set(runs) & set(before.get(method, {}))
    }

    def change(method: str) -> np.ndarray:
        more, fewer = sides[method]
        return np.array([right(more[seed]) * 1.0 - right(fewer[seed]) for seed in more])

    return Longer(
        versus(now[OWN], now[BASE], labels, right) if {OWN, BASE} <= set(now) else None,
        _difference(change(OWN), change(BASE), labels) if {OWN, BASE} <= set(sides) else None,
        {method: versus(*side, labels, right) for method, side in sides.items()},
    )


@dataclass(frozen=True)
class Setting:
    """One setting of stage D.

    Attributes:
        groups: its runs.
        differences: every other method minus KD, of those with runs.
        rates: for each method its learning rate, and the multiple of the frozen one.
    """

    groups: Groups
    differences: dict[str, Versus]
    rates: dict[str, tuple[float, float]]


def settings() -> dict[str, Setting]:
    """Stage D: the runs of each setting at their chosen rates. Call it when all are there.

    Raises:
        ValueError: runs have another rate than validation chooses now, another teacher, or other
            test images.
    """
    rates = study.rates()
    return {name: _setting(name, rates[name]) for name in SETTINGS}


def _setting(name: str, rates: dict[str, tuple[float, float]]) -> Setting:
    groups = stage((f"study-{name}", f"study-{name}-more"), 0).groups
    lines = [line for runs in groups.values() for line in runs.values()]
    if not lines:
        return Setting({}, {}, rates)
    for method, runs in groups.items():
        for line in runs.values():
            must_share(line, lines[0], ("teacher", "teacher_sha256"))
            if line.optimizer["lr"] != rates[method][0]:
                raise ValueError(
                    f"{line.name} has the learning rate {line.optimizer['lr']}, but validation"
                    f" chooses {rates[method][0]}: write the recipe again (`python -m"
                    " pretrained.study transfer`), and make this run again."
                )
    teacher = teacher_of(lines[0])
    same_images(groups, teacher.samples)
    base = groups.get(BASE)
    return Setting(
        groups,
        {
            method: versus(own, base, teacher.labels, _right(teacher.labels))
            for method, own in groups.items()
            if method != BASE and base is not None
        },
        rates,
    )


def _right(labels: np.ndarray) -> Hits:
    return lambda run: run.classes == labels
