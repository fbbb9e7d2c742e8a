"""Who is right, and how far confidence can be taken at its word, in sentences filled from data."""

from __future__ import annotations

from bickd_viz.text.numbers import (
    Interval,
    count,
    counted,
    excludes_zero,
    has_limits,
    interval_text,
    percent,
    points,
    with_interval,
)

CLEAR = 0.05


def p_text(p: float) -> str:
    """A p value with two digits: "p = 0.031", "p = 0.0042", "p < 0.0001"."""
    if p < 1e-4:
        return "p < 0.0001"
    return "p = 1" if p > 0.995 else f"p = {p:.2g}"


def outcome_title(student: str, other: str, only_student: int, only_other: int, p: float) -> str:
    """The finding of the table of who is right, as a title."""
    if not only_student and not only_other:
        return f"{_begin(student)} and {other} are right on the same samples"
    figures = f"alone on {count(only_student)}, {other} alone on {count(only_other)}"
    if p >= CLEAR:
        return f"No difference seen: {student} is right {figures}"
    if only_student > only_other:
        return f"{_begin(student)} is right more often: {figures}"
    return f"{_begin(student)} is right less often: {figures}"


def mcnemar_sentence(
    student: str, other: str, only_student: int, only_other: int, p: float, mid_p: float
) -> str:
    """What McNemar's exact p says, with the mid-p beside it, and of how many samples."""
    n = only_student + only_other
    if not n:
        return "McNemar's test says nothing here: there is no sample on which just one of the two is right."
    begin = (
        f"On {counted(n, 'sample')} just one of the two is right. If both were equally good, a split as uneven as "
        f"{count(only_student)} to {count(only_other)} would come up with McNemar's exact {p_text(p)} (mid-p: {p_text(mid_p)})"
    )
    if p >= CLEAR:
        return f"{begin}: no difference is seen between these two models."
    return f"{begin}: the difference between these two models is seen."


def classes_sentence(clear_up: int, clear_down: int, classes: int, student: str, other: str) -> str:
    """How many classes have an interval clear of 0, and how many would by chance."""
    by_chance = classes / 20
    about = f"about {by_chance:.0f}" if by_chance >= 1 else "less than one"
    found = clear_up + clear_down
    if not found:
        return (
            f"None of {counted(classes, 'class', 'classes')} differs clearly between {student} and {other}."
        )
    begin = (
        f"Of {counted(classes, 'class', 'classes')}, {student} is clearly better than {other} on {count(clear_up)} and "
        f"clearly worse on {count(clear_down)}"
    )
    if found <= 1.5 * by_chance:
        return f"{begin}; {about} of them would look so by chance alone, so read single classes with care."
    return f"{begin}; {about} of them would look so by chance alone."


def sureness_title(name: str, excess: Interval, confidence: float, accuracy: float) -> str:
    """Whether a model is too sure of itself, as a title. excess: mean confidence less accuracy."""
    figures = f"{percent(confidence)} sure on average, right on {percent(accuracy)}"
    if not has_limits(excess):
        return f"{_begin(name)} is {figures}"
    if not excludes_zero(excess):
        return f"No difference seen between how sure {name} is and how often it is right: {figures}"
    how = "too sure of itself" if excess.estimate > 0 else "too modest"
    return f"{_begin(name)} is {how}: {figures}"


def error_note(name: str, error: Interval, plain: float, chance: float, excess: Interval) -> str:
    """The calibration error with its interval, the plain formula, and what chance alone gives."""
    low = points(excess.low).removesuffix(" points") if excess.low is not None else "not available"
    return (
        f"{_begin(name)}: expected calibration error {percent(error.estimate)} {interval_text(error, 'percent')}, without what "
        f"chance adds: the plain formula gives {percent(plain)}, and {percent(chance)} for a perfectly calibrated model "
        f"as sure as this one. Confidence less accuracy "
        f"{points(excess.estimate)} ({low} to {points(excess.high)})."
    )


def gap_sentence(
    what: str, student: str, other: str, difference: Interval, *, fmt: str = "number", noun: str = "image"
) -> str:
    """A figure that is better when lower, of two models on the same samples: `difference` is student less other."""
    if difference.low is None:
        ends = points(difference.estimate) if fmt == "percent" else with_interval(difference)
    elif fmt == "percent":
        ends = f"{points(difference.estimate)}, {points(difference.low).removesuffix(' points')} to {points(difference.high)}"
    else:
        ends = with_interval(difference)
    if not has_limits(difference):
        return (
            f"{what} of these two models: {student} less {other} is {ends}; too few {noun}s for an interval."
        )
    if not excludes_zero(difference):
        return f"{what} of these two models: no difference seen between {student} and {other} ({ends})."
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
    """Where the best temperature was fitted, and what it says of the model."""
    if not reached:
        return (
            f"{_begin(name)} has no best temperature on {count(n)} {split} {noun}s: the likelihood still rises at the end of "
            "the range searched."
        )
    ends = interval_text(temperature)
    begin = f"{_begin(name)}: best temperature {temperature.estimate:.2f} {ends}, fitted on {counted(n, f'{split} {noun}')}"
    if split == shown:
        return f"{begin}. These are the samples shown, so every figure after fitting is too good: switch the split to test."
    return f"{begin}; on {shown} it is only evaluated."


def sample_title(true: str | None, said: list[tuple[str, str]]) -> str:
    """What the models say of one sample: `said` is (model, class), the teacher first."""
    groups: dict[str, list[str]] = {}
    for model, name in said:
        groups.setdefault(name, []).append(model)
    parts = []
    for name, models in groups.items():
        who = models[0] if len(models) == 1 else f"{', '.join(models[:-1])} and {models[-1]}"
        if len(groups) == 1 and len(models) > 2:
            who = "every model"
            models = [who]
        parts.append(f"{who} {'says' if len(models) == 1 else 'say'} {name}")
    words = ", ".join(parts)
    return _begin(words) if true is None else f"{_begin(true)}: {words}"


def _begin(words: str) -> str:
    return words[:1].upper() + words[1:]
