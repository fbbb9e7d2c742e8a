"""Sentences about which of two models is right, and about calibration."""

from __future__ import annotations

from collections.abc import Sequence

from bickd_viz.text.numbers import (
    Interval,
    count,
    counted,
    estimate_text,
    excludes_zero,
    has_limits,
    listed,
    percent,
    points,
    points_with_ends,
    sentence_begin,
    with_interval,
)

CLEAR = 0.05


def p_text(p: float) -> str:
    """A p value with two digits: "p = 0.031", "p = 0.0042", "p < 0.0001". Beside 0.05 it has more,
    so that its side shows: "p = 0.0498"."""
    if p < 1e-4:
        return "p < 0.0001"
    if p > 0.995:
        return "p = 1"
    digits = next((n for n in range(2, 8) if float(f"{p:.{n}g}") != 0.05), 2)
    return f"p = {p:.{digits}g}"


def outcome_title(
    student: str, other: str, only_student: int, only_other: int, p: float, noun: str = "image"
) -> str:
    """The finding of the table of who is right, as a title. It is about two networks, not about
    their methods."""
    if not only_student and not only_other:
        return f"{sentence_begin(student)} and {other} are right on the same {noun}s"
    if p >= CLEAR:
        return f"No difference seen in how often these two models, {student} and {other}, are right"
    more = "more" if only_student > only_other else "less"
    return f"Of these two models, {student} is right {more} often than {other}"


def outcome_note(
    student: str, other: str, only_student: int, only_other: int, noun: str = "image"
) -> str:
    """On how many samples just one of the two is right."""
    return (
        f"Only {student} is right on {counted(only_student, noun)}, only {other} on"
        f" {count(only_other)}."
    )


def mcnemar_sentence(
    student: str,
    other: str,
    only_student: int,
    only_other: int,
    p: float,
    mid_p: float,
    noun: str = "image",
) -> str:
    """The result of McNemar's exact test, with the mid-p and the number of samples."""
    n = only_student + only_other
    if not n:
        return (
            "McNemar's test cannot be used here, because the two models are right on the same"
            f" {noun}s."
        )
    begin = (
        f"On {counted(n, noun)}, exactly one of the two is right ({count(only_student)} to"
        f" {count(only_other)}). McNemar's exact test: {p_text(p)} (mid-p: {p_text(mid_p)})"
    )
    if p >= CLEAR:
        return f"{begin}, so no difference is seen between these two models."
    return f"{begin}, so a difference between these two models is seen."


def classes_sentence(clear_up: int, clear_down: int, classes: int, student: str, other: str) -> str:
    """How many classes have an interval that excludes 0, and how many would have one by chance."""
    by_chance = classes / 20
    expected = (
        f"About {by_chance:.0f} such differences are expected by chance"
        if by_chance >= 1.5
        else (
            "About one such difference is expected by chance"
            if by_chance >= 1
            else "Fewer than one such difference is expected by chance"
        )
    )
    clear = clear_up + clear_down
    if not clear:
        return (
            f"None of {counted(classes, 'class', 'classes')} differs clearly between these two"
            f" models, {student} and {other}."
        )
    begin = (
        f"Of these two models, {student} is clearly better than {other} on {count(clear_up)} of"
        f" {counted(classes, 'class', 'classes')} and clearly worse on {count(clear_down)}"
    )
    if clear <= 1.5 * by_chance:
        return f"{begin}. {expected}, so read single classes with care."
    return f"{begin}. {expected}."


def sureness_title(name: str, excess: Interval, confidence: float, accuracy: float) -> str:
    """Whether a model is overconfident, as a title.

    Args:
        name: Its name in a sentence.
        excess: Mean confidence minus accuracy.
        confidence: Mean confidence.
        accuracy: Accuracy.
    """
    figures = f"mean confidence {percent(confidence)}, accuracy {percent(accuracy)}"
    if not has_limits(excess):
        return f"{sentence_begin(name)}: {figures}"
    if not excludes_zero(excess):
        return (
            f"No difference seen between mean confidence ({percent(confidence)}) and accuracy"
            f" ({percent(accuracy)}) of {name}"
        )
    how = "overconfident" if excess.estimate > 0 else "underconfident"
    return f"{sentence_begin(name)} is {how}: {figures}"


def error_note(error: Interval, excess: Interval) -> str:
    """The calibration error, and confidence minus accuracy, with their intervals."""
    figures = points(excess.estimate)
    if has_limits(excess):
        figures = "{} points ({} to {} points)".format(*points_with_ends(excess))
    return (
        f"Expected calibration error (ECE): {estimate_text(error, 'percent')}. Confidence minus"
        f" accuracy: {figures}."
    )


def error_detail(plain: float, chance: float) -> str:
    """How the calibration error is corrected for chance."""
    return (
        f"ECE is corrected for chance. The plain formula gives {percent(plain)}. It would give"
        f" {percent(chance)} for a perfectly calibrated model with the same confidence."
    )


def gap_sentence(
    what: str,
    student: str,
    other: str,
    difference: Interval,
    *,
    fmt: str = "number",
    noun: str = "image",
) -> str:
    """Compare a figure of two models on the same samples. Lower is better. `difference`: student
    minus other."""
    if fmt != "percent":
        ends = with_interval(difference)
    elif has_limits(difference):
        ends = "{} points, {} to {} points".format(*points_with_ends(difference))
    else:
        ends = points(difference.estimate)
    if not has_limits(difference):
        return (
            f"{what} of these two models: {student} minus {other} is {ends}. There are too few"
            f" {noun}s for an interval."
        )
    if not excludes_zero(difference):
        return (
            f"{what} of these two models: no difference seen between {student} and {other}"
            f" ({ends})."
        )
    where = "lower (better)" if difference.estimate < 0 else "higher (worse)"
    return f"{what} of these two models: {student} is {where} than {other} ({ends})."


def temperature_sentence(
    name: str,
    temperature: Interval,
    *,
    split: str,
    n: int,
    shown: str,
    reached: bool,
    noun: str = "image",
) -> str:
    """The best temperature of a model, and where it was fitted."""
    if not reached:
        return (
            f"{sentence_begin(name)} has no best temperature on {count(n)} {split} {noun}s: the"
            " likelihood still rises at the end of the search range."
        )
    begin = (
        f"{sentence_begin(name)}: best temperature {estimate_text(temperature)}, fitted on"
        f" {counted(n, f'{split} {noun}')}"
    )
    if split == shown:
        return (
            f"{begin}. The figures are for the same samples, so they are too optimistic. Switch the"
            " split to test."
        )
    return f"{begin} and evaluated on {shown}."


def seen_temperature_sentence(names: Sequence[str]) -> str:
    """That imported networks were probably trained on validation; "" without names.

    Args:
        names: the imported networks whose temperature was fitted there, as called in a sentence.
    """
    if not names:
        return ""
    verb, again = ("were", "they were") if len(names) > 1 else ("was", "it was")
    return (
        f"{sentence_begin(listed(names))} {verb} imported, so {again} probably trained on these"
        " images: the best temperature for new images may be higher."
    )


def sample_title(true: str | None, predictions: list[tuple[str, str]]) -> str:
    """The predictions for one sample, as a title.

    Args:
        true: The true class, or None if it is unknown.
        predictions: (model, predicted class) of each model, the teacher first.
    """
    groups: dict[str, list[str]] = {}
    for model, name in predictions:
        groups.setdefault(name, []).append(model)
    parts = []
    for name, models in groups.items():
        subject = models[0] if len(models) == 1 else f"{', '.join(models[:-1])} and {models[-1]}"
        if len(groups) == 1 and len(models) > 2:
            subject = "every model"
            models = [subject]
        parts.append(f"{subject} {'predicts' if len(models) == 1 else 'predict'} {name}")
    text = ", ".join(parts)
    return sentence_begin(text if true is None else f"{true}: {text}")
