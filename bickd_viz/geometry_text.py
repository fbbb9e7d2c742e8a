"""Sentences under the charts of class geometry, made from the figures they stand under."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bickd_viz.text import (
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


def sentence_for_gap(student: str, baseline: str, difference: Interval | None) -> str:
    """How the overlap of two models differs on the same images, from the paired interval; "" where there is none."""
    if difference is None or difference.low is None or difference.high is None:
        return ""
    figures = with_interval(difference)
    if not excludes_zero(difference):
        return f"No difference in overlap from {baseline} is seen on the same images: {figures}."
    where = "further apart" if difference.estimate < 0 else "closer together"
    return f"{student} keeps classes {where} than {baseline} on the same images: {figures}."


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
    images: int,
    true_classes: Sequence[str] | None,
    share: float = 0.8,
    added: float = 0.0,
    taken: float = 0.0,
) -> str:
    """Who carries a cell: how many images carry `share` of the cosine, and what they truly are.

    true_classes: of the carriers, or None where the truth is not known.
    added, taken: what the positive parts add to a correlation and the negative ones take away; a cosine has no
    negative parts, and all of it is added.
    """
    if carriers == 0:
        return f"No image gives {row} and {column} probability together in {model}."
    text = f"{counted(carriers, 'image')} of {count(images)} carr{'ies' if carriers == 1 else 'y'} {share:.0%} of "
    few = taken < 0.005
    text += "it" if few else f"the {added:.2f} that images add to it, and others take {taken:.2f} away"
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
    """What the eigenvalues say: effective rank of each model out of the classes used, the highest named."""
    if not models:
        return ""
    ranks = together(*(rank for _, rank in models))
    listed = ", ".join(f"{name} {shown}" for (name, _), shown in zip(models, ranks, strict=True))
    best = max(models, key=lambda one: one[1])[0]
    text = f"Effective rank out of {count(classes)}: {listed}."
    if len(models) > 1 and len(set(ranks)) > 1:
        text += f" {best[:1].upper()}{best[1:]} spreads its classes over the most directions."
    return text


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
    models: Sequence[tuple[str, float, float | None]], *, temperature: float, entropy: float
) -> str:
    """Overlap at T and at the teacher's entropy, the teacher first: (name, overlap, overlap there or None)."""
    if not models:
        return ""
    plain = together(*(one[1] for one in models))
    listed = ", ".join(f"{one[0]} {shown}" for one, shown in zip(models, plain, strict=True))
    text = f"Overlap at T = {temperature:g}: {listed}."
    reached = [(name, at) for name, _, at in models if at is not None]
    if len(reached) > 1:
        there = together(*(at for _, at in reached))
        listed = ", ".join(f"{name} {shown}" for (name, _), shown in zip(reached, there, strict=True))
        text += f" At the teacher's mean entropy, {number(entropy)} nats: {listed}."
    return text


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
