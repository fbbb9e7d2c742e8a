"""Wording: each outcome of the data has its own sentence."""

import doctest
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_viz.text import numbers


@dataclass(frozen=True)
class Between:
    estimate: float
    low: float
    high: float


def test_doctests():
    result = doctest.testmod(numbers)
    assert result.attempted >= 2
    assert result.failed == 0


def test_an_interval_that_touches_zero_shows_no_difference():
    assert not numbers.excludes_zero(Between(0.1, 0.0, 0.2))
    assert numbers.excludes_zero(Between(0.1, 1e-9, 0.2))
    assert not numbers.excludes_zero(None)


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (
            Between(0.032, 0.012, 0.051),
            "BicKD is higher than KD, 64.0% against 60.8% (+3.2 points, +1.2 to +5.1 points)",
        ),
        (Between(0.024, 0.0004, 0.0476), "BicKD is higher than KD, 64.0% against 60.8% (+2.40"),
        (Between(-0.032, -0.051, -0.012), "BicKD is lower than KD"),
        (Between(0.01, -0.01, 0.03), "no difference seen between BicKD and KD"),
        (None, "BicKD 64.0%, KD 60.8%."),
    ],
)
def test_a_compared_fraction_follows_its_paired_interval(difference, words):
    assert words in numbers.comparison_sentence(
        "Accuracy", "BicKD", "KD", (0.64, 0.608), difference
    )


@given(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_an_interval_in_points_that_excludes_0_has_no_end_of_0(one, other):
    low, high = sorted((one, other))
    shown = numbers.points_with_ends(Between((low + high) / 2, low, high))
    for end, text in zip((low, high), shown[1:], strict=True):
        assert (text.strip("0.") == "") == (abs(end) <= 1e-6 and not round(100 * end, 4))
        assert float(text.replace("−", "-")) == pytest.approx(100 * end, abs=0.0501)
    assert len({text.partition(".")[2] and len(text.partition(".")[2]) for text in shown}) == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0898, "0.090"),
        (0.3754, "0.375"),
        (0.003117, "0.00312"),
        (1.2345, "1.23"),
        (12.345, "12.3"),
        (1208, "1,208"),
        (0, "0.000"),
        (-0.05, "−0.050"),
        (2.1e-6, "2.1e−06"),
        (float("nan"), "not available"),
        (None, "not available"),
    ],
)
def test_numbers(value, shown):
    assert numbers.number(value) == shown


def test_small_formatters():
    assert numbers.percent(0.7042) == "70.4%"
    assert numbers.percent(None) == "not available"
    assert numbers.points(-0.032) == "−3.2 points"
    assert numbers.counted(1, "image") == "1 image"
    assert numbers.counted(2, "class", "classes") == "2 classes"
    assert numbers.interval_text(Between(0.085, 0.08, 0.089)) == "[0.080, 0.089]"
    assert numbers.interval_text(Between(0.64, 0.611, 0.668), "percent") == "[61.1%, 66.8%]"
    assert numbers.interval_text(Between(0.1, float("nan"), 0.2)) == ""
    assert numbers.estimate_text(Between(0.64, 0.611, 0.668), "percent") == "64.0% [61.1%, 66.8%]"
    assert numbers.estimate_text(Between(0.64, None, None), "percent") == "64.0%"
    assert numbers.with_deviation(0.632, 0.004, 3, "percent") == "63.2% ± 0.4 (3 seeds)"
    assert numbers.with_deviation(0.0898, 0.002, 3) == "0.090 ± 0.002 (3 seeds)"
    assert numbers.with_deviation(0.632, None, 1, "percent") == "63.2% (1 seed)"


@given(a=st.floats(0.0002, 1), b=st.floats(0.0002, 1))
@settings(max_examples=60)
def test_numbers_shown_together_have_the_same_decimals_and_differ_when_they_do(a, b):
    first, second = numbers.together(a, b)
    assert len(first.partition(".")[2]) == len(second.partition(".")[2])
    if abs(a - b) > 1e-5:
        assert first != second


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (2, "a few seconds"),
        (41, "about 40 s"),
        (58, "about 1 min"),
        (119, "about 2 min"),
        (3599, "about 1 h"),
        (4800, "about 1 h 20 min"),
        (11 * 3600, "about 11 h"),
        (3 * 86400, "about 3 days"),
        (None, "unknown"),
        (-1, "unknown"),
    ],
)
def test_durations(seconds, shown):
    assert numbers.duration(seconds) == shown


def test_the_map_sentence_says_how_many_of_how_many():
    sentence = numbers.sentence_for_map(
        method="UMAP",
        shown=1208,
        total=1208,
        seed=0,
        started_from_teacher=True,
        trustworthiness=0.912,
    )
    assert (
        sentence
        == "UMAP of the square roots of the probabilities, seed 0. Each student's map starts from"
        " the teacher's coordinates. 1,208 of 1,208 images. Trustworthiness 0.91. Distances"
        " between far groups mean little."
    )
    assert "Only two directions are shown" in numbers.sentence_for_map(
        method="PCA", shown=5, total=10
    )


def test_a_difference_has_the_digits_of_its_interval_and_no_end_is_rounded_to_nought():
    assert numbers.with_interval(Between(0.00357, -0.00264, 0.00978)) == "0.004 [−0.003, 0.010]"
    assert numbers.with_interval(Between(-0.0331, -0.0411, -0.0253)) == "−0.033 [−0.041, −0.025]"
    assert numbers.with_interval(Between(0.02, 0.0002, 0.04)) == "0.0200 [0.0002, 0.0400]"
    assert numbers.with_interval(Between(12.3, -4.0, 28.6)) == "12 [−4, 29]"
    assert numbers.with_interval(Between(0.0, 0.0, 0.0)) == "0.000 [0.000, 0.000]"
    assert numbers.with_interval(Between(0.1, None, None)) == "0.100"


def test_a_difference_that_is_rounded_to_0_has_no_sign():
    assert numbers.points(-0.0004) == numbers.points(0.0004) == numbers.points(-0.0) == "0.0 points"
    assert numbers.points(-0.0006) == "−0.1 points"
    assert numbers.signed(-0.04, 1) == "0.0"


def test_a_list_of_nothing_is_empty():
    assert numbers.listed([]) == ""


def test_an_estimate_is_never_shown_outside_its_interval():
    @dataclass(frozen=True)
    class Ends:
        estimate: float
        low: float
        high: float

    assert numbers.estimate_text(Ends(0.99934, 0.99924, 0.99946)) == "0.9993 [0.9992, 0.9995]"
    assert numbers.estimate_text(Ends(0.084, 0.080, 0.089)) == "0.084 [0.080, 0.089]"
