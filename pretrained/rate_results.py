"""Compare all methods, each with the learning rate that did best on validation: part of
docs/results.md.

`pretrained/sweeps/caltech95-methods.yaml` has the trials at 0.05, and `caltech95-rates.yaml` those
at other rates. `caltech95-chosen.yaml` has the other seeds at the chosen rates. The last two call a
method NAME@RATE.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bickd_core.sweeps.results import Result, read_results
from bickd_viz.text import numbers
from pretrained.sweep_results import (
    FILE,
    SHELF,
    Groups,
    Teacher,
    differences,
    figures,
    grouped,
    mark,
    must_share,
    paired,
    points,
    right,
    sentences,
    shown,
    teacher_of,
    under_way,
)

RATES = SHELF / "sweeps" / "caltech95-rates.jsonl"
CHOSEN = SHELF / "sweeps" / "caltech95-chosen.jsonl"
FASHION = SHELF / "sweeps" / "fashion-mnist-rates.jsonl"
TRIED = (0.025, 0.05, 0.1, 0.2, 0.4)
"""Learning rates that every method was given, each with the seeds of TRIALS: the same budget for
all."""
TRIALS = (0,)
DEFAULT = 0.05
"""The rate of the sweep in caltech95-methods."""

ByRate = dict[str, dict[float, dict[int, Result]]]
"""Method -> learning rate -> seed -> run."""


def section(trials: Path = RATES, chosen: Path = CHOSEN, methods: Path = FILE) -> str:
    """Return the section; "" until a method has its trials at every rate."""
    base, others = read_results(methods), read_results(chosen)
    lines = [*base, *read_results(trials), *others]
    if not base:
        return ""
    check_alike(lines)
    runs = by_rate(lines)
    if not any(map(complete, runs.values())):
        return ""
    head, rest = write(runs, teacher_of(base[0])).split("\n", 1)
    return f"{head}\n\n{under_way(chosen, others)}{rest.lstrip()}"


def trials_section(path: Path) -> list[str]:
    """Return the trials of a sweep with one run at every rate as a table; empty if a method lacks
    some."""
    results = read_results(path)
    if not results:
        return []
    check_alike(results)
    runs = by_rate(results)
    if not all(map(complete, runs.values())):
        return []
    chosen = {method: chosen_rate(rates) for method, rates in runs.items()}
    return ["### The learning rates\n", *trials(runs, chosen)]


def check_alike(results: Sequence[Result]) -> None:
    """Raise ValueError if these runs differ in more than method, seed and learning rate."""
    first, *others = (
        result.model_copy(update={"optimizer": {**result.optimizer, "lr": None}})
        for result in results
    )
    for other in others:
        must_share(other, first)


def by_rate(results: Sequence[Result]) -> ByRate:
    plain = [
        result.model_copy(update={"method": result.method.partition("@")[0]}) for result in results
    ]
    found: ByRate = {method: {} for method in grouped(plain)}
    for result in plain:
        found[result.method].setdefault(result.optimizer["lr"], {})[result.seed] = result
    return found


def complete(rates: dict[float, dict[int, Result]]) -> bool:
    """Return whether a method has all its trials."""
    return all(seed in rates.get(rate, {}) for rate in TRIED for seed in TRIALS)


def validation(runs: dict[int, Result]) -> float:
    """Return the mean accuracy of the trials on validation, with the last weights."""
    return float(np.mean([runs[seed].validation_last for seed in TRIALS]))


def chosen_rate(rates: dict[float, dict[int, Result]]) -> float:
    """Return the rate whose trials have the best mean on validation; the lowest of equal ones."""
    return max(TRIED, key=lambda rate: (validation(rates[rate]), -rate))


def chosen_rates(runs: ByRate) -> dict[str, float]:
    """Return the chosen rate of each method that has all its trials."""
    return {method: chosen_rate(rates) for method, rates in runs.items() if complete(rates)}


def at_chosen_rates(runs: ByRate) -> Groups:
    """Return the runs of these methods at the chosen rate: method -> seed -> run."""
    return {
        method: dict(sorted(runs[method][rate].items()))
        for method, rate in chosen_rates(runs).items()
    }


def write(runs: ByRate, teacher: Teacher) -> str:
    """Return the trials, the table at the chosen rates, and its sentences."""
    chosen = chosen_rates(runs)
    tried = {method: runs[method] for method in chosen}
    groups = at_chosen_rates(runs)
    first = next(iter(next(iter(groups.values())).values()))
    lacking = [method for method in runs if method not in tried]
    lines = [
        f"## All methods on {first.dataset}, each with its learning rate\n",
        (
            "As above, but each method has its own learning rate. Every method was tried at"
            f" {', '.join(f'{rate:g}' for rate in TRIED)}, with"
            f" {numbers.counted(len(TRIALS), 'run')} a rate. The rate with the best accuracy on the"
            " validation split (last weights) was chosen. The test split played no part in the"
            " choice. All other options are as above."
        ),
        *(
            [f"\n**In progress:** {', '.join(lacking)} lack trials and are left out."]
            if lacking
            else []
        ),
        "",
        *trials(tried, chosen),
        "",
        *figures(groups),
        "",
        *differences(groups, teacher),
        "",
        "### What choosing the rate changes\n",
        *changes(tried, chosen, teacher),
        *sentences(groups, teacher),
        "",
    ]
    return "\n".join(lines)


def trials(tried: ByRate, chosen: dict[str, float]) -> list[str]:
    heads = " | ".join(f"validation % at {rate:g}" for rate in TRIED)
    lines = [f"| method | {heads} | chosen |", "|---|" + "---|" * (len(TRIED) + 1)]
    for method, rates in tried.items():
        cells = [
            (
                f"**{100 * validation(rates[rate]):.1f}**"
                if rate == chosen[method]
                else f"{100 * validation(rates[rate]):.1f}"
            )
            for rate in TRIED
        ]
        runs = rates[chosen[method]]
        lines.append(
            f"| {shown(method, runs)}{mark(method, runs)} | {' | '.join(cells)} |"
            f" {chosen[method]:g} |"
        )
    spent = [
        tried[method][rate][seed].cpu_seconds or 0.0
        for method in tried
        for rate in TRIED
        for seed in TRIALS
    ]
    lines += ["", f"{len(spent)} trials took {sum(spent) / 3600:.1f} hours of CPU time."]
    return lines


def changes(tried: ByRate, chosen: dict[str, float], teacher: Teacher) -> list[str]:
    """Say what the chosen rate changed on test, and which methods chose a rate at the edge of the
    range."""
    lines = []
    for method, rate in chosen.items():
        rates = tried[method]
        if rate == DEFAULT:
            continue
        found = paired(rates[rate], rates[DEFAULT], teacher, right)
        lines.append(
            f"- {shown(method, rates[rate])}, {rate:g} instead of {DEFAULT:g}: {points(found)}"
            " points of accuracy on test."
        )
    edge = [
        shown(method, tried[method][rate])
        for method, rate in chosen.items()
        if rate in (TRIED[0], TRIED[-1])
    ]
    if edge:
        lines.append(
            "- The chosen rate is at the edge of the range, so a rate beyond it may do better"
            f" still: {', '.join(edge)}."
        )
    return lines
