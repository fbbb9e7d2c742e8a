"""Describe a sweep's result lines as Markdown: part of docs/results.md."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.two_way import holm, two_way_mean_difference
from bickd_core.presets.catalogue import PRESETS, VARIANTS
from bickd_core.runs.library import Library
from bickd_core.runs.predictions import Predictions
from bickd_core.sweeps.definition import planned_runs, read_sweep
from bickd_core.sweeps.replicates import TEMPERATURE
from bickd_core.sweeps.results import Result, read_results, sample_code
from bickd_viz.text import numbers

SHELF = Path(__file__).resolve().parent
FILE = SHELF / "sweeps" / "caltech95-methods.jsonl"
TEACHERS = SHELF.parent / "recipes" / "teachers"
"""Teachers that only result lines need: those of the study's stage D."""
NAMES = {"bickd": "BicKD (reconstruction)"}
BASES = ("kd", "bickd")
"""The methods that every other one is compared with."""

SAME = (
    "dataset",
    "image_size",
    "arch",
    "teacher",
    "teacher_sha256",
    "epochs",
    "batch_size",
    "optimizer",
    "schedule",
    "view_pool",
    "n",
    "samples",
)
"""What all runs of a table must share."""


@dataclass(frozen=True)
class Teacher:
    """The teacher on the test images, in ascending order of their ids."""

    labels: np.ndarray
    predicted: np.ndarray
    samples: int

    @classmethod
    def of(cls, predictions: Predictions) -> Teacher:
        assert predictions.labels is not None
        order = np.argsort(predictions.ids)
        return cls(
            predictions.labels[order], predictions.predicted[order], sample_code(predictions.ids)
        )


Groups = dict[str, dict[int, Result]]
"""Method -> seed -> run, methods in the order of the presets."""


def section(path: Path = FILE) -> str:
    """Return the section on the sweep with these lines; "" if there are none yet."""
    results = read_results(path)
    if not results:
        return ""
    page = write(
        results,
        teacher_of(results[0]),
        f"All methods on {results[0].dataset}, at one learning rate",
    )
    head, rest = page.split("\n", 1)
    return f"{head}\n\n{under_way(path, results)}{rest.lstrip()}"


def under_way(path: Path, results: Sequence[Result]) -> str:
    """Return a paragraph that says how far the sweep is; "" if every run has its line."""
    definition = path.with_suffix(".yaml")
    planned = len(planned_runs(read_sweep(definition))) if definition.exists() else 0
    if len(results) >= planned:
        return ""
    return (
        f"**In progress: {len(results)} of {planned} runs.** The same command continues the sweep"
        " and updates this section. With fewer than five seeds, the deviations over seeds say"
        " little.\n\n"
    )


def teacher_of(result: Result) -> Teacher:
    """Return the teacher of this run: a bundled one, or one of those kept with the recipes."""
    assert result.teacher is not None
    return Teacher.of(Library(SHELF, TEACHERS).find(result.teacher).predictions("test"))


def write(results: Sequence[Result], teacher: Teacher, title: str) -> str:
    """Return tables and sentences.

    Raises:
        ValueError: The lines do not have the same budget and the same images.
    """
    groups = grouped(results)
    check_alike(results, teacher)
    lines = [
        f"## {title}\n",
        setting(results, groups),
        "",
        *figures(groups),
        "",
        *differences(groups, teacher),
    ]
    lines += ["", "### What the sweep shows\n", *sentences(groups, teacher), ""]
    return "\n".join(lines)


def grouped(results: Sequence[Result]) -> Groups:
    found: Groups = {}
    kinds = list(PRESETS)
    for result in sorted(
        results, key=lambda result: (kinds.index(result.kind), result.method, result.seed)
    ):
        found.setdefault(result.method, {})[result.seed] = result
    return found


def check_alike(results: Sequence[Result], teacher: Teacher) -> None:
    first = results[0]
    for result in results:
        must_share(result, first)
    if first.samples != teacher.samples:
        raise ValueError("the lines are of other test images than the teacher's; make them again.")


def must_share(one: Result, other: Result, fields: Collection[str] = SAME) -> None:
    """Raise ValueError if two runs differ in one of these fields."""
    for field in fields:
        mine, its = getattr(one, field), getattr(other, field)
        if mine != its:
            raise ValueError(
                f"{one.name} and {other.name} must share `{field}`, got {mine} and {its}; make one"
                " of them again."
            )


def setting(results: Sequence[Result], groups: Groups) -> str:
    first = results[0]
    seeds = sorted({len(group) for group in groups.values()})
    words = (
        numbers.counted(seeds[0], "seed") if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]} seeds"
    )
    stream = (
        "All seeds share one augmentation stream, so the deviation over seeds is too small."
        if any(result.shared_augmentation for result in results)
        else "Weights, order and augmentation follow the seed."
    )
    return (
        f"- Teacher {first.teacher}, students {first.arch}, {words} a method. {stream}\n-"
        f" {first.epochs} epochs, batch {first.batch_size}, {first.image_size} pixels,"
        f" {first.optimizer['kind'].upper()} with learning rate {first.optimizer['lr']:g} for all"
        f" methods. n = {first.n:,} test images.\n- Every method has the options that were its"
        " preset's defaults when the sweep ran. Nothing was tuned here. BicKD's defaults come from"
        " [an exploration of ours](losses.md#where-its-defaults-come-from) that also used"
        " caltech95.\n- `bickd sweep` made the runs. `pretrained/sweeps/` has the definition and"
        " one line of results for each run.\n\nFigures are mean ± standard deviation over seeds,"
        f" for the last weights on the test split. Overlap is at T = {TEMPERATURE:g}. *Mean"
        " matched* is overlap at the temperature where the model's mean entropy equals the"
        " teacher's at that T. Minutes are per run: wall-clock time (on a shared machine, pauses"
        " included) and CPU time."
    )


def has_earlier_defaults(method: str, runs: dict[int, Result]) -> bool:
    """Return whether these runs had other options than their preset or variant has now."""
    result = next(iter(runs.values()))
    variant = VARIANTS.get(method.partition("@")[0].replace("+", "-"))
    now = PRESETS[result.kind].options.model_validate({}) if variant is None else variant.options
    return result.options != now.model_dump(exclude={"kind"})


UNCORRECTED = (
    "Overlap and ECE in this table are not corrected for the number of images, because a sweep's"
    " result lines do not hold what the correction needs. Compare them with each other. Do not"
    " compare them with the tables of the bundled runs, which are corrected"
    " ([method](method.md#intervals))."
)


def mark(method: str, runs: dict[int, Result]) -> str:
    return " †" if has_earlier_defaults(method, runs) else ""


def mark_note(groups: Groups) -> list[str]:
    """Explain the mark in a table; empty if no method has it."""
    marked = [
        shown(method, runs) for method, runs in groups.items() if has_earlier_defaults(method, runs)
    ]
    if not marked:
        return []
    return [
        "",
        (
            "† These runs had earlier defaults, which are not the published ones for small images:"
            f" {', '.join(marked)}. [Published settings](losses.md#published-settings) lists the"
            " published values. These rows have not been repeated with them."
        ),
    ]


def figures(groups: Groups) -> list[str]:
    lines = [
        (
            "| method | seeds | accuracy % | agreement % | overlap | overlap, mean matched | ECE %"
            " | minutes | CPU minutes |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for method, runs in groups.items():
        cells = [
            f"{shown(method, runs)}{mark(method, runs)}",
            str(len(runs)),
            spread(runs, "accuracy", 100, 1),
            spread(runs, "agreement", 100, 1),
            spread(runs, "overlap", 1, 4),
            spread(runs, "overlap_matched", 1, 4),
            spread(runs, "ece", 100, 1),
            spread(runs, "seconds", 1 / 60, 1),
            spread(runs, "cpu_seconds", 1 / 60, 1),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, "", UNCORRECTED, *mark_note(groups)]


def shown(method: str, runs: dict[int, Result]) -> str:
    kind = next(iter(runs.values())).kind
    return NAMES.get(method, method.upper() if method == kind else method.replace("+", "-"))


def spread(runs: dict[int, Result], field: str, scale: float, digits: int) -> str:
    found = [getattr(result, field) for result in runs.values()]
    if any(value is None for value in found):
        return "–"
    values = np.array(found) * scale
    deviation = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{deviation}"


@dataclass(frozen=True)
class Difference:
    """One method minus another, on the seeds that both have.

    Attributes:
        by_seed: The difference in each seed.
        interval: Of the mean: over seeds and images together, or over images only if there is one
            seed. None for a figure that is not a mean over images.
        p_value: Of no difference; None without an interval.
    """

    by_seed: np.ndarray
    interval: Interval | None = None
    p_value: float | None = None

    @property
    def mean(self) -> float:
        return float(self.by_seed.mean())

    def signs(self) -> str:
        """Return in how many seeds the difference has the sign of its mean, such as "5/5"."""
        return f"{int((np.sign(self.by_seed) == np.sign(self.mean)).sum())}/{len(self.by_seed)}"


Hit = Callable[[Result, Teacher], np.ndarray]


def right(result: Result, teacher: Teacher) -> np.ndarray:
    return result.classes == teacher.labels


def agrees(result: Result, teacher: Teacher) -> np.ndarray:
    return result.classes == teacher.predicted


def paired(
    ours: dict[int, Result], theirs: dict[int, Result], teacher: Teacher, hit: Hit
) -> Difference | None:
    """Return the difference of two methods' shares of images; None if they have no common seed."""
    seeds = sorted(set(ours) & set(theirs))
    if not seeds:
        return None
    first = np.array([hit(ours[seed], teacher) for seed in seeds], dtype=float)
    second = np.array([hit(theirs[seed], teacher) for seed in seeds], dtype=float)
    several = len(seeds) > 1
    found = two_way_mean_difference(first, second, teacher.labels, drawn=(several, several))
    return Difference((first - second).mean(axis=1), found.interval, found.p_value)


def against(
    base: str, groups: Groups, teacher: Teacher, hit: Hit
) -> dict[str, tuple[Difference, bool]]:
    """Compare every other method with `base`.

    Returns:
        Method -> its difference from `base`, and whether it is seen after Holm's correction over
        the methods. With one common seed nothing is seen, because that would only compare two
        networks.
    """
    found = {
        method: difference
        for method, runs in groups.items()
        if method != base and (difference := paired(runs, groups[base], teacher, hit)) is not None
    }
    several = {
        method: one.p_value
        for method, one in found.items()
        if one.p_value is not None and len(one.by_seed) > 1
    }
    adjusted = dict(zip(several, holm(list(several.values())), strict=True))
    return {method: (one, adjusted.get(method, 1.0) < 0.05) for method, one in found.items()}


def over_seeds(ours: dict[int, Result], theirs: dict[int, Result], field: str) -> Difference | None:
    """Return the difference of a figure that is not a mean over images; None if a run lacks it, or
    no seed is common."""
    pairs = [
        (getattr(ours[seed], field), getattr(theirs[seed], field))
        for seed in sorted(set(ours) & set(theirs))
    ]
    if not pairs or any(value is None for pair in pairs for value in pair):
        return None
    return Difference(np.array([a - b for a, b in pairs]))


def differences(groups: Groups, teacher: Teacher) -> list[str]:
    lines = [
        "### Differences on the same test images\n",
        (
            "Accuracy and agreement: the difference of the means over the seeds that both methods"
            " have, with a 95% interval [over seeds and test images"
            " together](method.md#over-seeds-and-images-together). An asterisk marks a difference"
            f" that is seen: p < 0.05 after Holm's correction for the {len(groups) - 1} comparisons"
            " in the column. Overlap at matched mean entropy: mean ± standard deviation of the"
            " differences seed by seed. In parentheses: in how many seeds the difference has this"
            " sign.\n"
        ),
    ]
    for base in BASES:
        if base not in groups:
            continue
        name = shown(base, groups[base])
        lines += [
            f"| minus {name} | accuracy, points | agreement, points | overlap, mean matched |",
            "|---|---|---|---|",
        ]
        accuracy, agreement = (against(base, groups, teacher, hit) for hit in (right, agrees))
        for method, runs in groups.items():
            if method != base:
                cells = [
                    f"{shown(method, runs)}{mark(method, runs)}",
                    points(*accuracy.get(method, (None,))),
                    points(*agreement.get(method, (None,))),
                    by_seed(over_seeds(runs, groups[base], "overlap_matched")),
                ]
                lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return lines[:-1]


def points(found: Difference | None, seen: bool = False) -> str:
    """Return a difference in points with its interval and signs, and an asterisk if it is seen."""
    if found is None or found.interval is None:
        return "–"
    low, high = found.interval.low, found.interval.high
    limits = "" if low is None or high is None else f" [{100 * low:+.1f}, {100 * high:+.1f}]"
    return f"{100 * found.interval.estimate:+.1f}{limits}{'*' if seen else ''} ({found.signs()})"


def by_seed(found: Difference | None) -> str:
    if found is None:
        return "–"
    deviation = f" ± {found.by_seed.std(ddof=1):.4f}" if len(found.by_seed) > 1 else ""
    return f"{found.mean:+.4f}{deviation} ({found.signs()})"


def sentences(groups: Groups, teacher: Teacher) -> list[str]:
    found = [
        _against(base, groups, teacher) for base in BASES if base in groups and len(groups) > 1
    ]
    return [*found, *_matched(groups), _cost(groups), _limits(groups)]


def _against(base: str, groups: Groups, teacher: Teacher) -> str:
    """Say which methods are more accurate than `base`, less accurate, or not seen to differ."""
    sorts: dict[str, list[str]] = {
        "more accurate": [],
        "less accurate": [],
        "no difference seen": [],
        "one seed, which says nothing of the method": [],
    }
    for method, (difference, seen) in against(base, groups, teacher, right).items():
        words = "more accurate" if difference.mean > 0 else "less accurate"
        if not seen:
            words = (
                "no difference seen"
                if len(difference.by_seed) > 1
                else "one seed, which says nothing of the method"
            )
        sorts[words].append(f"{shown(method, groups[method])} ({100 * difference.mean:+.1f})")
    parts = " ".join(
        f"{words.capitalize()}: {', '.join(names)}." for words, names in sorts.items() if names
    )
    return f"- Accuracy compared with {shown(base, groups[base])}, in points. {parts}"


def _matched(groups: Groups) -> list[str]:
    """Name the method with the lowest overlap at matched mean entropy, and say in how many seeds it
    is the lowest."""
    overlaps = {
        method: {
            seed: run.overlap_matched
            for seed, run in runs.items()
            if run.overlap_matched is not None
        }
        for method, runs in groups.items()
    }
    means = {
        method: float(np.mean(list(found.values())))
        for method, found in overlaps.items()
        if len(found) == len(groups[method])
    }
    if len(means) < 2:
        return []
    lowest = min(means, key=lambda method: means[method])
    seeds = sorted(set.intersection(*(set(groups[method]) for method in means)))
    wins = sum(
        overlaps[lowest][seed] == min(overlaps[method][seed] for method in means) for seed in seeds
    )
    return [
        f"- Lowest overlap at matched mean entropy: {shown(lowest, groups[lowest])}"
        f" ({means[lowest]:.4f}). It is the lowest of all methods in {wins} of the {len(seeds)}"
        " seeds that all methods have."
    ]


def _cost(groups: Groups) -> str:
    runs = [run for group in groups.values() for run in group.values()]
    minutes = {
        m: float(np.mean([run.seconds for run in group.values()])) / 60
        for m, group in groups.items()
    }
    least, most = (pick(minutes, key=lambda method: minutes[method]) for pick in (min, max))
    cpu = [run.cpu_seconds for run in runs]
    of_cpu = (
        ""
        if any(c is None for c in cpu)
        else f" ({sum(c for c in cpu if c) / 3600:.1f} hours of CPU time)"
    )
    return (
        f"- Cost: {len(runs)} runs took {sum(run.seconds for run in runs) / 3600:.1f} hours in"
        f" total{of_cpu}. The mean time of a run was between {minutes[least]:.1f} minutes"
        f" ({shown(least, groups[least])}) and {minutes[most]:.1f} ({shown(most, groups[most])})."
    )


def _limits(groups: Groups) -> str:
    least = min(len(group) for group in groups.values())
    rates = {run.optimizer["lr"] for group in groups.values() for run in group.values()}
    one_rate = " one learning rate for all, which suits some methods better than others,"
    return (
        f"- Limits: {numbers.counted(least, 'seed')}, one pair of networks, one short training"
        f" budget,{one_rate if len(rates) == 1 else ''} and options that were chosen for other data"
        " and longer runs. Each interval is for one comparison: of the"
        f" {len(groups) - 1} in a column, one in twenty may miss. The asterisks are corrected for"
        " that."
    )
