"""The stages of the study (docs/study.md), their result lines, and what tuning chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bickd_core.sweeps.definition import PlannedRun, planned_runs, read_sweep
from bickd_core.sweeps.diverged import read_diverged
from bickd_core.sweeps.results import Result, read_results
from pretrained import study
from pretrained.sweep_results import Groups


@dataclass(frozen=True)
class Stage:
    """The lines of one recipe, or of several that follow each other.

    Attributes:
        planned: the runs of the recipes that are written so far.
        lines: their results, by run.
        lost: the runs that ended without a result, and why: "diverged", or the reason in the file
            of failed runs.
        designed: number of runs in the design.
    """

    planned: tuple[PlannedRun, ...]
    lines: dict[str, Result]
    lost: dict[str, str]
    designed: int

    @property
    def ended(self) -> int:
        return len(self.lines) + len(self.lost)

    @property
    def complete(self) -> bool:
        return len(self.planned) == self.designed == self.ended

    @property
    def groups(self) -> Groups:
        """Method -> seed -> run, in the order of the recipe."""
        groups: Groups = {}
        for run in self.planned:
            if run.name in self.lines:
                groups.setdefault(run.method, {})[run.config.seeds.weights] = self.lines[run.name]
        return groups


def stage(names: Sequence[str], designed: int) -> Stage:
    """Read the recipes with these names, as far as they are written, and their lines.

    Raises:
        ValueError: a line is not of the run that its recipe has under this name.
    """
    planned: list[PlannedRun] = []
    lines: dict[str, Result] = {}
    lost = study.failed()
    for name in names:
        recipe = study.RECIPES / f"{name}.yaml"
        if recipe.exists():
            file = recipe.with_suffix(".jsonl")
            sweep = read_sweep(recipe)
            of_recipe = {run.name: run for run in planned_runs(sweep)}
            planned += of_recipe.values()
            for line in read_results(file):
                if line.name in of_recipe:
                    study.check_line(of_recipe[line.name], line, sweep.results_on)
                    lines[line.name] = line
            lost |= {run.name: "diverged" for run in read_diverged(file)}
    known = {run.name for run in planned}
    lost = {name: why for name, why in lost.items() if name in known - set(lines)}
    return Stage(tuple(planned), lines, lost, designed)


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


@dataclass(frozen=True)
class Tuned:
    """What tuning found for one method.

    Attributes:
        label: the frozen configuration.
        accuracy: its mean validation accuracy over the five folds. A run that diverged or failed
            counts as 0.
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
    accuracies: dict[str, list[float]] = {}
    for part in (tune, finalists):
        for run in part.planned:
            line = part.lines.get(run.name)
            accuracies.setdefault(run.method, []).append(0.0 if line is None else line.accuracy)
    made = {}
    for kind, (chosen,) in study.chosen(("study-tune", "study-finalists"), 1).items():
        preset = accuracies[f"{kind}-preset"]
        rate = chosen.train["optimizer"]["lr"]
        place = np.log(rate / RATES[0]) / np.log(RATES[1] / RATES[0])
        made[kind] = Tuned(
            chosen.label,
            chosen.objective.model_dump(mode="json", exclude={"kind"}),
            rate,
            float(np.mean(accuracies[chosen.label])),
            float(np.mean(preset)),
            len(preset),
            not 1 / 16 <= place <= 15 / 16,
        )
    return made


def same_images(groups: Groups, samples: int) -> Groups:
    """Return the groups.

    Raises:
        ValueError: a line is of other test images than those with this code.
    """
    for runs in groups.values():
        for line in runs.values():
            if line.samples != samples:
                raise ValueError(f"{line.name} was tested on other images; make it again.")
    return groups
