"""Softmax, entropy and the matched temperature."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.geometry.probabilities import (
    entropy,
    log_softmax,
    matched_temperature,
    softmax,
)


def naive_softmax(logits, T):
    rows = []
    for row in logits:
        weights = [math.exp((z - max(row)) / T) for z in row]
        rows.append([w / sum(weights) for w in weights])
    return np.array(rows)


def test_softmax_is_the_formula():
    logits = np.random.default_rng(0).normal(size=(7, 5)) * 3
    for T in (0.5, 1.0, 4.0):
        np.testing.assert_allclose(softmax(logits, T), naive_softmax(logits, T), rtol=1e-12)
        np.testing.assert_allclose(
            log_softmax(logits, T), np.log(naive_softmax(logits, T)), rtol=1e-10
        )


def test_softmax_leaves_its_input_and_does_not_change_with_a_shift():
    logits = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    kept = logits.copy()
    np.testing.assert_allclose(softmax(logits + np.float32(64)), softmax(logits), atol=1e-6)
    np.testing.assert_array_equal(logits, kept)


def test_saturated_logits_stay_finite():
    logits = np.array([[1e4, -1e4, 0.0], [0.0, 1e4, 1e4]], dtype=np.float32)
    np.testing.assert_array_equal(softmax(logits), [[1, 0, 0], [0, 0.5, 0.5]])
    assert np.isfinite(log_softmax(logits)).all()
    np.testing.assert_allclose(entropy(softmax(logits)), [0.0, np.log(2)])


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), T=st.floats(0.2, 20.0), scale=st.floats(0.1, 50.0))
def test_matched_temperature_matches(seed, T, scale):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(9, 6)) * scale
    target = entropy(softmax(logits, T * scale)).mean()
    found = matched_temperature(logits, target)
    assert found.reached
    assert entropy(softmax(logits, found.temperature)).mean() == pytest.approx(target, abs=1e-8)
    if 1e-6 < target < np.log(6) - 1e-6:
        assert found.temperature == pytest.approx(T * scale, rel=1e-3)


def test_matched_temperature_of_saturated_logits():
    logits = np.eye(4) * 1e4
    found = matched_temperature(logits, 1.0)
    assert found.reached
    assert found.temperature > 1e3
    assert entropy(softmax(logits, found.temperature)).mean() == pytest.approx(1.0, abs=1e-8)


def test_a_target_out_of_reach_is_said_so():
    tied = matched_temperature(np.zeros((3, 4)), 0.5)  # entropy log 4 at every temperature
    assert not tied.reached
    assert tied.entropy == pytest.approx(np.log(4))
    above = matched_temperature(np.random.default_rng(0).normal(size=(3, 4)), 2.0)  # log 4 < 2
    assert not above.reached
    assert above.entropy == pytest.approx(np.log(4), abs=1e-6)


@pytest.mark.parametrize("bad", [-0.1, np.nan, np.inf])
def test_bad_targets_are_refused(bad):
    with pytest.raises(ValueError, match="target_entropy must be at least 0"):
        matched_temperature(np.zeros((2, 2)), bad)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="T must be a finite number above 0"):
        softmax(np.zeros((2, 2)), 0.0)
    with pytest.raises(ValueError, match="logits must be finite, got 1 values"):
        softmax(np.array([[0.0, np.nan]]))
    with pytest.raises(ValueError, match=r"got shape \(0, 3\)"):
        softmax(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="not the logits"):
        entropy(np.array([[-1.0, 2.0]])).mean()
