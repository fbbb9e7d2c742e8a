"""Sentences for the charts of class geometry, made from their figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bickd_core.wording import worded
from bickd_viz.text.classes import isolated
from bickd_viz.text.numbers import (
    Interval,
    count,
    counted,
    estimate_text,
    excludes_zero,
    number,
    together,
    with_interval,
)

MATCHING_HELP = (
    "Sharper predictions alone lower every cosine. So you can match the students' entropy (how"
    " spread out the probabilities are) to the teacher's entropy at T.\n\n- **no**: every model at"
    " T.\n- **mean**: each student at the one temperature where its *mean* entropy equals the"
    " teacher's. Entropy can still vary differently from image to image.\n- **per image**: each"
    " image at the temperature where its entropy equals the teacher's for that image. What is left"
    " is no longer a difference in entropy, but its size still depends on the rule."
)


def matching_note(matching: str, noun: str = "image") -> str:
    """What a rule of matching does not remove from a difference of overlaps."""
    notes = {
        "none": (
            "Sharper predictions alone lower overlap. To compare at equal entropy, match the"
            " entropy to the teacher's."
        ),
        "mean": (
            "At matched mean entropy, entropy can still vary differently from image to image."
            " Matching per image removes this."
        ),
        "image": "",
    }[matching]
    return worded(notes, noun)


def at_temperature(at: float | np.ndarray) -> str:
    """ "T = 4.83", or "T = 4.83 (median)" for a temperature for each sample."""
    return f"T = {temperatures(at)}"


def temperatures(at: float | np.ndarray) -> str:
    """A temperature as text: "4.83", or the median of one for each image: "4.83 (median)"."""
    return f"{at:.3g}" if np.ndim(at) == 0 else f"{np.median(at):.3g} (median)"


def sentence_for_unmatched(
    name: str, unreached: int, n: int, *, matching: str, temperature: float, noun: str = "image"
) -> str:
    """A warning if a model cannot be matched to the teacher's entropy on some or all images, else
    ""."""
    if not unreached:
        return ""
    if matching == "mean":
        return (
            f"{name} cannot reach the teacher's mean entropy, so it is shown at T ="
            f" {temperature:g}."
        )
    return (
        f"{name} cannot reach the teacher's entropy on {count(unreached)} of {counted(n, noun)}."
        " They are shown at the nearest entropy."
    )


def figure_with_interval(name: str, interval: Interval | None) -> str:
    """ "overlap 0.139 [0.130, 0.148]", or "overlap not available"."""
    if interval is None:
        return f"{name} not available"
    return f"{name} {estimate_text(interval)}"


def same_class(agreement: Interval) -> str:
    """ "same top-1 class on 66.6% [64.0%, 69.0%]"."""
    return f"same top-1 class on {estimate_text(agreement, 'percent')}"


OVERLAPS = {
    "none": "overlap at one temperature",
    "mean": "overlap at matched mean entropy",
    "image": "overlap matched per image",
}
"""Rule of matching -> the overlap that follows from it."""


def sentence_for_gap(
    student: str,
    baseline: str,
    difference: Interval | None,
    *,
    matching: str = "none",
    noun: str = "image",
) -> str:
    """How the overlap of two models differs on the same samples.

    Args:
        student: Its name.
        baseline: Its name.
        difference: The paired interval.
        matching: "none", "mean" or "image". The sentence names it, since the difference can change
            its sign.
        noun: What a sample is called.

    Returns:
        A sentence, or "" without an interval.
    """
    if difference is None or difference.low is None or difference.high is None:
        return ""
    figures, overlap = with_interval(difference), worded(OVERLAPS[matching], noun)
    if not excludes_zero(difference):
        return (
            f"No difference in {overlap} is seen between these two models, "
            f"{student} and {baseline}: {figures}."
        )
    where = "further apart" if difference.estimate < 0 else "closer together"
    return (
        f"Of these two models, {student} keeps classes {where} than {baseline}: {overlap}"
        f" {figures}."
    )


PAIR_CHOSEN = (
    "The pair is chosen on these images, so its difference looks larger here than on other images."
)
"""How to read the default pair."""


def separated_pair_title(
    student: str, other: str, row: str, column: str, *, separated: bool
) -> str:
    """Describe the default pair: the one that the student separates most, else the one with the
    highest cosine."""
    if separated:
        return f"{row} and {column}: the pair that {student} separates most, compared with {other}"
    return f"{row} and {column}: the highest cosine ({student} separates no pair more than {other})"


def sentence_for_cell(
    model: str,
    row: str,
    column: str,
    *,
    carriers: int,
    n: int,
    true_classes: Sequence[str] | None,
    share: float = 0.8,
    added: float = 0.0,
    subtracted: float = 0.0,
    noun: str = "image",
) -> str:
    """How many images account for `share` of a cell, and their true classes.

    Args:
        model: Its name in a sentence.
        row: The row's class.
        column: The column's class.
        carriers: The number of images that account for `share`.
        n: The number of all images.
        true_classes: True classes of these images, or None if they are not known.
        share: In [0, 1].
        added: What the positive parts add to the cell.
        taken: What the negative parts subtract. Only a correlation has negative parts.
        noun: What a sample is called.
    """
    if carriers == 0:
        return f"In {model}, no {noun} gives probability to both {row} and {column}."
    text = (
        f"{count(carriers)} of {counted(n, noun)} account{'s' if carriers == 1 else ''} for"
        f" {share:.0%} of "
    )
    few = subtracted < 0.005
    text += "it." if few else f"the {added:.2f} that {noun}s add to it."
    others = "" if few else f" Other {noun}s subtract {subtracted:.2f}."
    if true_classes is None:
        return text + others
    names, counts = np.unique(np.asarray(true_classes), return_counts=True)
    most = np.argsort(-counts, kind="stable")[:3]
    of = " of class" if all(str(name).isdigit() for name in names) else ""
    parts = [f"{counts[i]}{of} {isolated(names[i])}" for i in most]
    rest = carriers - int(counts[most].sum())
    if rest:
        parts.append(f"{rest} of other classes")
    return (
        f"{text} {'Its true class' if carriers == 1 else 'Their true classes'}:"
        f" {', '.join(parts)}.{others}"
    )


def sentence_for_spectrum(models: Sequence[tuple[str, float | None, int]]) -> str:
    """The effective rank of each model, out of the classes that it uses.

    Args:
        models: (name, effective rank or None if it is not defined, classes that are not empty) of
            each.
    """
    if not models:
        return ""
    ranks = together(*(rank for _, rank, _ in models))
    same = len({classes for _, _, classes in models}) == 1
    listed = ", ".join(
        f"{name} {shown}{'' if same or rank is None else f' of {count(classes)}'}"
        for (name, rank, classes), shown in zip(models, ranks, strict=True)
    )
    return f"Effective rank{f' out of {count(models[0][2])}' if same else ''}: {listed}."


def sentence_for_class_overlap(
    model: str, worst: str, class_overlap: float, limits: tuple[float, float] | None, median: float
) -> str:
    """Which class of `model` overlaps most with the others, with its interval, and the median
    class."""
    shown, middle = together(class_overlap, median)
    ends = ""
    if limits is not None:
        low, high = together(*limits)
        ends = f" [{low}, {high}]"
    return (
        f"In {model}, {worst} overlaps most with the others: {shown}{ends}. The median class has"
        f" {middle}."
    )


def sentence_for_sharpness(
    models: Sequence[tuple[str, float, float | None, float | None]],
    *,
    temperature: float,
    entropy: float,
    noun: str = "image",
) -> str:
    """Overlap of each model at T, at the teacher's mean entropy, and at its entropy for each image.

    Args:
        models: (name, overlap at T, at matched mean entropy or None, matched per image or None),
            the teacher first.
        temperature: T.
        entropy: The teacher's mean entropy at T, in nats.
        noun: What a sample is called.
    """
    names = [name for name, _, _, _ in models]
    rules: list[tuple[str, list[float | None]]] = [
        (f"at T = {temperature:g}", [at for _, at, _, _ in models]),
        (
            f"at the teacher's mean entropy, {number(entropy)} nats",
            [mean for _, _, mean, _ in models],
        ),
        (f"with each {noun} at the teacher's entropy for it", [image for _, _, _, image in models]),
    ]
    parts: list[str] = []
    for where, values in rules:
        reached = [
            (name, value) for name, value in zip(names, values, strict=True) if value is not None
        ]
        if len(reached) > 1 or (reached and not parts):
            there = together(*(value for _, value in reached))
            listed = ", ".join(
                f"{name} {shown}" for (name, _), shown in zip(reached, there, strict=True)
            )
            parts.append(f"{where}: {listed}")
    return f"Overlap {'; '.join(parts)}." if parts else ""


def sharpness_rows(
    models: Sequence[tuple[str, float, float | None, float | None]],
    *,
    temperature: float,
    entropy: float,
    noun: str = "image",
) -> list[dict[str, str]]:
    """The figures of `sentence_for_sharpness` as a row for each model."""
    heads = (
        f"T = {temperature:g}",
        f"matched mean entropy, {number(entropy)} nats",
        f"matched per {noun}",
    )
    columns = [together(*column) for column in zip(*(values for _, *values in models), strict=True)]
    return [
        {"model": name, **{head: column[i] for head, column in zip(heads, columns, strict=True)}}
        for i, (name, *_) in enumerate(models)
    ]


def epoch_title(epoch: int, *, images: int) -> str:
    """What the figures of one epoch are about; epochs count from 1."""
    return f"After epoch {epoch} on {counted(images, 'validation image')}"


def epoch_note(ended: Sequence[str]) -> str:
    """Names the models whose training ended before this epoch; "" if there are none."""
    if not ended:
        return ""
    verb = "is" if len(ended) == 1 else "are"
    return f"{', '.join(ended)} had ended by then and {verb} shown at the last epoch."
