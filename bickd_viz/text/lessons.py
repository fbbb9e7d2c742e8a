"""The one sentence under each lesson's chart, made from the numbers on the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bickd_viz.text.numbers import (
    Interval,
    counted,
    excludes_zero,
    has_limits,
    number,
    percent,
    together,
    with_interval,
)


def sentence_for_temperature(
    *,
    truth: str,
    first: str,
    probability: float,
    entropy: float,
    overlap: float | None,
    temperature: float,
    n: int,
    split: str,
    noun: str = "image",
) -> str:
    """One image and all of them at one T. entropy: as a share of log C. truth: "" where it is not known."""
    if not truth:
        about = f"The teacher says {first}"
    elif truth == first:
        about = f"The teacher is right to say {first}"
    else:
        about = f"The teacher says {first}, but the {noun} is of class {truth}"
    sure = f"at T = {temperature:g} it gives {first} {percent(probability, 0)}"
    spread = f"the entropy of this {noun} is {percent(entropy, 0)} of the most possible"
    text = f"{about}: {sure}, {spread}"
    if overlap is None:
        return text + "."
    return text + f", and over all {counted(n, f'{split} {noun}')} its classes overlap by {number(overlap)}."


def sentence_for_matching(
    name: str,
    other: str,
    now: tuple[float, float],
    matched: Sequence[tuple[str, tuple[float, float] | None, Interval | None]],
    *,
    temperature: float,
    n: int,
    split: str,
    noun: str = "image",
) -> str:
    """Two models' overlap (model, other) at one T and at the teacher's entropy, and how much of the gap is left there.

    matched: for each rule of matching what it is called ("at matched mean entropy"), the two overlaps (None where a model
        cannot be matched), and their paired difference; an interval that holds 0 is no difference seen.
    """
    ours, theirs = together(*now)
    where = f"On {counted(n, f'{split} {noun}')} at T = {temperature:g}"
    parts = [f"{where} the classes of {name} overlap by {ours}, those of {other} by {theirs}"]
    for rule, both, difference in matched:
        if both is None:
            parts.append(f"{rule} one of them cannot be had")
            continue
        a, b = together(*both)
        left = _left(now[0] - now[1], both[0] - both[1], difference)
        parts.append(f"{rule} by {a} and {b}{f' ({left})' if left else ''}")
    return "; ".join(parts) + "."


def _left(gap: float, left: float, difference: Interval | None) -> str:
    """What is left of a gap."""
    if has_limits(difference) and not excludes_zero(difference):
        return "no difference seen"
    if abs(gap) < 1e-9:
        return ""
    if gap * left < 0:
        return "the gap turns round"
    return f"{percent(min(left / gap, 9.99), 0)} of the gap is left"


def sentence_for_cost(
    name: str,
    other: str,
    accuracy: tuple[float, float, float] | None,
    kl: tuple[float, float] | None,
    calibration: tuple[float, float] | None,
    overlap: Interval | None = None,
    noun: str = "image",
) -> str:
    """What goes with the lower overlap. accuracy: difference in fractions with the ends of its interval.

    overlap: the paired difference, matched per image.
    """
    parts = []
    if overlap is not None:
        parts.append(f"overlap matched per {noun} {with_interval(overlap)}")
    if accuracy is not None:
        estimate, low, high = (100 * v for v in accuracy)
        ends = f"{estimate:+.1f} points [{low:+.1f}, {high:+.1f}]".replace("-", "−")
        seen = "no difference seen in accuracy, " if low <= 0 <= high else "accuracy "
        parts.append(seen + ends)
    if kl is not None:
        parts.append("KL to the teacher {} against {} nats".format(*together(*kl)))
    if calibration is not None:
        parts.append("calibration error (T = 1) {} against {}".format(*(percent(v) for v in calibration)))
    return f"{name} beside {other}, one run each: " + "; ".join(parts) + "." if parts else ""


def sentence_for_pulls(
    same_way: Mapping[tuple[str, str], float],
    on_differing: Mapping[str, float],
    differs: float,
    *,
    n: int,
    split: str,
    noun: str = "image",
) -> str:
    """How alike the three gradients are, and where each pulls."""
    dist, bickd = same_way["kd", "dist"], same_way["kd", "bickd"]
    kd, dist_share, bickd_share = (percent(on_differing[name], 0) for name in ("kd", "dist", "bickd"))
    return (
        f"On these {counted(n, f'{split} {noun}')} BicKD's pull {_direction(bickd)} KD's (cosine {_signed(bickd)}), DIST's {_direction(dist)} it "
        f"({_signed(dist)}). The {percent(differs, 0)} of the batch on which student and teacher name different classes "
        f"get {kd} of KD's pull, {dist_share} of DIST's and {bickd_share} of BicKD's. Warm cells are to rise, cool ones to fall."
    )


def _signed(cosine: float) -> str:
    return f"{cosine:.2f}".replace("-", "−")


def _direction(cosine: float) -> str:
    if cosine >= 0.9:
        return "goes nearly the same way as"
    if cosine >= 0.5:
        return "goes partly the way of"
    if cosine > -0.1:
        return "has little to do with"
    return "works against"


def sentence_for_seeds(
    *,
    n: int,
    displacement: float,
    neighbours: int,
    trust: Sequence[float],
    pair: tuple[str, str],
    distances: Sequence[float],
) -> str:
    """What five seeds did to one map, distances in layout widths."""
    low, high = together(float(np.min(distances)), float(np.max(distances)))
    worst, best = together(float(np.min(trust)), float(np.max(trust)))
    return (
        f"The same {counted(n, 'image')} at n_neighbors = {neighbours}: between two seeds a point moves "
        f"{number(displacement)} layout widths on average, turning and mirroring taken out. {pair[0]} and {pair[1]} lie {low} widths "
        f"apart under one seed and {high} under another, while each map keeps its neighbours "
        f"(trustworthiness {worst} to {best})."
    )
