"""Numbers as text, and sentences made from results.

An interval is any object with `estimate`, `low` and `high`. A difference is "seen" if its paired
interval excludes 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, TypeGuard

MINUS = "−"
ROUNDING = 1e-6
"""Differences up to this size come from rounding: logits are stored in single precision."""


class Interval(Protocol):
    """An estimate with its 95% interval."""

    @property
    def estimate(self) -> float: ...

    @property
    def low(self) -> float | None: ...

    @property
    def high(self) -> float | None: ...


def _signed(text: str) -> str:
    """A number with a real minus, and without a sign if it is rounded to 0."""
    zero = not any(digit in text for digit in "123456789")
    return text.lstrip("+-") if zero else text.replace("-", MINUS)


def _finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def _decimals(value: float) -> int:
    size = abs(value)
    if size >= 100:
        return 0
    if size >= 10:
        return 1
    if size >= 1:
        return 2
    if size >= 0.01 or size == 0:
        return 3
    return min(8, 2 - math.floor(math.log10(size)))


def number(value: float | None) -> str:
    """Three significant digits: 1,208; 12.3; 1.23; from 0.01 to 1 three decimals (0.090); 0.00312;
    2.1e−06.

    >>> number(0.0898), number(1208), number(-0.00312)
    ('0.090', '1,208', '−0.00312')
    """
    if not _finite(value):
        return "not available"
    if 0 < abs(value) < 1e-4:
        return _signed(f"{value:.1e}")
    return _signed(f"{value:,.{_decimals(value)}f}")


def percent(value: float | None, decimals: int = 1) -> str:
    """A fraction as a percentage: 0.704 -> "70.4%"."""
    return _signed(f"{100 * value:.{decimals}f}%") if _finite(value) else "not available"


def percent_number(value: float, decimals: int = 1) -> float:
    """A fraction in per cent as a number, for tables that the browser formats. The browser would
    round 83.25 up, and `percent` does not.

    >>> percent_number(0.8325), percent(0.8325)
    (83.2, '83.2%')
    """
    return round(100 * value, decimals)


def fixed(value: float, decimals: int = 3) -> str:
    """A number with fixed decimals, for charts where all have the same.

    >>> fixed(0.5), fixed(-0.0368), fixed(-0.0001)
    ('0.500', '−0.037', '0.000')
    """
    return _signed(f"{value:.{decimals}f}")


def signed(value: float, decimals: int = 3) -> str:
    """A difference with its sign. One that is rounded to 0 has none.

    >>> signed(-0.0368), signed(0.5), signed(-0.0001)
    ('−0.037', '+0.500', '0.000')
    """
    return _signed(f"{value:+.{decimals}f}")


def points(value: float | None, decimals: int = 1) -> str:
    """A difference of two fractions in percentage points, with its sign: 0.032 -> "+3.2 points"."""
    if not _finite(value):
        return "not available"
    text = _signed(f"{100 * value:+.{decimals}f}")
    return f"{text} points"


def points_with_ends(difference: Interval) -> list[str]:
    """A difference of two fractions and the ends of its interval, in percentage points without
    their unit.

    They have one decimal, or more if an end would round to 0: the text must not say 0 if the
    interval excludes it.

    >>> from types import SimpleNamespace
    >>> points_with_ends(SimpleNamespace(estimate=0.024, low=0.0004, high=0.0476))
    ['+2.40', '+0.04', '+4.76']
    """
    ends = [end for end in (difference.low, difference.high) if _finite(end)]
    decimals = 1
    while any(abs(end) > ROUNDING and not round(100 * end, decimals) for end in ends):
        decimals += 1
    return [signed(100 * value, decimals) for value in (difference.estimate, *ends)]


def count(value: int) -> str:
    """A whole number with thousands separators: 1208 -> "1,208"."""
    return f"{int(value):,}"


def counted(value: int, noun: str, plural: str = "") -> str:
    """A count with its noun: 1 -> "1 image", 1208 -> "1,208 images"."""
    return f"{count(value)} {noun if value == 1 else plural or noun + 's'}"


def together(*values: float | None) -> list[str]:
    """Format numbers with the same decimals: as many as the largest needs, more if unequal numbers
    would look equal.

    >>> together(0.0898, 0.1751), together(0.0901, 0.0904)
    (['0.090', '0.175'], ['0.0901', '0.0904'])
    """
    known = [v for v in values if _finite(v)]
    if not known:
        return [number(v) for v in values]
    decimals = _decimals(max(known, key=abs))
    distinct = len({f"{v:.6f}" for v in known})
    while decimals < 6 and len({f"{v:.{decimals}f}" for v in known}) < distinct:
        decimals += 1
    return [_signed(f"{v:,.{decimals}f}") if _finite(v) else number(v) for v in values]


def interval_text(interval: Interval, fmt: str = "number") -> str:
    """The ends of an interval: "[0.080, 0.089]", or "[62.1%, 66.9%]" with fmt "percent"; "" without
    ends."""
    if not (_finite(interval.low) and _finite(interval.high)):
        return ""
    if fmt == "percent":
        return f"[{percent(interval.low)}, {percent(interval.high)}]"
    low, high = together(interval.low, interval.high)
    return f"[{low}, {high}]"


def estimate_text(interval: Interval, fmt: str = "number") -> str:
    """An estimate with its interval: "0.084 [0.080, 0.089]"; alone if it has no interval."""
    shown = percent(interval.estimate) if fmt == "percent" else number(interval.estimate)
    ends = interval.low, interval.high
    if fmt != "percent" and all(map(_finite, ends)):
        low, high = together(*ends)
        if not _number_in(low) <= _number_in(shown) <= _number_in(high):
            shown = together(interval.estimate, *ends)[
                0
            ]  # an estimate is never shown outside its interval
    return f"{shown} {interval_text(interval, fmt)}".rstrip()


def _number_in(text: str) -> float:
    return float(text.replace(MINUS, "-").replace(",", ""))


def with_interval(difference: Interval) -> str:
    """A difference with its interval: "0.004 [−0.003, 0.010]".

    The decimals show two digits of the interval's width, or more if an end would round to 0.
    """
    ends = [v for v in (difference.low, difference.high) if _finite(v)]
    if len(ends) < 2 or ends[0] == ends[1]:
        return estimate_text(difference)
    decimals = min(8, max(0, 1 - math.floor(math.log10(abs(ends[1] - ends[0])))))
    while decimals < 8 and any(v and not round(v, decimals) for v in ends):
        decimals += 1
    estimate, low, high = (
        _signed(f"{v + 0.0:,.{decimals}f}") for v in (difference.estimate, *ends)
    )
    return f"{estimate} [{low}, {high}]"


def with_deviation(mean: float, deviation: float | None, seeds: int, fmt: str = "number") -> str:
    """Mean and standard deviation over seeds: "63.2% ± 0.4 (3 seeds)"; one seed has no
    deviation."""
    if seeds < 2 or not _finite(deviation):
        shown = percent(mean) if fmt == "percent" else number(mean)
        return f"{shown} ({counted(seeds, 'seed')})"
    if fmt == "percent":
        return f"{percent(mean)} ± {100 * deviation:.1f} ({seeds} seeds)"
    decimals = _decimals(mean)
    return f"{number(mean)} ± {deviation:.{decimals}f} ({seeds} seeds)"


def listed(names: Sequence[str], word: str = "and") -> str:
    """Names in a sentence.

    >>> listed(["CE", "KD", "DIST"]), listed(["CE", "KD"], "or"), listed(["CE"])
    ('CE, KD and DIST', 'CE or KD', 'CE')
    """
    return f" {word} ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def duration(seconds: float | None) -> str:
    """A rough length of time: "a few seconds", "about 40 s", "about 2 min", "about 1 h 20 min"."""
    if not _finite(seconds) or seconds < 0:
        return "unknown"
    if seconds < 5:
        return "a few seconds"
    if seconds < 57.5:
        return f"about {5 * round(seconds / 5)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {max(minutes, 1)} min"
    if seconds < 36 * 3600:
        hours, rest = divmod(10 * round(seconds / 600), 60)
        return (
            f"about {hours} h {rest} min"
            if rest and hours < 10
            else f"about {hours + (rest >= 30)} h"
        )
    return f"about {round(seconds / 86400)} days"


def sentence_begin(text: str) -> str:
    """Return the begin of a sentence: "The teacher" for "the teacher". Names stay as they are.

    >>> sentence_begin("the teacher is"), sentence_begin("kd_run2 is")
    ('The teacher is', 'kd_run2 is')
    """
    return text[:1].upper() + text[1:] if text.split(" ")[0] in ("the", "every") else text


def has_limits(interval: Interval | None) -> bool:
    """Whether there is an interval. Too few images give only an estimate, which cannot show a
    difference."""
    return interval is not None and interval.low is not None and interval.high is not None


def excludes_zero(difference: Interval | None) -> bool:
    """Whether a paired interval is entirely above or entirely below 0, by more than rounding."""
    if difference is None or difference.low is None or difference.high is None:
        return False
    low, high = difference.low, difference.high
    return (low > 0 or high < 0) and max(abs(low), abs(high)) > ROUNDING


def comparison_sentence(
    what: str,
    student: str,
    baseline: str,
    values: tuple[float, float],
    difference: Interval | None,
) -> str:
    """Compare a fraction (accuracy, agreement) of two models on the same samples.

    Args:
        values: the student's and the baseline's.
    """
    student_value, baseline_value = map(percent, values)
    figures = f"{student_value} against {baseline_value}"
    if difference is None or not has_limits(difference):
        return f"{what}: {student} {student_value}, {baseline} {baseline_value}."
    estimate, low, high = points_with_ends(difference)
    ends = f"{estimate} points, {low} to {high} points"
    if not excludes_zero(difference):
        return f"{what}: no difference seen between {student} and {baseline}, {figures} ({ends})."
    where = "higher" if difference.estimate > 0 else "lower"
    return f"{what}: {student} is {where} than {baseline}, {figures} ({ends})."


def sentence_for_map(
    *,
    method: str,
    shown: int,
    total: int,
    seed: int | None = None,
    started_from_teacher: bool = False,
    trustworthiness: float | None = None,
    noun: str = "image",
) -> str:
    """How a map was made, how many samples it shows, and what it cannot show."""
    text = f"{method} of the square roots of the probabilities"
    text += "." if seed is None else f", seed {seed}."
    if started_from_teacher:
        text += " Each student's map starts from the teacher's coordinates."
    text += f" {count(shown)} of {counted(total, noun)}."
    if _finite(trustworthiness):
        text += f" Trustworthiness {trustworthiness:.2f}."
    if method.upper() == "PCA":
        return text + " Only two directions are shown: neighbours on the map may be far apart."
    return text + " Distances between far groups mean little."
