"""Write the recipes of the study's later stages (docs/study.md) from the result lines of the
earlier ones.

    python -m pretrained.study finalists      # after recipes/study-tune.yaml
    python -m pretrained.study confirm        # after both; also readings, generality, schedule

Nobody chooses a configuration by hand: each command follows the rule of the design.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from bickd_core.atomic import write_text
from bickd_core.presets.logits import BicKDOptions
from bickd_core.reading import read_yaml
from bickd_core.sweeps.definition import Method, PlannedRun, Sweep, planned_runs, read_sweep
from bickd_core.sweeps.diverged import read_diverged
from bickd_core.sweeps.results import Result, read_results, settings_of

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
FAILED = "study-failed.yaml"
"""File beside the recipes, written by hand: each run that failed twice without diverging, and why
(`RUN: reason`)."""
FINALISTS = 4
FRESH = 100
"""The first of the seeds that no earlier run had."""
PAIR = {"teacher": "caltech95/teacher", "student": "resnet8"}
SHARED: dict[str, Any] = {"threads": 1, "make_map": False}
CALTECH = {**SHARED, "dataset": "caltech95", "image_size": 32, "epochs": 40}
FACTORS = (0.25, 1.0, 4.0)
"""Learning rates that stage D tries, as multiples of the frozen one."""

CELLS: tuple[tuple[str, Any, Any], ...] = (
    ("same_class", "ignore", "negative"),
    ("same_class", "positive", "negative"),
    ("absent", "drop", "keep"),
    ("queue", 8, 0),
    ("column_weights", "teacher_mass", "equal"),
    ("off_diagonal", "student", "cross"),
    ("repel", "above_teacher", "all"),
    ("vectors", "root", "plain"),
    ("vectors", "centred", "plain"),
    ("anchors", "student", "both"),
    ("lambda_sample", 0.0, 8.0),
    ("beta", 0.0, 0.9),
)
"""The cells of stage C: an option of BicKD, its value, and the value to take instead if the frozen
configuration has this one already."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a recipe of a later stage of the study.")
    parser.add_argument("stage", choices=STAGES)
    for sweep in STAGES[parser.parse_args().stage]():
        print(write(sweep))


def failed() -> dict[str, str]:
    """Return the runs in the file `FAILED`, with the reasons."""
    path = RECIPES / FAILED
    return (read_yaml(path) or {}) if path.exists() else {}


def finalists() -> list[Sweep]:
    """Return stage A2: the best configurations of each method on the other three folds."""
    best = chosen(("study-tune",), FINALISTS)
    train = {**CALTECH, "validation_folds": 5}
    methods = [method for several in best.values() for method in several]
    return [_sweep("study-finalists", methods, range(2, 5), train=train, results_on="validation")]


def presets() -> dict[str, Method]:
    """Return each method's preset of stage A, by its kind: the defaults when the study began."""
    methods = read_sweep(RECIPES / "study-tune.yaml").methods
    return {m.objective.kind: m for m in methods if m.label == f"{m.objective.kind}-preset"}


def frozen() -> dict[str, Method]:
    """Return the best configuration of each method over all five folds, by its kind."""
    best = chosen(("study-tune", "study-finalists"), 1)
    return {kind: method.model_copy(update={"label": kind}) for kind, (method,) in best.items()}


def confirm() -> list[Sweep]:
    """Return stage B: every method, frozen, on 20 fresh seeds."""
    seeds = range(FRESH, FRESH + 20)
    methods = list(frozen().values())
    return [_sweep("study-confirm", methods, seeds, train=CALTECH, corruptions=True)]


def readings() -> list[Sweep]:
    """Return stage C: BicKD with one option changed, on the first five seeds of stage B."""
    base = frozen()["bickd"]
    methods = [
        base.model_copy(update={"label": label, "objective": options})
        for label, options in cells(base.objective)
    ]
    return [_sweep("study-readings", methods, range(FRESH, FRESH + 5), train=CALTECH)]


def cells(base: Any) -> list[tuple[str, BicKDOptions]]:
    """Return a label and the options of each cell of stage C."""
    made: list[tuple[str, BicKDOptions]] = []
    for option, value, instead in CELLS:
        value = instead if getattr(base, option) == value else value
        options = BicKDOptions.model_validate({**base.model_dump(), option: value})
        shown = f"{value:g}" if isinstance(value, int | float) else value
        made.append((f"{option}-{shown}", options))
    return made


def generality() -> list[Sweep]:
    """Return stage D: for each setting, the trials of three rates on validation. `transfer` has the
    runs with the best of them."""
    return [
        _sweep(
            f"study-{name}-rates",
            [_at(method, factor) for method in _few() for factor in FACTORS],
            [FRESH + 50],
            pair=pair,
            train=train,
            results_on="validation",
        )
        for name, pair, train in SETTINGS
    ]


def rates() -> dict[str, dict[str, tuple[float, float]]]:
    """Return for each setting of stage D and each method the learning rate that did best on
    validation, and its multiple of the frozen one."""
    frozen_rates = {method.label: method.train["optimizer"]["lr"] for method in _few()}
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name, *_ in SETTINGS:
        for kind, (method,) in chosen((f"study-{name}-rates",), 1).items():
            rate = method.train["optimizer"]["lr"]
            factor = min(FACTORS, key=lambda factor: abs(rate - factor * frozen_rates[kind]))
            found.setdefault(name, {})[kind] = (rate, factor)
    return found


def transfer() -> list[Sweep]:
    """Return the second part of stage D: the runs at the rate that did best on validation."""
    made = []
    for name, pair, train in SETTINGS:
        best = chosen((f"study-{name}-rates",), 1)
        methods = [method.model_copy(update={"label": kind}) for kind, (method,) in best.items()]
        seeds = range(FRESH, FRESH + 3)
        made.append(_sweep(f"study-{name}", methods, seeds, pair=pair, train=train))
        if name in CHEAP:
            more = [method for method in methods if method.label in MORE]
            seeds = range(FRESH + 3, FRESH + 5)
            made.append(_sweep(f"study-{name}-more", more, seeds, pair=pair, train=train))
    return made


def schedule() -> list[Sweep]:
    """Return stage E: every method, frozen, on three seeds with four times the epochs."""
    seeds = range(FRESH, FRESH + 3)
    train = {**CALTECH, "epochs": 160}
    return [_sweep("study-schedule", list(frozen().values()), seeds, train=train)]


FASHION = {**SHARED, "dataset": "fashion-mnist", "epochs": 20, "train_limit": 6000}
PAIRS = {**SHARED, "dataset": "fashion-mnist-pairs", "epochs": 20}
LARGE = {**CALTECH, "image_size": 64, "epochs": 20, "view_pool": 8}
SETTINGS: tuple[tuple[str, dict[str, str], dict[str, Any]], ...] = (
    ("resnet20", {**PAIR, "student": "resnet20"}, CALTECH),
    ("mobilenetv2", {**PAIR, "student": "mobilenetv2"}, CALTECH),
    ("fashion", {**PAIR, "teacher": "fashion-mnist/teacher"}, FASHION),
    ("pairs", {**PAIR, "teacher": "study-teacher-pairs"}, PAIRS),
    ("large", {**PAIR, "teacher": "study-teacher-large"}, LARGE),
)
"""The settings of stage D: name, teacher and student, and what their runs share."""

CHEAP = ("fashion", "pairs")
"""Settings with five seeds of KD and BicKD; the others have three of each method."""

STAGES: dict[str, Callable[[], list[Sweep]]] = {
    "finalists": finalists,
    "confirm": confirm,
    "readings": readings,
    "generality": generality,
    "transfer": transfer,
    "schedule": schedule,
}


def chosen(sweeps: Sequence[str], count: int) -> dict[str, list[Method]]:
    """Return the best configurations of each method by mean validation accuracy, best first.

    Only configurations with runs in the last of the sweeps take part. In a tie, the one that the
    last recipe names first is better.

    Args:
        sweeps: names of recipes with result lines. Runs that diverged or failed count as 0.

    Raises:
        ValueError: a run has no line, and has neither diverged nor failed.
    """
    scores: dict[str, list[Fraction]] = {}
    last: dict[str, PlannedRun] = {}
    for name in sweeps:
        recipe = read_sweep(RECIPES / f"{name}.yaml")
        planned = planned_runs(recipe)
        file = RECIPES / f"{name}.jsonl"
        lines = {line.name: line for line in read_results(file)}
        zero = {*failed(), *(run.name for run in read_diverged(file))}
        if missing := [run.name for run in planned if run.name not in {*lines, *zero}]:
            raise ValueError(
                f"{len(missing)} of {len(planned)} runs of {name} have no result line, such as"
                f" {missing[0]}; finish the sweep, or name the runs that failed in"
                f" {RECIPES.name}/{FAILED}."
            )
        last = {run.method: run for run in planned}
        for run in planned:
            if run.name in lines:
                check_line(run, lines[run.name], recipe.results_on)
            scores.setdefault(run.method, []).append(_accuracy(lines.get(run.name)))
    mean = {method: sum(scores[method]) / len(scores[method]) for method in last}
    best: dict[str, list[Method]] = {}
    for method in sorted(last, key=lambda method: -mean[method]):
        config = last[method].config
        several = best.setdefault(config.objective.kind, [])
        if len(several) < count:
            optimizer = config.optimizer.model_dump(mode="json")
            several.append(
                Method(label=method, objective=config.objective, train={"optimizer": optimizer})
            )
    order = list(dict.fromkeys(run.config.objective.kind for run in last.values()))
    return {kind: best[kind] for kind in order}


def check_line(run: PlannedRun, line: Result, split: str) -> None:
    """Check that a line is of the run that its recipe has under this name.

    Args:
        split: on which the recipe measures.

    Raises:
        ValueError: it has another setting; the message names it.
    """
    config = run.config
    wanted = {
        **settings_of(config),
        "dataset": config.dataset,
        "arch": config.arch,
        "teacher": config.teacher,
        "split": split,
    }
    if config.image_size is not None:
        wanted["image_size"] = config.image_size
    for field, value in wanted.items():
        if getattr(line, field) != value:
            raise ValueError(
                f"the line of {run.name} has `{field}` {getattr(line, field)}, but the recipe"
                f" {value}: make the run again, or restore the recipe."
            )


def seeds_in(setting: str, method: str) -> int:
    """Number of seeds of a method in a setting of stage D."""
    return 5 if setting in CHEAP and method in MORE else 3


def _accuracy(line: Result | None) -> Fraction:
    """Return the share of correct images, 0 without a line. It is exact: lines hold six decimals,
    and a tie over several folds would be broken by their rounding."""
    if line is None:
        return Fraction(0)
    if not 0 <= line.accuracy <= 1:
        raise ValueError(
            f"the line of {line.name} must have an accuracy from 0 to 1, got {line.accuracy}; make"
            " the run again."
        )
    return Fraction(round(line.accuracy * line.n), line.n)


def _few() -> list[Method]:
    return [method for kind, method in frozen().items() if kind in FEW]


METHODS = ("ce", "kd", "dist", "dkd", "mlkd", "pkt", "bickd")
FEW = ("ce", "kd", "dist", "bickd")
"""The methods of stage D."""
MORE = ("kd", "bickd")
"""Those with five seeds in the settings `CHEAP`."""


def _at(method: Method, factor: float) -> Method:
    optimizer = method.train["optimizer"]
    rate = float(f"{optimizer['lr'] * factor:.4g}")
    train = {"optimizer": {**optimizer, "lr": rate}}
    return method.model_copy(update={"label": f"{method.label}@{rate:g}", "train": train})


def _sweep(
    name: str,
    methods: Sequence[Method],
    seeds: Sequence[int],
    *,
    train: dict[str, Any],
    pair: dict[str, str] = PAIR,
    results_on: str = "test",
    corruptions: bool = False,
) -> Sweep:
    return Sweep.model_validate(
        {
            "name": name,
            "pairs": [pair],
            "seeds": list(seeds),
            "methods": [method.model_dump() for method in methods],
            "results_on": results_on,
            "corruptions": corruptions,
            "train": train,
        }
    )


def write(sweep: Sweep) -> Path:
    """Write a recipe with its command as a comment."""
    path = RECIPES / f"{sweep.name}.yaml"
    content = sweep.model_dump(mode="json", exclude_defaults=True)
    for method, whole in zip(content["methods"], sweep.methods, strict=True):
        method["objective"] = whole.objective.model_dump(mode="json")
    head = (
        f"# Part of the study (docs/study.md), written by `python -m pretrained.study`.\n"
        f"#   bickd sweep recipes/{path.name} --results recipes/{sweep.name}.jsonl --retries 1\n"
    )
    write_text(path, head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return path


if __name__ == "__main__":
    main()
