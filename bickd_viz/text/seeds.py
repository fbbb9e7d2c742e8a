"""Sentences about recipes over their seeds, and about two models where a recipe has one run.

A difference is *seen* when its p-value, over seeds and images and with Holm's correction for the students compared, is
below 0.05. With one seed nothing is said of a method: the sentences speak of these two models.
"""

from __future__ import annotations

from collections.abc import Mapping

from bickd_core.comparing.seeds import Difference, RecipesCompared
from bickd_core.wording import worded
from bickd_viz.text.numbers import counted, listed, percent, points, together, with_interval

FIELDS = {
    "accuracy": "accuracy",
    "agreement": "agreement with the teacher",
    "overlap_per_image": "overlap matched per image",
}
"""Field of Summary -> its name in a sentence, in the order in which people decide by them."""


def headline(student: str, baseline: str, compared: RecipesCompared) -> str:
    """The finding in one sentence: accuracy first, then how far classes are apart, matched per image.

    Args:
        student, baseline: their names in a sentence.
        compared: the student's recipe against the baseline's.
    """
    accuracy, overlap = (compared.figures.get(field) for field in ("accuracy", "overlap_per_image"))
    apart = None if overlap is None or not overlap.seen else f"{_apart(overlap)} at equal entropy"
    if accuracy is not None and accuracy.seen:
        more = "more" if accuracy.interval.estimate > 0 else "less"
        sentence = f"{student} is {more} accurate than {baseline}"
        sentence += f" and keeps classes {apart}" if apart else ""
    elif accuracy is None and overlap is not None and apart:
        sentence = f"{student} keeps classes {_apart(overlap)} than {baseline} at equal entropy"
    elif apart:
        sentence = (
            f"No accuracy difference seen between {student} and {baseline}; {student} keeps classes {apart}"
        )
    else:
        what = listed(
            [name for name, one in (("accuracy", accuracy), ("class overlap", overlap)) if one], "or"
        )
        sentence = f"No difference seen between {student} and {baseline}" + (f" in {what}" if what else "")
    return f"These two models, one run each: {_lower_first(sentence)}" if compared.networks else sentence


def note(student: str, baseline: str, compared: RecipesCompared, noun: str = "image") -> str:
    """The figures behind the headline: means over seeds, or those of two runs."""
    parts = []
    for field, name in FIELDS.items():
        one = compared.figures.get(field)
        if one is not None:
            show = (
                together(one.ours, one.theirs)
                if _is_overlap(field)
                else [*map(percent, (one.ours, one.theirs))]
            )
            parts.append(f"{worded(name, noun)} {show[0]} against {show[1]}")
    if not parts:
        return ""
    return f"{student} against {baseline}, {over(compared)}: {', '.join(parts)}."


def over(compared: RecipesCompared) -> str:
    """What the figures are means of: "means of 3 seeds each", "one run each"."""
    if compared.networks:
        return "one run each"
    ours, theirs = compared.seeds
    if ours == theirs:
        return f"means of {ours} seeds each"
    return f"means of {ours} and {theirs} seeds" if theirs > 1 else f"mean of {ours} seeds"


def against_all(student: str, compared: Mapping[str, RecipesCompared], field: str = "accuracy") -> str:
    """Which of several models the student is above and below in one figure, in a sentence; "" where it is not known.

    Args:
        student: its name.
        compared: name of each other model -> comparison, made together so that their p-values are adjusted.
    """
    sides: dict[str, list[str]] = {"above": [], "below": [], "none": []}
    for name, one in compared.items():
        found = one.figures.get(field)
        if found is not None:
            side = ("above" if found.interval.estimate > 0 else "below") if found.seen else "none"
            sides[side].append(name)
    parts = [f"{student} is {side} {listed(sides[side])}" for side in ("above", "below") if sides[side]]
    if sides["none"]:
        parts.append(f"no difference is seen from {listed(sides['none'], 'or')}")
    networks = " of these models" if all(one.networks for one in compared.values()) else ""
    return f"{FIELDS[field].capitalize()}{networks}: {'; '.join(parts)}." if parts else ""


def how(
    student: str, baseline: str, compared: RecipesCompared, *, n: int, split: str, noun: str = "image"
) -> str:
    """The differences with their intervals over the n samples, and what they hold for."""
    found = [
        f"{worded(name, noun)} {difference(field, compared.figures[field])}"
        for field, name in FIELDS.items()
        if field in compared.figures
    ]
    samples = counted(n, f"{split} {noun}")
    kind = f"over {samples}" if compared.networks else f"over seeds and {samples} together"
    text = f"{student} minus {baseline}, with 95% intervals {kind}: {'; '.join(found)}."
    if compared.networks:
        return text + " They hold for these two models: other seeds may say otherwise."
    return f"{text} {rule(compared.comparisons)}"


def rule(comparisons: int) -> str:
    """When a difference between recipes is seen."""
    several = f" after Holm's correction for {counted(comparisons, 'comparison')}" if comparisons > 1 else ""
    return f"A difference is seen where p < 0.05{several}."


def difference(field: str, found: Difference) -> str:
    """A difference with its interval: "+4.2 points [+1.2, +7.1]" or "−0.0079 [−0.0110, −0.0049]"."""
    interval = found.interval
    if _is_overlap(field):
        return with_interval(interval)
    if interval.low is None or interval.high is None:
        return points(interval.estimate)
    ends = ", ".join(points(end).removesuffix(" points") for end in (interval.low, interval.high))
    return f"{points(interval.estimate)} [{ends}]"


def difference_rows(
    student: str, compared: Mapping[str, RecipesCompared], noun: str = "image"
) -> list[dict[str, str]]:
    """A row for each model that the student is held against: each difference, its interval and whether it is seen."""
    rows = []
    for name, one in compared.items():
        row = {
            f"{student} minus": name,
            "runs": " and ".join(map(str, (1, 1) if one.networks else one.seeds)),
        }
        for field, title in FIELDS.items():
            found = one.figures.get(field)
            row[worded(title, noun)] = (
                "–"
                if found is None
                else difference(field, found) + (", seen" if found.seen else ", not seen")
            )
        rows.append(row)
    return rows


def _apart(found: Difference) -> str:
    return "further apart" if found.interval.estimate < 0 else "closer together"


def _is_overlap(field: str) -> bool:
    return field.startswith("overlap")


def _lower_first(sentence: str) -> str:
    """A sentence that begins with "No" after a colon."""
    return f"no{sentence[2:]}" if sentence.startswith("No ") else sentence
