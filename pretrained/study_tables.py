"""The tables of the study's stages, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bickd_viz.text import numbers
from pretrained import study
from pretrained.study_comparisons import (
    BASE,
    OWN,
    Confirmed,
    Longer,
    Reading,
    Runs,
    Setting,
    Versus,
    new_defaults,
)
from pretrained.study_stages import Tuned
from pretrained.sweep_results import NAMES

LABELS = {
    "resnet20": "ResNet-20 on caltech95",
    "mobilenetv2": "MobileNetV2 on caltech95",
    "fashion": "ResNet-8 on Fashion-MNIST",
    "pairs": "ResNet-8 on pairs of Fashion-MNIST",
    "large": "ResNet-8 on caltech95 at 64 pixels",
}
"""Setting of stage D -> its row in the figure."""


INDEPENDENT = (
    "Runs of two methods with the same seed have the same first weights (of the same network) and"
    " the same order of images, but the intervals take them as independent: if they are alike, an"
    " interval is too wide ([method](method.md#over-seeds-and-images-together))."
)
FEW_SEEDS = (
    "So few runs hardly tell how much seeds differ, so the width of an interval is uncertain too."
    " In simulations with 3 and 5 seeds, 94 to 97 % of the intervals held the true difference"
    " ([method](method.md#over-seeds-and-images-together))."
)


def shown(method: str) -> str:
    return NAMES.get(method, method.upper())


def points(one: Versus, star: bool = True) -> str:
    """ "+0.3 [-1.0, +1.7]", with an asterisk for a difference that is seen."""
    interval = one.interval
    shown = tenths(interval.estimate)
    if interval.low is None or interval.high is None:
        return f"{shown} (no interval)"
    p = one.whole.p_value if one.adjusted is None else one.adjusted
    mark = "*" if star and p < 0.05 else ""
    return f"{shown} [{limit(interval.low)}, {limit(interval.high)}]{mark}"


def limit(share: float) -> str:
    """ "+0.3"; beside zero, with as many decimals as show its side: "-0.04"."""
    for digits in (1, 2, 3):
        found = round(100 * share, digits) + 0.0
        if found:
            return f"{found:+.{digits}f}"
    return "+0.0"


def tenths(share: float) -> str:
    """ "+0.3"; zero is never "-0.0"."""
    return f"{round(100 * share, 1) + 0.0:+.1f}"


def seeds_of(one: Versus) -> str:
    """ "20 seeds", or "19 and 20 seeds" if the sides differ."""
    return f"{counts_of(one)} seed{'' if one.seeds == (1, 1) else 's'}"


def counts_of(one: Versus | None) -> str:
    if one is None:
        return "–"
    first, second = one.seeds
    return str(first) if first == second else f"{first} and {second}"


def p_value(one: Versus) -> str:
    p = one.whole.p_value if one.adjusted is None else one.adjusted
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def tuning_table(tuned: dict[str, Tuned], diverged: Sequence[str] = ()) -> list[str]:
    """Return the table of what tuning chose, and name the runs that diverged."""
    lines = [
        (
            "| method | frozen | learning rate | options that differ from the preset | validation"
            " % over five folds | preset %, folds |"
        ),
        "|---|---|---|---|---|---|",
    ]
    presets = study.presets()
    for kind, one in tuned.items():
        default = presets[kind].objective.model_dump(mode="json")
        changed = [
            f"{name} {shown_value(value)}"
            for name, value in one.options.items()
            if default.get(name) != value
        ]
        edge = " (edge of its range)" if one.at_edge else ""
        lines.append(
            f"| {shown(kind)} | {one.label} | {one.rate:.3g}{edge} | {', '.join(changed) or '–'} |"
            f" {100 * one.accuracy:.1f} | {100 * one.preset:.1f}, {one.preset_folds} |"
        )
    return [
        *lines,
        "",
        (
            "These accuracies are higher than new images would give: the frozen configuration is"
            " the best of 17 on these folds, and the teacher was trained on most of their images,"
            " which helps every method but CE."
        ),
        *(
            ["", f"Runs that diverged, and count as 0 %: {', '.join(f'`{n}`' for n in diverged)}."]
            if diverged
            else []
        ),
    ]


def shown_value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def pairs(found: Confirmed) -> list[str]:
    lines = []
    for base in (BASE, OWN):
        lines += [
            f"| minus {shown(base)} | accuracy, points | p | agreement, points | p |",
            "|---|---|---|---|---|",
        ]
        for method, accuracy in found.accuracy[base].items():
            agreement = found.agreement[base][method]
            lines.append(
                f"| {shown(method)} | {points(accuracy, star=False)} | {p_value(accuracy)} |"
                f" {points(agreement, star=False)} | {p_value(agreement)} |"
            )
        lines.append("")
    return [
        *lines,
        (
            "p is after Holm's correction over the five comparisons of its column; that of BicKD"
            " minus KD is not corrected. The intervals are not widened for the number of"
            f" comparisons. {INDEPENDENT}"
        ),
    ]


def cell_table(cells: dict[str, Reading]) -> list[str]:
    lines = [
        (
            "| reading | minus the frozen BicKD, points | p after Holm | on validation, points |"
            " seeds of both |"
        ),
        "|---|---|---|---|---|",
    ]
    for one in cells.values():
        row = [
            f"`{one.option}: {shown_value(one.value)}`",
            points(one.accuracy, star=False),
            p_value(one.accuracy),
            tenths(one.validation),
            counts_of(one.accuracy),
        ]
        lines.append(f"| {' | '.join(row)} |")
    missing = len(study.CELLS) - len(cells)
    without = (
        f" {numbers.counted(missing, 'reading')} of {len(study.CELLS)} cannot be compared, because"
        " no seed has a run on both sides; Holm's correction counts them."
        if missing
        else ""
    )
    return [
        *lines,
        "",
        (
            "Both sides have the same seeds. The test images are those of"
            f" stage B, so what leads here is a suggestion.{without} {INDEPENDENT}"
        ),
        "",
        defaults_sentence(new_defaults(cells), cells),
    ]


def defaults_sentence(changed: dict[str, object], cells: dict[str, Reading]) -> str:
    """Say which defaults the rule of the design changes."""
    if not changed:
        return "By the rule of the design, no default of BicKD changes."
    seen = {one.option for one in cells.values() if one.seen}
    listed = numbers.listed(
        [
            f"`{name}` becomes `{shown_value(value)}`"
            + ("" if name in seen else " (no value of it is seen to be better or worse)")
            for name, value in changed.items()
        ]
    )
    return f"By the rule of the design, the default of {listed}.{_together(changed, cells)}"


def _together(changed: dict[str, object], cells: dict[str, Reading]) -> str:
    """Say what the cells do not show: they start from tuned weights, and change one option."""
    text = (
        " Every reading was tried with the tuned weights and temperatures, and not with the"
        " default ones."
    )
    frozen = {one.option: one.frozen for one in cells.values()}
    if len(changed) < 2:
        return text
    if all(frozen[name] == value for name, value in changed.items()):
        return f"{text} The frozen BicKD has these values together."
    return f"{text} Each option was changed alone; together they were not tried."


def setting_table(settings: dict[str, Setting]) -> list[str]:
    methods = list(study.FEW)
    lines = [
        f"| setting | {' | '.join(f'{shown(method)} %' for method in methods)} |"
        " BicKD minus KD, points | seeds of both |",
        f"|{'---|' * (len(methods) + 3)}",
    ]
    for name, made in settings.items():
        means = [
            _mean(made.groups.get(method, {}), study.seeds_in(name, method)) for method in methods
        ]
        own = made.differences.get(OWN)
        compared = "–" if own is None else points(own, star=False)
        lines.append(f"| {LABELS[name]} | {' | '.join(means)} | {compared} | {counts_of(own)} |")
    return [
        *lines,
        "",
        (
            "CE and DIST have 3 runs a setting; KD and BicKD have 3 too, and 5 on Fashion-MNIST"
            f" and its pairs. {FEW_SEEDS} {INDEPENDENT}"
        ),
        "",
        (
            "The learning rate of each method is the best of three, by one run each on validation:"
            " a quarter, once and four times the frozen rate. The best may be outside:"
        ),
        "",
        f"| learning rate | {' | '.join(shown(method) for method in methods)} |",
        f"|{'---|' * (len(methods) + 1)}",
        *(
            f"| {LABELS[name]} | {' | '.join(_rate(made, method) for method in methods)} |"
            for name, made in settings.items()
        ),
    ]


def _rate(made: Setting, method: str) -> str:
    """The chosen rate, and whether it is the lowest or the highest that was tried."""
    if method not in made.rates:
        return "–"
    rate, factor = made.rates[method]
    edge = {min(study.FACTORS): " (lowest)", max(study.FACTORS): " (highest)"}.get(factor, "")
    return f"{rate:.3g}{edge}"


def _mean(runs: Runs, designed: int) -> str:
    """The mean accuracy, with the number of runs if some were lost."""
    if not runs:
        return "–"
    lost = f" ({numbers.counted(len(runs), 'run')})" if len(runs) < designed else ""
    return f"{100 * np.mean([run.accuracy for run in runs.values()]):.1f}{lost}"


def longer_table(longer: Longer) -> list[str]:
    lines = ["| method | 160 epochs minus 40, points | seeds of both |", "|---|---|---|"]
    lines += [
        f"| {shown(method)} | {points(one, star=False)} | {counts_of(one)} |"
        for method, one in longer.gains.items()
    ]
    difference, change = (
        "not known" if one is None else points(one, star=False)
        for one in (longer.difference, longer.change)
    )
    return [
        *lines,
        "",
        (
            f"In points, BicKD minus KD with 160 epochs is {difference}. Its change from 40 epochs,"
            f" on the same seeds, is {change}. The change is paired within each seed; the gains in"
            f" the table take the two lengths as independent. {FEW_SEEDS} {INDEPENDENT}"
        ),
    ]
