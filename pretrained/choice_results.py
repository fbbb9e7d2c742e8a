"""Show what settings that save time cost in accuracy: part of docs/results.md, from
`pretrained/sweeps/caltech95-choices.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bickd_core.sweeps.results import Result, read_results
from pretrained.sweep_results import (
    FILE,
    SAME,
    SHELF,
    Difference,
    Teacher,
    against,
    agrees,
    grouped,
    must_share,
    points,
    right,
    spread,
    teacher_of,
    under_way,
)

CHOICES = SHELF / "sweeps" / "caltech95-choices.jsonl"
BASE = "kd"
NAMES = {
    "kd-fp32": "fp32 throughout",
    "kd-views16": "16 views in turn",
    "kd-views8": "8 views in turn",
    "kd-views4": "4 views in turn",
}


def section(path: Path = CHOICES, methods: Path = FILE) -> str:
    """Return the section on these settings; "" if there are no lines yet."""
    results = read_results(path)
    base = [result for result in read_results(methods) if result.method == BASE]
    if not base or not results:
        return ""
    head, rest = write(results, base, teacher_of(base[0])).split("\n", 1)
    return f"{head}\n\n{under_way(path, results)}{rest.lstrip()}"


def write(results: Sequence[Result], base: Sequence[Result], teacher: Teacher) -> str:
    """Return the table and its sentences.

    Args:
        results: The runs with one setting changed.
        base: The runs that they are compared with.
        teacher: On the test images.

    Raises:
        ValueError: A run differs from its base in more than precision and views, or the base lacks
            its seed.
    """
    by_seed = {result.seed: result for result in base}
    check_alike(results, by_seed)
    first = base[0]
    precision = first.device.split(", ")[1] if ", " in first.device else first.precision
    lines = [
        "## What bf16 and pools of views cost\n",
        (
            f"Each row is KD on {first.dataset}, {first.epochs} epochs, learning rate"
            f" {first.optimizer['lr']:g}, with one setting changed. The base is the KD of the"
            f" sweep: {precision}, and a new augmented view of every image in each epoch."
            " Differences are of means over the same seeds and test images, with a 95% interval"
            " [over seeds and images together](method.md#over-seeds-and-images-together). In"
            " parentheses: in how many seeds the difference has this sign.\n"
        ),
        (
            "| setting | seeds | accuracy % | agreement % | accuracy minus base, points | agreement"
            " minus base, points | CPU minutes |"
        ),
        "|---|---|---|---|---|---|---|",
        _row("base", by_seed, None, None),
    ]
    groups = {BASE: by_seed, **grouped(results)}
    accuracy, agreement = (against(BASE, groups, teacher, hit) for hit in (right, agrees))
    methods = sorted(accuracy, key=list(NAMES).index)
    for method in methods:
        lines.append(_row(NAMES[method], groups[method], accuracy[method][0], agreement[method][0]))
    deviation = 100 * float(np.std([result.accuracy for result in base], ddof=1))
    lines += [
        "",
        *(_sentence(NAMES[method], *accuracy[method], deviation) for method in methods),
        "",
    ]
    return "\n".join(lines)


def check_alike(results: Sequence[Result], base: dict[int, Result]) -> None:
    same = [*(field for field in SAME if field != "view_pool"), "kind", "options"]
    for result in results:
        other = base.get(result.seed)
        if other is None:
            raise ValueError(
                f"{result.name} has no run of seed {result.seed} to be held against; add it to the"
                " methods' sweep."
            )
        must_share(result, other, same)


def _row(
    name: str, runs: dict[int, Result], accuracy: Difference | None, agreement: Difference | None
) -> str:
    cells = [
        name,
        str(len(runs)),
        spread(runs, "accuracy", 100, 1),
        spread(runs, "agreement", 100, 1),
        points(accuracy),
        points(agreement),
        spread(runs, "cpu_seconds", 1 / 60, 1),
    ]
    return f"| {' | '.join(cells)} |"


def _sentence(name: str, found: Difference, seen: bool, deviation: float) -> str:
    """Say whether a setting changes accuracy, and compare the change with the deviation of the base
    over seeds."""
    size = abs(100 * found.mean)
    beside = (
        f"The estimate is {'less' if size <= deviation else 'more'} than the base's standard"
        f" deviation over seeds, {deviation:.1f} points"
    )
    if not seen:
        return f"- {name}: no difference in accuracy seen ({points(found)} points). {beside}."
    return (
        f"- {name}: {'more' if found.mean > 0 else 'less'} accurate ({points(found)} points)."
        f" {beside}."
    )
