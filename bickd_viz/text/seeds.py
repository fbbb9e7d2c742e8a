"""Sentences that compare two methods over their seeds, or two runs if a method has a single run.

A difference is *seen* if its p-value is below 0.05. The p-value covers seeds and images, with
Holm's correction for the number of students compared. With one seed, the sentences are about the
two runs and not about the methods.
"""

from __future__ import annotations

from collections.abc import Mapping

from bickd_core.comparing.comparison import Comparison
from bickd_core.comparing.finding import Finding
from bickd_core.comparing.seeds import Difference, RecipesCompared
from bickd_core.wording import worded
from bickd_viz.text.numbers import (
    counted,
    has_limits,
    listed,
    percent,
    points,
    points_with_ends,
    together,
    with_interval,
)

FIELDS = {
    "accuracy": "accuracy",
    "agreement": "agreement with the teacher",
    "overlap_per_image": "overlap matched per image",
}
"""Field of Summary -> its name in a sentence, the most important first."""


def finding_title(finding: Finding) -> str:
    """The finding of a comparison in one sentence, the title of Overview and of reports."""
    return headline(finding.student.name, finding.baseline.called, finding.main)


def finding_note(finding: Finding, temperature: float, noun: str = "image") -> str:
    """The figures behind the title in one line.

    Args:
        temperature: Of the overlaps.
    """
    return note(
        finding.student.name, finding.baseline.called, finding.main, noun, temperature=temperature
    )


def imported_note(finding: Finding) -> str:
    """What to know about the overlap of models that were not distilled here, and so have no T of
    their own; "" for others."""
    imported = any(model.info.config is None for model in (finding.student, finding.baseline))
    if not imported or "overlap_per_image" not in finding.main.figures:
        return ""
    return "Overlap depends on T: at another T, the result can differ."


def finding_details(finding: Finding, comparison: Comparison) -> list[str]:
    """What belongs behind the title: the differences with their intervals, and the other
    students."""
    student, noun = finding.student.name, comparison.noun
    details = [note_detail(finding.main, noun)]
    if len(finding.compared) > 1:
        details.append(against_all(student, finding.compared))
    if finding.teacher is not None:
        details.append(against_teacher(student, finding.teacher))
    details.append(
        how(
            student,
            finding.baseline.called,
            finding.main,
            n=comparison.n,
            split=comparison.split,
            noun=noun,
        )
    )
    if finding.names_bickd:
        details.append("BicKD is a reconstruction from the paper's abstract.")
    return [detail for detail in details if detail]


def headline(student: str, baseline: str, compared: RecipesCompared, noun: str = "sample") -> str:
    """The finding in one sentence: accuracy, and how far apart the classes are.

    Args:
        student: Name of the student in a sentence.
        baseline: Name of the model that it is compared with.
        compared: The comparison of their methods.
    """
    accuracy, overlap = (
        figure if (figure := compared.figures.get(field)) and has_limits(figure.interval) else None
        for field in ("accuracy", "overlap_per_image")
    )
    overlaps = "" if overlap is None or not overlap.seen else f"overlap {_less(overlap)}"
    if accuracy is not None and accuracy.seen:
        more = "more" if accuracy.interval.estimate > 0 else "less"
        sentence = f"{student} is {more} accurate than {baseline}"
        sentence += f", and its classes {overlaps} at matched entropy" if overlaps else ""
    elif overlaps:
        sentence = f"{student}'s classes {overlaps} than {baseline}'s at matched entropy"
        sentence += "" if accuracy is None else "; no accuracy difference seen"
    elif accuracy is overlap is None and compared.figures:
        sentence = f"Too few {noun}s to tell {student} and {baseline} apart"
    else:
        what = listed(
            [
                name
                for name, figure in (("accuracy", accuracy), ("class overlap", overlap))
                if figure
            ],
            "or",
        )
        sentence = f"No difference seen between {student} and {baseline}" + (
            f" in {what}" if what else ""
        )
    return f"One run each: {_lower_first(sentence)}" if compared.networks else sentence


def note(
    student: str,
    baseline: str,
    compared: RecipesCompared,
    noun: str = "image",
    *,
    temperature: float,
) -> str:
    """The figures behind the headline: means over seeds, or those of two runs; "" if none is
    known.

    Args:
        temperature: Of the overlaps.
    """
    parts = []
    for field, name in FIELDS.items():
        figure = compared.figures.get(field)
        if figure is not None:
            values = (
                together(figure.student, figure.baseline)
                if _is_overlap(field)
                else [*map(percent, (figure.student, figure.baseline))]
            )
            at = f" (T = {temperature:g})" if _is_overlap(field) else ""
            parts.append(f"{worded(name, noun)}{at} {values[0]} against {values[1]}")
    if not parts:
        return ""
    return f"{student} against {baseline}, {over(compared)}: {', '.join(parts)}."


def note_detail(compared: RecipesCompared, noun: str = "image") -> str:
    """What the overlap of the headline is; "" if it is not known."""
    if "overlap_per_image" not in compared.figures:
        return ""
    return worded(
        "Overlap is matched per image: each image is compared at the teacher's entropy for it. A"
        " lower overlap means classes that are further apart.",
        noun,
    )


def over(compared: RecipesCompared) -> str:
    """What the figures are: "means of 3 seeds each", "one run each"."""
    if compared.networks:
        return "one run each"
    student_runs, baseline_runs = compared.seeds
    if student_runs == baseline_runs:
        return f"means of {student_runs} seeds each"
    return (
        f"means of {student_runs} and {baseline_runs} seeds"
        if baseline_runs > 1
        else f"mean of {student_runs} seeds"
    )


def against_all(
    student: str, compared: Mapping[str, RecipesCompared], field: str = "accuracy"
) -> str:
    """Which of several models the student is above and below in one figure; "" if that figure is
    not known.

    Args:
        student: Its name.
        compared: Name of each other model -> comparison. Make them together, so that their p-values
            are adjusted.
        field: The figure, a key of `FIELDS`.
    """
    sides: dict[str, list[str]] = {"above": [], "below": [], "none": [], "few": []}
    for name, recipes in compared.items():
        figure = recipes.figures.get(field)
        if figure is not None:
            side = "none" if has_limits(figure.interval) else "few"
            if figure.seen:
                side = "above" if figure.interval.estimate > 0 else "below"
            sides[side].append(name)
    parts = [f"{side} {listed(sides[side])}" for side in ("above", "below") if sides[side]]
    parts = [f"{student} is {' and '.join(parts)}"] if parts else []
    if sides["none"]:
        parts.append(f"no difference is seen from {listed(sides['none'], 'or')}")
    if sides["few"]:
        parts.append(f"too few samples for an interval against {listed(sides['few'])}")
    networks = " of these models" if all(recipes.networks for recipes in compared.values()) else ""
    return f"{FIELDS[field].capitalize()}{networks}: {'; '.join(parts)}." if parts else ""


def against_teacher(student: str, compared: RecipesCompared) -> str:
    """Whether the student is as accurate as its teacher; "" without labels."""
    accuracy = compared.figures.get("accuracy")
    if accuracy is None:
        return ""
    return (
        f"{student} minus the teacher, {over(compared)}: accuracy"
        f" {difference('accuracy', accuracy)}, {judged(accuracy)}."
    )


def judged(figure: Difference, seen: str = "seen", unseen: str = "not seen") -> str:
    """Whether a difference is seen; without an interval nothing was tested."""
    if not has_limits(figure.interval):
        return "too few samples for an interval"
    return seen if figure.seen else unseen


def all_seeds(
    student: str,
    other: str,
    compared: RecipesCompared,
    seeds: tuple[int | None, int | None],
    noun: str = "image",
) -> tuple[str, str]:
    """What all seeds say about accuracy, for a page that shows one run of each model.

    Args:
        compared: As on Overview, adjusted for all models that the student is compared with there.
        seeds: Of the two runs shown; None if unknown, or if the other model is the teacher.

    Returns:
        A sentence, and a paragraph on its interval. Both are "" if there is one run of each, or
        without labels.
    """
    accuracy = compared.figures.get("accuracy")
    if compared.networks or accuracy is None:
        return "", ""
    own, its = seeds
    if own is None:
        runs = "one run of each"
    elif compared.seeds[1] < 2:
        runs = f"seed {own} of {student}"
    elif own == its:
        runs = f"seed {own} of each"
    else:
        runs = f"seed {own} of {student} and seed {its} of {other}"
    means = over(compared)
    seen = judged(accuracy, "a difference is seen", "no difference seen")
    return (
        f"This is {runs}. {means[:1].upper()}{means[1:]}: {student} minus {other}"
        f" {difference('accuracy', accuracy)}, {seen}.",
        f"The interval of the means is over seeds and {noun}s together."
        f" {rule(compared.comparisons)}",
    )


def pair_and_whole(finding: Finding, temperature: float, noun: str = "image") -> str:
    """Say that classes as a whole are closer together in the student, above a pair that it
    separates; "" if that is not seen."""
    overlap = finding.main.figures.get("overlap_per_image")
    if overlap is None or not overlap.seen or overlap.interval.estimate < 0:
        return ""
    return (
        f"Over all pairs of classes, matched per {noun}, {finding.student.name} keeps classes"
        f" closer together than {finding.baseline.called}. Of the single pairs at T ="
        f" {temperature:g}, it separates this one most."
    )


def how(
    student: str,
    baseline: str,
    compared: RecipesCompared,
    *,
    n: int,
    split: str,
    noun: str = "image",
) -> str:
    """The differences with their intervals over the n samples, and what these intervals are
    about."""
    differences = [
        f"{worded(name, noun)} {difference(field, compared.figures[field])}"
        for field, name in FIELDS.items()
        if field in compared.figures
    ]
    samples = counted(n, f"{split} {noun}")
    kind = f"over {samples}" if compared.networks else f"over seeds and {samples} together"
    text = f"{student} minus {baseline}, with 95% intervals {kind}: {'; '.join(differences)}."
    if compared.networks:
        return (
            text + " The intervals hold for these two models. Other seeds may give other results."
        )
    return f"{text} {rule(compared.comparisons)}"


def rule(comparisons: int) -> str:
    """When a difference between two methods counts as seen."""
    several = (
        f", with Holm's correction for {counted(comparisons, 'comparison')}"
        if comparisons > 1
        else ""
    )
    return f"A difference counts as seen if p < 0.05{several}."


def difference(field: str, figure: Difference) -> str:
    """A difference with its interval: "+4.2 points [+1.2, +7.1]" or "−0.0079 [−0.0110,
    −0.0049]"."""
    interval = figure.interval
    if _is_overlap(field):
        return with_interval(interval)
    if not has_limits(interval):
        return points(interval.estimate)
    return "{} points [{}, {}]".format(*points_with_ends(interval))


def differences_note(finding: Finding, noun: str = "image") -> tuple[str, str]:
    """What the table of `difference_rows` shows, and how to read its intervals."""
    begin = f"{finding.student.name} minus each other model"
    each = finding.against_each
    networks = [name for name, compared in each.items() if compared.networks]
    if len(networks) == len(each):
        return (
            f"{begin}, one run each, with 95% intervals over {noun}s.",
            "The intervals hold for these models. Other seeds may give other results.",
        )
    details = [rule(len(finding.compared))]
    if finding.teacher is not None:
        if len(finding.compared) > 1:
            details.append("The teacher is a question of its own, without this correction.")
        if not finding.teacher.networks:
            details.append(f"The teacher is one model: only {finding.student.name} has seeds.")
    if networks:
        details.append(
            f"One run only: {listed(networks)}. There the intervals are over {noun}s and hold for"
            " the two models compared."
        )
    return f"{begin}, with 95% intervals over seeds and {noun}s.", " ".join(details)


def difference_rows(
    student: str, compared: Mapping[str, RecipesCompared], noun: str = "image"
) -> list[dict[str, str]]:
    """A row for each model that the student is compared with: each difference, its interval and
    whether it is seen."""
    rows = []
    for name, recipes in compared.items():
        row = {
            f"{student} minus": name,
            "runs": " and ".join(map(str, (1, 1) if recipes.networks else recipes.seeds)),
        }
        for field, title in FIELDS.items():
            figure = recipes.figures.get(field)
            row[worded(title, noun)] = (
                "–" if figure is None else f"{difference(field, figure)}, {judged(figure)}"
            )
        rows.append(row)
    return rows


def _less(overlap: Difference) -> str:
    return "less" if overlap.interval.estimate < 0 else "more"


def _is_overlap(field: str) -> bool:
    return field.startswith("overlap")


def _lower_first(sentence: str) -> str:
    """A sentence as it continues after a colon: "No" becomes "no"."""
    return f"no{sentence[2:]}" if sentence.startswith("No ") else sentence
