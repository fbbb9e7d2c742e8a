"""The tables of the study's stages, as Markdown."""

from __future__ import annotations

import numpy as np

from bickd_core.presets.catalogue import PRESETS
from pretrained import study
from pretrained.study_stages import BASE, OWN, Confirmed, Setting, Tuned, Versus
from pretrained.sweep_results import NAMES

LABELS = {
    "resnet20": "ResNet-20 on caltech95",
    "mobilenetv2": "MobileNetV2 on caltech95",
    "fashion": "ResNet-8 on Fashion-MNIST",
    "pairs": "ResNet-8 on pairs of Fashion-MNIST",
    "large": "ResNet-8 on caltech95, 64 pixels",
}
"""Setting of stage D -> its row in the figure."""


def shown(method: str) -> str:
    return NAMES.get(method, method.upper())


def points(one: Versus, star: bool = True) -> str:
    """ "+0.3 [-1.0, +1.7]", with an asterisk for a difference that is seen."""
    interval = one.interval
    shown = f"{100 * interval.estimate:+.1f}"
    if interval.low is None or interval.high is None:
        return shown
    p = one.whole.p_value if one.adjusted is None else one.adjusted
    mark = "*" if star and p < 0.05 else ""
    return f"{shown} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]{mark}"


def p_value(one: Versus) -> str:
    p = one.whole.p_value if one.adjusted is None else one.adjusted
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def tuning_table(tuned: dict[str, Tuned]) -> list[str]:
    lines = [
        (
            "| method | frozen | learning rate | options that differ from the preset | validation"
            " % over five folds | preset %, folds |"
        ),
        "|---|---|---|---|---|---|",
    ]
    for kind, one in tuned.items():
        default = PRESETS[kind].options.model_validate({}).model_dump(mode="json")
        changed = [
            f"{name} {_short(value)}"
            for name, value in one.options.items()
            if default.get(name) != value
        ]
        edge = " (edge of its range)" if one.at_edge else ""
        lines.append(
            f"| {shown(kind)} | {one.label} | {one.rate:.3g}{edge} | {', '.join(changed) or '–'} |"
            f" {100 * one.accuracy:.1f} | {100 * one.preset:.1f}, {one.preset_folds} |"
        )
    return lines


def _short(value: object) -> str:
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
            " minus KD is not corrected."
        ),
    ]


def cell_table(cells: dict[str, Versus]) -> list[str]:
    lines = ["| cell | minus the frozen BicKD, points | p after Holm |", "|---|---|---|"]
    for cell, one in cells.items():
        lines.append(f"| `{cell}` | {points(one, star=False)} | {p_value(one)} |")
    return lines


def setting_table(settings: dict[str, Setting]) -> list[str]:
    methods = list(study.FEW)
    lines = [
        f"| setting | {' | '.join(f'{shown(method)} %' for method in methods)} |"
        " BicKD minus KD, points | seeds of KD |",
        f"|{'---|' * (len(methods) + 3)}",
    ]
    for name, made in settings.items():
        means = [
            f"{100 * np.mean([run.accuracy for run in made.groups[method].values()]):.1f}"
            for method in methods
        ]
        own = made.differences[OWN]
        lines.append(
            f"| {LABELS[name]} | {' | '.join(means)} | {points(own, star=False)} | {own.seeds[1]} |"
        )
    return lines


def longer_table(longer: tuple[Versus, Versus, dict[str, Versus]]) -> list[str]:
    difference, change, gains = longer
    lines = ["| method | 160 epochs minus 40, points |", "|---|---|"]
    lines += [f"| {shown(method)} | {points(one, star=False)} |" for method, one in gains.items()]
    return [
        *lines,
        "",
        (
            f"BicKD minus KD with 160 epochs: {points(difference, star=False)} points; the change"
            f" from 40 epochs is {points(change, star=False)}."
        ),
    ]
