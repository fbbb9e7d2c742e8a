"""Sentences for the charts of similarity, made from their figures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bickd_viz.text.classes import isolated
from bickd_viz.text.numbers import (
    MINUS,
    ROUNDING,
    Interval,
    count,
    excludes_zero,
    fixed,
    has_limits,
    listed,
    number,
    together,
    with_interval,
)

NEARER_WHEN_LOW = ("procrustes",)
_MOST_NAMED = 3


def title(student: str, class_name: str, cosine: float, mean: float | None) -> str:
    """The class on which the student differs most from its teacher.

    Args:
        cosine: Of both models' columns of this class.
        mean: Over all classes, corrected for the number of images; None if unknown.
    """
    if 1 - cosine <= ROUNDING:
        return f"{student} gives every class the same probabilities as its teacher"
    among = "" if mean is None else f" (mean {mean:.2f})"
    return (
        f"In this run, {student} differs most from its teacher on {isolated(class_name)}: cosine"
        f" {cosine:.2f}{among}"
    )


def difference_sentence(
    measure: str, student: str, baseline: str, difference: Interval | None, *, noun: str = "image"
) -> str:
    """Which of two students is more similar to the teacher, paired on the same images; "" if not
    known."""
    if difference is None:
        return ""
    if difference.low is None or difference.high is None:
        return (
            f"{student} minus {baseline}: {_signed(difference.estimate)}. There are too few {noun}s"
            " for an interval."
        )
    figures = _with_ends(difference)
    if not excludes_zero(difference):
        return f"No difference seen between these two models, {student} and {baseline}: {figures}."
    nearer = (difference.estimate < 0) == (measure in NEARER_WHEN_LOW)
    degree = "more" if nearer else "less"
    return (
        f"Of these two models, {student} is {degree} similar to the teacher than {baseline}:"
        f" {figures}."
    )


def chance_sentence(
    measure: str,
    student: str,
    observed: float,
    shuffled: Sequence[float] | np.ndarray,
    p_value: float,
    *,
    alone: bool = False,
    noun: str = "image",
) -> str:
    """Whether the student nearest to chance is more similar to the teacher than shuffled images
    are.

    Args:
        measure: Name of the measure.
        student: Name of the student nearest to chance.
        observed: Its plain value, as those of the shuffles: not corrected for the number of images.
        shuffled: The values of shuffled images.
        p_value: From the shuffles.
        alone: Whether it is the only student.
        noun: What a sample is called.
    """
    values = np.asarray(shuffled, dtype=np.float64)
    low = measure in NEARER_WHEN_LOW
    best = float(values.min() if low else values.max())
    value, best_value = together(observed, best)
    shuffles = f"{count(len(values))} shuffles of the {noun}s"
    if p_value <= 1.0 / (1 + len(values)) + 1e-12:
        best_shuffle = f"best of {count(len(values))} shuffles: {best_value}"
        if alone:
            return f"{student} is beyond chance (plain value {value}, {best_shuffle})."
        return (
            f"All are beyond chance (nearest to it: {student}, plain value {value},"
            f" {best_shuffle})."
        )
    subject = student if alone else f"{student}, the nearest to chance,"
    value = f"plain value {value}"
    if p_value < 0.05:
        return f"{subject} is beyond chance: {value}, p = {p_value:.2f} from {shuffles}."
    return f"{subject} shows no difference from chance: {value}, p = {p_value:.2f} from {shuffles}."


def layers_sentence(
    student: str,
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    chance: float,
    shuffles: int,
) -> str:
    """Which layer of the student is most similar to each layer of the teacher, and what chance
    gives.

    Args:
        student: Its name.
        values: Debiased CKA [S, R], NaN where it is not defined.
        rows: Names of the teacher's layers.
        columns: Names of the student's layers.
        chance: The highest of all cells stays below it in 95% of the shuffles.
        shuffles: Their number.
    """
    values = np.asarray(values, dtype=np.float64)
    known = [i for i, line in enumerate(values) if np.isfinite(line).any()]
    if not known:
        return "Every layer is constant over these images, so there is nothing to compare."
    best = {i: int(np.nanargmax(values[i])) for i in known}
    paired = [i for i in known if rows[i] in columns]
    own = [i for i in paired if columns[best[i]] == rows[i]]
    shared = len(paired) < len(known)
    which = (
        f"the {len(paired)} layers that both have"
        if shared
        else f"the teacher's {len(paired)} layers"
    )
    text = ""
    if len(paired) == 1:
        layer = f"The teacher's layer {rows[paired[0]]}"
        text = f"{layer} is most similar to {student}'s layer " + (
            "of the same name." if own else f"{columns[best[paired[0]]]}."
        )
    elif paired and len(own) == len(paired):
        text = f"Each of {which} is most similar to {student}'s layer of the same name."
    elif paired:
        other = [i for i in paired if i not in own]
        moved = [f"{rows[i]} (most similar to {columns[best[i]]})" for i in other[:_MOST_NAMED]]
        rest = f" and {len(other) - _MOST_NAMED} more" if len(other) > _MOST_NAMED else ""
        text = (
            f"{len(own)} of {which} {'is' if len(own) == 1 else 'are'} most similar to"
            f" {student}'s layer of the same name."
            f" Exception{'s' if len(other) > 1 else ''}: {', '.join(moved)}{rest}."
        )
    same = {rows[i]: float(values[i, columns.index(rows[i])]) for i in paired}
    defined = {name: cka for name, cka in same.items() if np.isfinite(cka)}
    if defined:
        least = min(defined, key=lambda name: defined[name])
        text += f" The two models differ most at {least} (CKA {fixed(defined[least], 2)})."
    if len(defined) < len(same):
        constant = listed([name for name in same if name not in defined])
        text += f" CKA is not defined at {constant}, where {student} is constant over these images."
    above = int((values > chance).sum())
    total = int(np.isfinite(values).sum())
    verdict = "All cells are" if above == total else f"{above} of {total} cells are"
    text += (
        f" {verdict} above chance: in 95% of {count(shuffles)} shuffles, no cell reached"
        f" {number(chance)}."
    )
    return text.strip()


def layer_differences(
    student: str, baseline: str, differences: Sequence[tuple[str, Interval]]
) -> str:
    """At which layers the student is more, or less, similar to the teacher than another student.

    Args:
        student: Its name.
        baseline: Name of the other student.
        differences: (layer, paired difference) of each layer.
    """
    more = [
        f"{name} ({_with_ends(d)})"
        for name, d in differences
        if excludes_zero(d) and d.estimate > 0
    ]
    less = [
        f"{name} ({_with_ends(d)})"
        for name, d in differences
        if excludes_zero(d) and d.estimate < 0
    ]
    unseen = [name for name, d in differences if has_limits(d) and not excludes_zero(d)]
    parts = []
    if more:
        parts.append(f"more similar to the teacher than {baseline} at {', '.join(more)}")
    if less:
        parts.append(
            f"less similar at {', '.join(less)}"
            if more
            else f"less similar to the teacher than {baseline} at {', '.join(less)}"
        )
    if not parts and not unseen:
        return (
            f"There are too few images for an interval between the layers of {student} and"
            f" {baseline}."
        )
    if not parts:
        return (
            f"No difference seen between these two models, {student} and {baseline}, at any layer"
            " of the same name."
        )
    rest = f" No difference seen at {', '.join(unseen)}." if unseen else ""
    return f"Of these two models, {student} is {' and '.join(parts)}.{rest}"


def _with_ends(difference: Interval) -> str:
    """A difference with its sign and its interval: "+0.0014 [−0.0042, 0.0071]"."""
    text = with_interval(difference)
    is_zero = not text.partition(" ")[0].strip("0.")
    return f"+{text}" if difference.estimate > 0 and not is_zero else text


def _signed(value: float) -> str:
    return f"+{number(value)}" if value > 0 else number(value).replace("-", MINUS)
