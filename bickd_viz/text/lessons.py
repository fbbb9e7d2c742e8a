"""The sentence below each lesson's chart, made from the numbers on the screen."""

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
    points_with_ends,
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
    """One image, and all images, at one temperature.

    Args:
        truth: True class, or "" if it is not known.
        first: The teacher's top-1 class.
        probability: Its probability.
        entropy: As a share of log C.
        overlap: Over all images, or None.
        temperature: T.
        n: Number of images.
        split: Their split.
        noun: What a sample is called.
    """
    if not truth:
        prediction = f"The teacher predicts {first}."
    elif truth == first:
        prediction = f"The teacher predicts {first}, which is right."
    else:
        prediction = f"The teacher predicts {first}, but the true class is {truth}."
    text = (
        f"{prediction} At T = {temperature:g}, {first} has a probability of"
        f" {percent(probability, 0)}, and the entropy of this {noun} is {percent(entropy, 0)} of"
        " its maximum."
    )
    if overlap is None:
        return text
    return (
        text + f" Over all {counted(n, f'{split} {noun}')}, the overlap of the classes is"
        f" {number(overlap)}."
    )


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
    """The overlap of two models at one T and at the teacher's entropy, and how much of the gap is
    left.

    Args:
        name: The first model.
        other: The second model.
        now: Their overlaps at T.
        matched: For each rule of matching: its name ("at matched mean entropy"), the two overlaps
            (None if a model cannot be matched), and their paired difference. If its interval holds
            0, no difference is seen.
        temperature: T.
        n: Number of images.
        split: Their split.
        noun: What a sample is called.
    """
    first, second = together(*now)
    where = f"{counted(n, f'{split} {noun}')} at T = {temperature:g}"
    parts = [f"Overlap on {where}: {name} {first}, {other} {second}."]
    for rule, both, difference in matched:
        begin = rule[:1].upper() + rule[1:]
        if both is None:
            parts.append(f"{begin}: not available for one of them.")
            continue
        a, b = together(*both)
        left = _left(now[0] - now[1], both[0] - both[1], difference)
        parts.append(f"{begin}: {a} and {b}{f' ({left})' if left else ''}.")
    return " ".join(parts)


def _left(gap: float, left: float, difference: Interval | None) -> str:
    """How much of a gap is left."""
    if has_limits(difference) and not excludes_zero(difference):
        return "no difference seen"
    if abs(gap) < 1e-9:
        return ""
    if gap * left < 0:
        return "the gap changes its sign"
    return f"{percent(min(left / gap, 9.99), 0)} of the gap is left"


def sentence_for_cost(
    name: str,
    other: str,
    accuracy: Interval | None,
    kl: tuple[float, float] | None,
    calibration: tuple[float, float] | None,
    overlap: Interval | None = None,
    noun: str = "image",
) -> str:
    """What comes with the lower overlap.

    Args:
        name: The first model.
        other: The second model.
        accuracy: The paired difference in fractions.
        kl: KL from the teacher of both models, in nats.
        calibration: Calibration error of both models.
        overlap: The paired difference, matched per image.
        noun: What a sample is called.
    """
    parts = []
    if overlap is not None:
        parts.append(f"overlap matched per {noun} {with_interval(overlap)}")
    if accuracy is not None and has_limits(accuracy):
        seen = "accuracy " if excludes_zero(accuracy) else "no difference seen in accuracy, "
        parts.append(seen + "{} points [{}, {}]".format(*points_with_ends(accuracy)))
    if kl is not None:
        parts.append("KL to the teacher {} against {} nats".format(*together(*kl)))
    if calibration is not None:
        parts.append(
            "calibration error (T = 1) {} against {}".format(*(percent(v) for v in calibration))
        )
    if not parts:
        return ""
    return (
        f"{name} compared with {other}, one run each, so this is about these two models and not"
        f" about their methods: {'; '.join(parts)}."
    )


def sentence_for_pulls(
    same_way: Mapping[tuple[str, str], float],
    on_differing: Mapping[str, float],
    differs: float,
    *,
    part: str = "bickd",
    n: int,
    split: str,
    noun: str = "image",
) -> str:
    """How similar the three gradients are, and which images they act on.

    Args:
        part: the part of BicKD that is shown: "bickd" for the whole, "sample" or "class".
    """
    dist, bickd = same_way["kd", "dist"], same_way["kd", part]
    kd, dist_share, bickd_share = (percent(on_differing[name], 0) for name in ("kd", "dist", part))
    shown = {"bickd": "BicKD", "sample": "BicKD's row contrast", "class": "BicKD's column contrast"}
    owner = {"bickd": "BicKD's", "sample": "the row contrast's", "class": "the column contrast's"}
    return (
        f"On these {counted(n, f'{split} {noun}')}, {shown[part]} pulls {_direction(bickd)} KD"
        f" (cosine {_signed(bickd)}). DIST pulls {_direction(dist)} KD ({_signed(dist)})."
        f" Student and teacher disagree on {percent(differs, 0)} of the batch. These {noun}s get"
        f" {kd} of KD's pull, {dist_share} of DIST's and {bickd_share} of {owner[part]}."
        " Warm cells should rise, cool cells should fall. A dot marks the true class."
    )


def _signed(cosine: float) -> str:
    return f"{cosine:.2f}".replace("-", "−")


def _direction(cosine: float) -> str:
    if cosine >= 0.9:
        return "in nearly the same direction as"
    if cosine >= 0.5:
        return "partly in the same direction as"
    if cosine > -0.1:
        return "in a direction with little relation to"
    return "against"


def sentence_for_seeds(
    *,
    n: int,
    displacement: float,
    neighbours: int,
    trust: Sequence[float],
    pair: tuple[str, str],
    distances: Sequence[float],
) -> str:
    """How much five seeds change one map, with distances in map widths."""
    low, high = together(float(np.min(distances)), float(np.max(distances)))
    worst, best = together(float(np.min(trust)), float(np.max(trust)))
    return (
        f"The same {counted(n, 'image')}, n_neighbors = {neighbours}: between two seeds, a point"
        f" moves {number(displacement)} map widths on average, after rotation, mirroring and scale"
        f" are removed. {pair[0]} and {pair[1]} are {low} widths apart with one seed and {high}"
        f" with another. Still, most neighbours on each map are real ones (trustworthiness {worst}"
        f" to {best})."
    )
