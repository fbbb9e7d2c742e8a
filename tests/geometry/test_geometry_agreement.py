"""Agreement, divergence, neighbours and calibration."""

import math

import numpy as np
import pytest

from bickd_core.geometry.agreement import (
    agreement_rate,
    agrees,
    correct,
    hellinger,
    kl_and_hellinger,
)
from bickd_core.geometry.calibration import confidence_and_hits, reliability
from bickd_core.geometry.probabilities import softmax


def logits(seed, n=40, c=5):
    return np.random.default_rng(seed).normal(size=(n, c)) * 2


def test_per_sample_figures_are_the_formulas():
    a, b = logits(0), logits(1)
    P, Q = softmax(a, 4.0), softmax(b, 4.0)
    for i in (0, 13, 39):
        p, q = P[i].tolist(), Q[i].tolist()
        kl = sum(x * math.log(x / y) for x, y in zip(p, q, strict=True))
        distance = math.sqrt(
            sum((math.sqrt(x) - math.sqrt(y)) ** 2 for x, y in zip(p, q, strict=True)) / 2
        )
        assert kl_and_hellinger(a, b, 4.0)[0][i] == pytest.approx(kl)
        assert hellinger(P, Q)[i] == pytest.approx(distance)


def test_the_teacher_stands_first_in_kl():
    a, b = np.array([[4.0, 0.0]]), np.array([[0.0, 0.0]])
    assert kl_and_hellinger(a, b)[0][0] != pytest.approx(kl_and_hellinger(b, a)[0][0], abs=0.1)
    p = 1 / (1 + math.exp(-4))
    expected = p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))
    assert kl_and_hellinger(a, b)[0][0] == pytest.approx(expected)


def test_identical_models():
    z = logits(2)
    P = softmax(z)
    assert agreement_rate(z, z) == 1.0
    assert kl_and_hellinger(z, z, 4.0)[0].max() == 0.0
    assert hellinger(P, P).max() == 0.0


def test_saturated_models_are_far_apart_and_finite():
    a, b = np.array([[1e4, -1e4]]), np.array([[-1e4, 1e4]])
    assert kl_and_hellinger(a, b)[0][0] == pytest.approx(2e4)
    assert hellinger(softmax(a), softmax(b))[0] == pytest.approx(1.0)


def test_accuracy_and_agreement_by_hand():
    a, b = (
        np.array([[2.0, 1.0], [0.0, 1.0], [3.0, 0.0]]),
        np.array([[2.0, 1.0], [1.0, 0.0], [3.0, 0.0]]),
    )
    labels = np.array([0, 1, 1])
    assert correct(a, labels).tolist() == [True, True, False]
    assert agrees(a, b).tolist() == [True, False, True]
    assert agreement_rate(a, b) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="labels must be given for accuracy"):
        correct(a, None)
    with pytest.raises(ValueError, match="same shape"):
        agrees(a, b[:2])


def naive_error(P, labels, bins):
    total = 0.0
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        inside = [i for i in range(len(P)) if low < max(P[i]) <= high]
        if inside:
            confidence = sum(max(P[i]) for i in inside) / len(inside)
            right = sum(int(P[i].argmax() == labels[i]) for i in inside) / len(inside)
            total += len(inside) / len(P) * abs(right - confidence)
    return total


def test_calibration_error_is_the_formula():
    P, labels = softmax(logits(5, n=120)), np.random.default_rng(5).integers(0, 5, 120)
    for bins in (1, 10, 15):
        found = reliability(*confidence_and_hits(P, labels), bins)
        assert found.error == pytest.approx(naive_error(P, labels, bins))


def test_reliability_counts_every_sample_and_shows_empty_bins_as_zero():
    P = np.array([[1.0, 0.0], [0.5, 0.5], [0.9, 0.1]])
    bins = reliability(*confidence_and_hits(P, np.array([0, 0, 1])), bins=10)
    assert bins.counts.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 1, 1]
    assert bins.accuracy.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert bins.confidence[8] == pytest.approx(0.9)
    assert bins.error == pytest.approx((0.5 + 0.9) / 3)


def test_mass_bins_are_even_and_keep_ties_together():
    P, labels = softmax(logits(6, n=100)), np.random.default_rng(6).integers(0, 5, 100)
    even = reliability(*confidence_and_hits(P, labels), bins=10, scheme="mass")
    assert even.counts.tolist() == [10] * 10
    tied = reliability(np.full(8, 0.7), np.array([True, False] * 4), bins=5, scheme="mass")
    assert tied.counts.tolist() == [8]
    assert tied.error == pytest.approx(0.2)


def test_calibration_refuses_what_it_cannot_bin():
    confidence, hits = np.array([0.7]), np.array([True])
    with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
        reliability(confidence, hits, bins=0)
    with pytest.raises(ValueError, match="scheme must be 'width' or 'mass', got 'log'"):
        reliability(confidence, hits, scheme="log")
