"""Wording: each outcome of the data has its own sentence."""

import doctest
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_viz import text


@dataclass(frozen=True)
class Between:
    estimate: float
    low: float
    high: float


LESS, MORE, UNSEEN = Between(-0.08, -0.1, -0.06), Between(0.08, 0.06, 0.1), Between(-0.01, -0.05, 0.03)


def test_doctests():
    result = doctest.testmod(text)
    assert result.attempted >= 2
    assert result.failed == 0


def test_headline_when_the_student_keeps_classes_further_apart():
    assert text.headline("BicKD", "KD", 0.0898, 0.1751, difference=LESS, agreement=0.704) == (
        "BicKD keeps classes further apart than KD: overlap 0.090 against 0.175, "
        "and agrees with the teacher on 70% of the images."
    )
    rival = text.headline("B", "KD", 0.1, 0.2, difference=LESS, agreement=0.704, baseline_agreement=0.65)
    assert rival.endswith("and agrees with the teacher on 70% of the images (KD 65%).")


def test_headline_when_it_does_the_opposite():
    assert text.headline("BicKD", "KD", 0.2, 0.12, difference=MORE) == (
        "BicKD keeps classes closer together than KD: overlap 0.200 against 0.120."
    )


def test_headline_when_no_difference_is_seen():
    sentence = text.headline("BicKD", "KD", 0.17, 0.18, difference=UNSEEN, agreement=0.7)
    assert sentence == (
        "No difference seen in class overlap between BicKD and KD: 0.170 against 0.180; "
        "BicKD agrees with the teacher on 70% of the images."
    )


def test_headline_without_an_interval_claims_nothing():
    sentence = text.headline("BicKD", "KD", 0.09, 0.175)
    assert sentence == "Class overlap is 0.090 for BicKD and 0.175 for KD."


@pytest.mark.parametrize(
    ("plain", "paired", "second"),
    [
        (
            LESS,
            UNSEEN,
            " At matched entropy no difference is left: 0.150 against 0.160, so the gap is about sharpness.",
        ),
        (
            LESS,
            MORE,
            " At matched entropy it turns round: 0.150 against 0.160, and BicKD keeps them closer together.",
        ),
        (UNSEEN, LESS, " At matched entropy BicKD keeps them further apart: 0.150 against 0.160."),
        (LESS, LESS, ""),
        (UNSEEN, UNSEEN, ""),
        (None, LESS, ""),
    ],
)
def test_headline_says_what_is_left_at_matched_entropy(plain, paired, second):
    extra = dict(matched=0.15, baseline_matched=0.16, matched_difference=paired)
    with_it = text.headline("BicKD", "KD", 0.09, 0.175, difference=plain, **extra)
    without = text.headline("BicKD", "KD", 0.09, 0.175, difference=plain)
    assert with_it == without + second


def test_an_interval_that_touches_zero_shows_no_difference():
    assert not text.excludes_zero(Between(0.1, 0.0, 0.2))
    assert text.excludes_zero(Between(0.1, 1e-9, 0.2))
    assert not text.excludes_zero(None)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (-0.1, "does not explain"),
        (-0.06, "part of the gap"),
        (-0.02, "most of the gap"),
        (-0.001, "so the gap is sharpness"),
        (0.05, "turns round"),
    ],
)
def test_the_share_of_sharpness_follows_what_is_left_of_the_gap(left, words):
    assert words in text.share_of_sharpness(-0.1, left)


def test_headline_note_names_images_seeds_and_matched_entropy():
    note = text.headline_note(
        Between(0.09, 0.08, 0.089),
        Between(0.175, 0.161, 0.174),
        temperature=4.0,
        images=1208,
        matched=0.139,
        baseline_matched=0.162,
    )
    assert note == (
        "Overlap at T = 4, 95% intervals over 1,208 test images: 0.080 to 0.089 and 0.161 to 0.174. One seed each. "
        "At matched entropy 0.139 and 0.162, so most of the gap is sharpness."
    )
    assert "3 seeds each." in text.headline_note(LESS, MORE, temperature=2, images=10, seeds=3)


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (
            Between(0.032, 0.012, 0.051),
            "BicKD is higher than KD, 64.0% against 60.8% (+3.2 points, +1.2 to +5.1 points)",
        ),
        (Between(-0.032, -0.051, -0.012), "BicKD is lower than KD"),
        (Between(0.01, -0.01, 0.03), "no difference seen between BicKD and KD"),
        (None, "BicKD 64.0%, KD 60.8%."),
    ],
)
def test_a_compared_fraction_follows_its_paired_interval(difference, words):
    assert words in text.comparison_sentence("Accuracy", "BicKD", "KD", 0.64, 0.608, difference)


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
    assert text.number(value) == shown


def test_small_formatters():
    assert text.percent(0.7042) == "70.4%"
    assert text.percent(None) == "not available"
    assert text.points(-0.032) == "−3.2 points"
    assert text.counted(1, "image") == "1 image"
    assert text.counted(2, "class", "classes") == "2 classes"
    assert text.interval_text(Between(0.085, 0.08, 0.089)) == "[0.080, 0.089]"
    assert text.interval_text(Between(0.64, 0.611, 0.668), "percent") == "[61.1%, 66.8%]"
    assert text.interval_text(Between(0.1, float("nan"), 0.2)) == "[not available]"
    assert text.with_deviation(0.632, 0.004, 3, "percent") == "63.2% ± 0.4 (3 seeds)"
    assert text.with_deviation(0.0898, 0.002, 3) == "0.090 ± 0.002 (3 seeds)"
    assert text.with_deviation(0.632, None, 1, "percent") == "63.2% (1 seed)"


@given(a=st.floats(0.0002, 1), b=st.floats(0.0002, 1))
@settings(deadline=None, max_examples=60)
def test_numbers_shown_together_have_the_same_decimals_and_differ_when_they_do(a, b):
    first, second = text.together(a, b)
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
    assert text.duration(seconds) == shown


def test_the_map_sentence_says_how_many_of_how_many():
    sentence = text.sentence_for_map(
        method="UMAP", shown=1208, total=1208, seed=0, started_from_teacher=True, trustworthiness=0.912
    )
    assert sentence == (
        "UMAP of square-rooted probabilities, students started from the teacher's coordinates, seed 0. "
        "1,208 of 1,208 images. Trustworthiness 0.91. Distances between far groups mean little."
    )
    assert "Two directions of many" in text.sentence_for_map(method="PCA", shown=5, total=10)


def test_a_difference_has_the_digits_of_its_interval_and_no_end_is_rounded_to_nought():
    assert text.with_interval(Between(0.00357, -0.00264, 0.00978)) == "0.004 [−0.003, 0.010]"
    assert text.with_interval(Between(-0.0331, -0.0411, -0.0253)) == "−0.033 [−0.041, −0.025]"
    assert text.with_interval(Between(0.02, 0.0002, 0.04)) == "0.0200 [0.0002, 0.0400]"
    assert text.with_interval(Between(12.3, -4.0, 28.6)) == "12 [−4, 29]"
    assert text.with_interval(Between(0.0, 0.0, 0.0)) == "0.000 [0.000, 0.000]"
    assert text.with_interval(Between(0.1, None, None)) == "0.100 [not available]"
