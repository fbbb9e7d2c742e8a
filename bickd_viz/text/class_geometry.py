"""Sentences under the charts of class geometry, made from the figures they stand under."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bickd_core.wording import worded
from bickd_viz.text.numbers import (
    Interval,
    count,
    counted,
    excludes_zero,
    interval_text,
    number,
    percent,
    together,
    with_interval,
)

MATCHING_HELP = (
    "A sharper softmax alone lowers every cosine, so students can be brought to the teacher's entropy (how spread the "
    "probabilities are) at T before they are compared.\n\n"
    "- **no**: every model at T, as it is.\n"
    "- **mean**: each student at the one temperature where its *mean* entropy is the teacher's. How its entropy "
    "differs from image to image stays.\n"
    "- **per image**: each image at the temperature where its entropy is the teacher's for that image. What differs "
    "then is which classes share the probability."
)


def matching_note(matching: str, noun: str = "image") -> str:
    """What a rule of matching leaves in a difference of overlaps."""
    said = {
        "none": "A sharper softmax alone lowers overlap: match the entropy to the teacher's to compare at one entropy.",
        "mean": "At matched mean entropy, models still differ in how entropy is spread over the images; matched per "
        "image, they do not.",
        "image": "",
    }[matching]
    return worded(said, noun)


def temperatures(at: float | np.ndarray) -> str:
    """One temperature, "4.83"; of some, one an image, the median: "4.83 (median)"."""
    return f"{at:.3g}" if np.ndim(at) == 0 else f"{np.median(at):.3g} (median)"


def sentence_for_unmatched(
    name: str, unreached: int, n: int, *, matching: str, temperature: float, noun: str = "image"
) -> str:
    """A warning where some or all images of a model do not have the teacher's entropy; "" where all have."""
    if not unreached:
        return ""
    if matching == "mean":
        return (
            f"No temperature gives {name} the teacher's mean entropy, so it is shown at T = {temperature:g}."
        )
    return (
        f"{name}: no temperature gives {count(unreached)} of {counted(n, noun)} the teacher's entropy, so they "
        "stand at the nearest that can be had."
    )


def figure_with_interval(name: str, found: Interval | None) -> str:
    """ "overlap 0.139 [0.130, 0.148]", or "overlap not available"."""
    if found is None:
        return f"{name} not available"
    if found.low is None:
        return f"{name} {number(found.estimate)}"
    return f"{name} {number(found.estimate)} {interval_text(found)}"


def same_class(agreement: Interval) -> str:
    """ "same top-1 class on 66.6% [64.0%, 69.0%]"."""
    return f"same top-1 class on {percent(agreement.estimate)} {interval_text(agreement, 'percent')}"


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
        student, baseline: their names.
        difference: the paired interval.
        matching: "none", "mean" or "image". The sentence names the measure, since the rules may differ in sign.

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
    return f"Of these two models {student} keeps classes {where} than {baseline} by {overlap}: {figures}."


def telling_pair_title(student: str, other: str, row: str, column: str, *, separated: bool) -> str:
    """What the pair of classes that nobody chose is: the one separated most, or, where none is, the greatest cosine."""
    if separated:
        return f"The pair that {student} separates most from {other}: {row} and {column}"
    return (
        f"{student} separates no pair of classes more than {other}; its greatest cosine: {row} and {column}"
    )


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
    taken: float = 0.0,
    noun: str = "image",
) -> str:
    """Who carries a cell: how many images carry `share` of the cosine, and what they truly are.

    true_classes: of the carriers, or None where the truth is not known.
    added, taken: what the positive parts add to a correlation and the negative ones take away; a cosine has no
    negative parts, and all of it is added.
    """
    if carriers == 0:
        return f"No {noun} gives {row} and {column} probability together in {model}."
    text = f"{counted(carriers, noun)} of {count(n)} carr{'ies' if carriers == 1 else 'y'} {share:.0%} of "
    few = taken < 0.005
    text += "it" if few else f"the {added:.2f} that {noun}s add to it, and others take {taken:.2f} away"
    if true_classes is None:
        return text + "."
    names, counts = np.unique(np.asarray(true_classes), return_counts=True)
    most = np.argsort(-counts, kind="stable")[:3]
    parts = [f"{counts[i]} {names[i]}" for i in most]
    rest = carriers - int(counts[most].sum())
    if rest:
        parts.append(f"{rest} of other classes")
    return f"{text}; {'they' if few else 'the carriers'} truly are {', '.join(parts)}."


def sentence_for_spectrum(models: Sequence[tuple[str, float]], classes: int) -> str:
    """What the eigenvalues say: effective rank of each model out of the classes used."""
    if not models:
        return ""
    ranks = together(*(rank for _, rank in models))
    listed = ", ".join(f"{name} {shown}" for (name, _), shown in zip(models, ranks, strict=True))
    return f"Effective rank out of {count(classes)}: {listed}."


def sentence_for_leakage(
    model: str, worst: str, leakage: float, limits: tuple[float, float] | None, median: float
) -> str:
    """Which class of `model` leaks most, with its limits, beside the median class."""
    shown, middle = together(leakage, median)
    ends = ""
    if limits is not None:
        low, high = together(*limits)
        ends = f" [{low}, {high}]"
    return f"In {model}, {worst} leaks most: {shown}{ends}, against {middle} for the median class."


def sentence_for_sharpness(
    models: Sequence[tuple[str, float, float | None, float | None]],
    *,
    temperature: float,
    entropy: float,
    noun: str = "image",
) -> str:
    """Overlap at T, at the teacher's mean entropy, and at its entropy for each image, the teacher first.

    models: (name, overlap at T, at matched mean entropy or None, matched per image or None).
    """
    names = [name for name, _, _, _ in models]
    rules: list[tuple[str, list[float | None]]] = [
        (f"at T = {temperature:g}", [at for _, at, _, _ in models]),
        (f"at the teacher's mean entropy, {number(entropy)} nats", [mean for _, _, mean, _ in models]),
        (f"with each {noun} at the teacher's entropy for it", [image for _, _, _, image in models]),
    ]
    said: list[str] = []
    for where, values in rules:
        reached = [(name, value) for name, value in zip(names, values, strict=True) if value is not None]
        if len(reached) > 1 or (reached and not said):
            there = together(*(value for _, value in reached))
            listed = ", ".join(f"{name} {shown}" for (name, _), shown in zip(reached, there, strict=True))
            said.append(f"{where}: {listed}")
    return f"Overlap {'; '.join(said)}." if said else ""


def sentence_for_epoch(
    epoch: int,
    models: Sequence[tuple[str, float, float | None]],
    *,
    images: int,
    unfinished: Sequence[str] = (),
) -> str:
    """The figures after one epoch: (name, overlap, accuracy or None); `unfinished` have no such epoch any more."""
    overlaps = together(*(one[1] for one in models))
    parts = []
    for (name, _, accuracy), shown in zip(models, overlaps, strict=True):
        right = "" if accuracy is None else f", {accuracy:.0%} right"
        parts.append(f"{name} overlap {shown}{right}")
    text = f"After epoch {epoch} on {counted(images, 'validation image')}: {'; '.join(parts)}."
    if unfinished:
        verb = "stands" if len(unfinished) == 1 else "stand"
        text += f" {', '.join(unfinished)} had ended by then and {verb} at the last epoch."
    return text
