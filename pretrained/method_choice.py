"""Which method to take: the table and the five sentences at the top of docs/results.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import stdtrit

from bickd_core.sweeps.results import Result, read_results
from bickd_viz.text import numbers
from pretrained import study_sentences
from pretrained.rate_results import (
    CHOSEN,
    DEFAULT,
    RATES,
    TRIED,
    ByRate,
    at_chosen_rates,
    by_rate,
    check_alike,
    chosen_rates,
)
from pretrained.study_page import Results
from pretrained.sweep_results import (
    FILE,
    Difference,
    Groups,
    Teacher,
    against,
    agrees,
    has_earlier_defaults,
    mark,
    over_seeds,
    paired,
    right,
    shown,
    spread,
    teacher_of,
)

BASE, LABELS = "kd", "ce"
"""The method that all others are compared with, and the training without a teacher."""


@dataclass(frozen=True)
class Choice:
    """All methods at the learning rate that was chosen for each, compared with `BASE`.

    Attributes:
        runs: method -> learning rate -> seed -> run.
        rates: the chosen rate of each method.
        groups: method -> seed -> run at that rate.
        accuracy, agreement: of each other method minus `BASE`, and whether a difference is seen.
    """

    runs: ByRate
    rates: dict[str, float]
    groups: Groups
    teacher: Teacher
    accuracy: dict[str, tuple[Difference, bool]]
    agreement: dict[str, tuple[Difference, bool]]

    @classmethod
    def of(cls, runs: ByRate, teacher: Teacher) -> Choice:
        rates = chosen_rates(runs)
        groups = at_chosen_rates(runs)
        accuracy, agreement = (against(BASE, groups, teacher, hit) for hit in (right, agrees))
        return cls(runs, rates, groups, teacher, accuracy, agreement)

    def name(self, method: str) -> str:
        return shown(method, self.groups[method])

    def verdict(self, method: str) -> str:
        """ "tie" unless a difference in accuracy from `BASE` is seen; "one seed" says nothing of a
        method."""
        difference, seen = self.accuracy[method]
        if len(difference.by_seed) < 2:
            return "one seed"
        if not seen:
            return "tie"
        return "more accurate" if difference.mean > 0 else "less accurate"

    def with_verdict(self, verdict: str) -> list[str]:
        return [method for method in self.accuracy if self.verdict(method) == verdict]


def section(methods: Path = FILE, trials: Path = RATES, chosen: Path = CHOSEN) -> str:
    """The table, the five sentences, and what to take for other aims; empty without the runs that
    it needs."""
    lines = [result for file in (methods, trials, chosen) for result in read_results(file)]
    if not lines:
        return ""
    check_alike(lines)
    runs = by_rate(lines)
    if not {BASE, LABELS} < chosen_rates(runs).keys():
        return ""
    return write(runs, teacher_of(lines[0]))


def write(runs: ByRate, teacher: Teacher) -> str:
    choice = Choice.of(runs, teacher)
    return "\n".join(
        [
            *study_first(len(choice.groups[BASE])),
            *table(choice),
            "",
            *sentences(choice),
            "",
            *other_aims(choice),
            "",
            *how_to_read(choice),
            "",
        ]
    )


def study_first(seeds: int) -> list[str]:
    """Send the reader to the study, whose answer goes before that of these runs."""
    found = Results.read().confirmed
    if found is None:
        return []
    return [
        (
            f"**[The study](study.md) comes first:** it has {found.primary.seeds[0]} seeds, and"
            f" tunes every method with the same budget. {study_sentences.recommendation(found)}"
            f" {study_sentences.others(found)} This page has default options and"
            f" {numbers.counted(seeds, 'seed')}. That is too few to see such differences, so a tie"
            " below does not mean that two methods are equal."
        ),
        "",
    ]


def table(choice: Choice) -> list[str]:
    base = choice.name(BASE)
    lines = [
        (
            f"| method | learning rate | accuracy % | accuracy minus {base}, points [95% interval]"
            f" | compared with {base} | agreement with teacher % | ECE % | CPU minutes a run |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for method, runs in choice.groups.items():
        difference = None if method == BASE else choice.accuracy[method][0]
        cells = [
            f"{choice.name(method)}{mark(method, runs)}",
            f"{choice.rates[method]:g}",
            spread(runs, "accuracy", 100, 1),
            "–" if difference is None else points(difference),
            "–" if difference is None else choice.verdict(method),
            spread(runs, "agreement", 100, 1),
            spread(runs, "ece", 100, 1),
            minutes(choice, method),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def sentences(choice: Choice) -> list[str]:
    """What to take, by how much, at what cost, what to watch out for, and what this does not
    show."""
    return [
        f"{number}. {sentence}"
        for number, sentence in enumerate(
            (_which(choice), _how_much(choice), _cost(choice), _watch_out(choice), _limits(choice)),
            start=1,
        )
    ]


def _which(choice: Choice) -> str:
    better = choice.with_verdict("more accurate")
    if not better:
        return (
            f"**Use {choice.name(BASE)}, with a learning rate chosen on validation data**"
            f" ({choice.rates[BASE]:g} here): none of the {len(choice.accuracy)} other methods is"
            " significantly more accurate."
        )
    best = max(better, key=lambda method: choice.accuracy[method][0].mean)
    return (
        f"**Use {choice.name(best)}, with a learning rate chosen on validation data**"
        f" ({choice.rates[best]:g} here): of the methods that are significantly more accurate than"
        f" {choice.name(BASE)} it has the largest difference."
    )


def _how_much(choice: Choice) -> str:
    base, ties = choice.name(BASE), choice.with_verdict("tie")
    gain = paired(choice.groups[BASE], choice.groups[LABELS], choice.teacher, right)
    assert gain is not None
    text = (
        f"Over {numbers.counted(len(choice.groups[BASE]), 'seed')} {base} is {points(gain)} points"
        f" of accuracy above training with labels only ({choice.name(LABELS)})"
    )
    if not ties:
        return f"{text}, and no method ties with it."
    highest = [
        f"{choice.name(method)} {points(choice.accuracy[method][0])}"
        for method in sorted(ties, key=lambda method: -choice.accuracy[method][0].mean)[:2]
    ]
    return (
        f"{text}, and {len(ties)} of the {len(choice.accuracy)} other methods"
        f" {'tie' if len(ties) > 1 else 'ties'} with {base} (the highest"
        f" estimate{'s' if len(highest) > 1 else ''}: {', '.join(highest)})."
    )


def _cost(choice: Choice) -> str:
    cpu = {method: _cpu(runs.values()) for method, runs in choice.groups.items()}
    return (
        f"A run took {min(map(min, cpu.values())):.1f} to {max(map(max, cpu.values())):.1f} CPU"
        f" minutes: labels only took {min(cpu[LABELS]):.1f}, {choice.name(BASE)}"
        f" {min(cpu[BASE]):.1f} when the teacher's outputs were already on disk and up to"
        f" {max(cpu[BASE]):.1f} when it computed them first ([the cost of each loss"
        " alone](performance.md#objectives))."
    )


def _watch_out(choice: Choice) -> str:
    base = choice.name(BASE)
    gain = paired(choice.groups[BASE], choice.runs[BASE][DEFAULT], choice.teacher, right)
    same_rate = {method: choice.runs[method][DEFAULT] for method in choice.groups}
    ahead = {
        method: difference
        for method, (difference, seen) in against(BASE, same_rate, choice.teacher, right).items()
        if seen and difference.mean > 0 and choice.verdict(method) == "tie"
    }
    assert gain is not None
    text = (
        f"Choose the learning rate for each method: {base} at {choice.rates[BASE]:g} is"
        f" {points(gain)} points above {base} at {DEFAULT:g}"
    )
    if not ahead:
        return f"{text}."
    most = max(ahead, key=lambda method: ahead[method].mean)
    return (
        f"{text}, and with {DEFAULT:g} for all, {numbers.counted(len(ahead), 'method')} that"
        f" {'tie' if len(ahead) > 1 else 'ties'} above would seem better than {base}"
        f" ({choice.name(most)} most, {points(ahead[most])})."
    )


def _limits(choice: Choice) -> str:
    first = next(iter(choice.groups[BASE].values()))
    return (
        f"This is one data set ({first.dataset}), one pair of networks ({first.teacher} to"
        f" {first.arch}), {first.epochs} epochs and"
        f" {numbers.counted(len(choice.groups[BASE]), 'seed')}: it does not show which method is"
        " best on other data, with larger networks or with longer training, nor what the authors'"
        " BicKD does, since ours is a reconstruction from the abstract. [The study](study.md)"
        " compares seven methods that were tuned with one budget."
    )


def other_aims(choice: Choice) -> list[str]:
    """What to take when accuracy is not the only aim."""
    base = choice.name(BASE)
    lines = ["## If accuracy is not your only aim\n"]
    overlaps = {
        method: float(np.mean([run.overlap_matched for run in runs.values()]))
        for method, runs in choice.groups.items()
        if all(run.overlap_matched is not None for run in runs.values())
    }
    lowest = min(overlaps, key=lambda method: overlaps[method])
    apart = over_seeds(choice.groups[lowest], choice.groups[BASE], "overlap_matched")
    if lowest != BASE and apart is not None:
        lines.append(
            f"- **Classes kept apart**: {choice.name(lowest)}. It has the lowest class overlap at"
            f" matched mean entropy: {seeds_interval(apart, 1, 4)} compared with {base}"
            f" ({apart.signs()} seeds). How much is left depends on [how entropy is"
            " matched](method.md#what-each-rule-of-matching-leaves)."
        )
    better: dict[str, Difference] = {}
    for method in choice.with_verdict("tie"):
        difference = over_seeds(choice.groups[method], choice.groups[BASE], "ece")
        if (
            difference is not None
            and difference.mean < 0
            and interval_over_seeds(difference)[1] < 0
        ):
            better[method] = difference
    if better:
        names = "; ".join(
            f"{choice.name(method)}{mark(method, choice.groups[method])}"
            f" {seeds_interval(difference, 100, 1)}"
            for method, difference in better.items()
        )
        less = [
            method
            for method in better
            if choice.agreement[method][1] and choice.agreement[method][0].mean < 0
        ]
        cost = "".join(
            f" {choice.name(method)} agrees less with the teacher"
            f" ({points(choice.agreement[method][0])} points)."
            for method in less
        )
        lines.append(
            f"- **Probabilities you can trust**: these methods tie with {base} in accuracy and have"
            f" a lower calibration error (ECE, points): {names}.{cost} One temperature fitted on"
            f" validation data also lowers {base}'s error ([finding 3](findings.md))."
        )
    lines.append(
        "- Intervals of overlap and ECE in this list are over seeds, on fixed test images. Each is"
        " for one comparison."
    )
    return lines


def how_to_read(choice: Choice) -> list[str]:
    lines = [
        "## How to read this table\n",
        (
            "- The learning rate was chosen for each method [on validation"
            " data](#all-methods-on-caltech95-each-with-its-learning-rate), from the same"
            f" {len(TRIED)} rates. All figures are on test images."
        ),
        (
            "- ± is the standard deviation over seeds. Intervals are 95% intervals [over seeds and"
            " test images together](method.md#over-seeds-and-images-together)."
        ),
        (
            '- "Tie" means that no difference is seen: p ≥ 0.05 after Holm\'s correction for'
            f" {len(choice.accuracy)} comparisons. It does not mean that two methods are equal: the"
            " interval says how far apart they can be."
        ),
        (
            "- Agreement is the share of images on which student and teacher predict the same"
            " class. ECE is the calibration error (15 bins, T = 1), not corrected for the number of"
            " images."
        ),
    ]
    if any(has_earlier_defaults(method, runs) for method, runs in choice.groups.items()):
        lines.append(
            "- † Runs with earlier defaults than [today's](losses.md#published-settings). Today's"
            " defaults may give other figures."
        )
    return lines


def points(difference: Difference) -> str:
    """ "+0.3 [-1.0, +1.7]", in points."""
    interval = difference.interval
    assert interval is not None
    if interval.low is None or interval.high is None:
        return f"{100 * interval.estimate:+.1f}"
    return f"{100 * interval.estimate:+.1f} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"


def interval_over_seeds(difference: Difference) -> tuple[float, float]:
    """The 95% t interval of the mean of the differences seed by seed, test images held fixed."""
    n = len(difference.by_seed)
    if n < 2:
        return -np.inf, np.inf
    half = float(stdtrit(n - 1, 0.975)) * float(difference.by_seed.std(ddof=1)) / np.sqrt(n)
    return difference.mean - half, difference.mean + half


def seeds_interval(difference: Difference, scale: float, digits: int) -> str:
    low, high = (f"{scale * end:+.{digits}f}" for end in interval_over_seeds(difference))
    return f"{scale * difference.mean:+.{digits}f} [{low}, {high}]"


def minutes(choice: Choice, method: str) -> str:
    """The least and the most CPU minutes of a method's runs."""
    values = _cpu(choice.groups[method].values())
    return f"{min(values):.1f} to {max(values):.1f}"


def _cpu(runs: Iterable[Result]) -> list[float]:
    return [(run.cpu_seconds or run.seconds) / 60 for run in runs]


def _list(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
