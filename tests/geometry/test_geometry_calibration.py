"""Calibration: bins, errors by class, proper scores and the best temperature, against plain
loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.geometry.calibration import (
    calibration_difference,
    calibration_interval,
    chance_error,
    class_calibration,
    confidence_and_hits,
    reliability,
)
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.proper_scores import fit_temperature, nll, sample_scores
from bickd_core.geometry.shards import stratified_shards


def draw(seed, n=120, c=5, sharp=2.0):
    """Logits that favour the true class, and labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, c, n)
    logits = random.normal(size=(n, c)) * sharp
    logits[np.arange(n), labels] += 1.5
    return logits, labels


def wilson(right, n, z=1.959964):
    p = right / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return centre - half, centre + half


def half_width(values, t):
    groups = len(values)
    return t * math.sqrt((groups - 1) / groups * sum((v - np.mean(values)) ** 2 for v in values))


def test_bands_are_wilsons_limits_in_each_bin():
    logits, labels = draw(0)
    P = softmax(logits)
    for scheme in ("width", "mass"):
        found = reliability(*confidence_and_hits(P, labels), bins=6, scheme=scheme)
        for b in range(len(found.counts)):
            inside = [
                i
                for i in range(len(P))
                if (found.edges[b] < max(P[i]) or b == 0) and max(P[i]) <= found.edges[b + 1]
            ]
            assert found.counts[b] == len(inside)
            if not inside:
                assert np.isnan(found.low[b])
                continue
            right = sum(int(P[i].argmax() == labels[i]) for i in inside)
            low, high = wilson(right, len(inside))
            assert found.accuracy[b] == pytest.approx(right / len(inside))
            assert found.low[b] == pytest.approx(min(low, right / len(inside)), abs=1e-6)
            assert found.high[b] == pytest.approx(max(high, right / len(inside)), abs=1e-6)


def test_equal_width_reliability_is_scikit_learns_curve():
    from sklearn.calibration import calibration_curve

    logits, labels = draw(1)
    P = softmax(logits)
    found = reliability(*confidence_and_hits(P, labels), bins=10)
    accuracy, confidence = calibration_curve(P.argmax(axis=1) == labels, P.max(axis=1), n_bins=10)
    filled = found.counts > 0
    np.testing.assert_allclose(found.accuracy[filled], accuracy)
    np.testing.assert_allclose(found.confidence[filled], confidence)


def test_equal_mass_error_is_the_formula():
    logits, labels = draw(2)
    P = softmax(logits)
    sides = confidence_and_hits(P, labels)
    edges = reliability(*sides, bins=8, scheme="mass").edges

    def error(rows):
        total = 0.0
        for b in range(8):
            inside = [
                i for i in rows if (edges[b] < P[i].max() or b == 0) and P[i].max() <= edges[b + 1]
            ]
            total += abs(sum(P[i].max() - (P[i].argmax() == labels[i]) for i in inside))
        return total / len(rows)

    found = calibration_interval(*sides, bins=8, scheme="mass")
    assert found.raw == pytest.approx(error(range(120)))
    assert found.low <= found.estimate <= found.high


def test_calibration_difference_is_paired():
    logits, labels = draw(3, n=400)
    P, Q = (confidence_and_hits(softmax(logits, T), labels) for T in (1.0, 1.05))
    shard = stratified_shards(400, labels)
    found = calibration_difference(P, Q, shard)
    a, b = calibration_interval(*P), calibration_interval(*Q)
    assert found.estimate == pytest.approx(a.estimate - b.estimate)
    assert found.raw == pytest.approx(a.raw - b.raw)
    assert found.high - found.low < 0.5 * (a.high - a.low)
    same = calibration_difference(P, P, shard)
    assert (same.estimate, same.raw) == (0, 0)
    assert same.low <= 0 <= same.high


def test_a_calibrated_model_shows_the_chance_error_and_a_sure_one_shows_more():
    random = np.random.default_rng(4)
    logits = random.normal(size=(3000, 4)) * 1.5
    P = softmax(logits)
    labels = np.array([random.choice(4, p=row) for row in P])
    chance = chance_error(P.max(axis=1))
    assert reliability(*confidence_and_hits(P, labels)).error == pytest.approx(chance, rel=0.6)
    sharp = confidence_and_hits(softmax(logits, 0.4), labels)
    assert reliability(*sharp).error > 5 * chance
    assert chance_error(np.ones(3)) == 0.0
    # One bin: the mean absolute deviation of a binomial of 2 trials at 1/2 is 1/2, over 2 samples
    # 1/4.
    assert chance_error(np.full(2, 0.5), bins=1, draws=4000) == pytest.approx(0.25, abs=0.02)


def test_class_calibration_is_the_formula():
    logits, labels = draw(5, n=60, c=3)
    P = softmax(logits)

    def error(c, rows):
        total = 0.0
        for b in range(5):
            inside = [i for i in rows if b / 5 < P[i, c] <= (b + 1) / 5]
            if inside:
                share = sum(int(labels[i] == c) for i in inside) / len(inside)
                total += (
                    len(inside)
                    / len(rows)
                    * abs(sum(P[i, c] for i in inside) / len(inside) - share)
                )
        return total

    found = class_calibration(logits, labels, bins=5)
    for c in range(3):
        assert found.error[c] == pytest.approx(error(c, range(60)))
        assert found.bias[c] == pytest.approx(P[:, c].mean() - (labels == c).mean())


def test_class_calibration_by_chance_is_what_drawn_labels_show():
    logits = draw(5, n=300, c=3)[0]
    P = softmax(logits)
    random = np.random.default_rng(1)
    drawn = [(random.random((300, 1)) > P.cumsum(axis=1)).sum(axis=1) for _ in range(400)]
    seen = np.mean(
        [class_calibration(logits, np.minimum(labels, 2), draws=1).error for labels in drawn],
        axis=0,
    )
    found = class_calibration(logits, np.zeros(300, dtype=int), draws=400)
    assert found.chance == pytest.approx(seen, rel=0.1)
    assert class_calibration(1e4 * np.eye(3), np.arange(3)).chance == pytest.approx(np.zeros(3))


@pytest.mark.parametrize("excess", [0.0, 0.05, 0.15])
def test_the_calibration_interval_covers_where_the_model_is_calibrated_and_where_not(excess):
    random = np.random.default_rng(4)
    held, raw, corrected = 0, [], []
    for _ in range(150):
        sure = random.uniform(0.4, 0.95, 200)
        right = random.random(200) < sure - excess
        found = calibration_interval(sure, right)
        held += found.low <= excess <= found.high
        raw.append(found.raw)
        corrected.append(found.estimate)
    assert held / 150 >= 0.88
    assert abs(np.mean(corrected) - excess) < max(0.5 * (np.mean(raw) - excess), 0.02)


def test_a_class_that_is_never_seen_nor_said_has_no_error():
    logits = np.log([[0.7, 0.3, 1e-300], [0.4, 0.6, 1e-300]])
    found = class_calibration(logits, np.array([0, 1]))
    assert (found.error[2], found.bias[2]) == pytest.approx((0.0, 0.0), abs=1e-12)


def test_brier_and_likelihood_are_the_formulas():
    logits, labels = draw(6, n=30)
    P, scores = softmax(logits), sample_scores(logits, labels)
    for i in range(30):
        squares = sum((P[i, c] - (c == labels[i])) ** 2 for c in range(5))
        weights = [math.exp(z / 2.5) for z in logits[i]]
        assert scores.brier[i] == pytest.approx(squares)
        assert nll(logits, labels, 2.5)[i] == pytest.approx(
            -math.log(weights[labels[i]] / sum(weights))
        )


def test_scores_agree_with_scikit_learn():
    from sklearn.metrics import brier_score_loss, log_loss

    logits, labels = draw(7)
    P = softmax(logits)
    assert nll(logits, labels).mean() == pytest.approx(log_loss(labels, P))
    binary = softmax(logits[:, :2])
    truth = (labels > 1).astype(int)
    found = sample_scores(logits[:, :2], truth).brier.mean() / 2
    assert found == pytest.approx(brier_score_loss(truth, binary[:, 1]))


def test_saturated_logits_give_finite_scores():
    logits, labels = np.array([[1e4, -1e4], [1e4, -1e4]]), np.array([1, 0])
    assert nll(logits, labels).tolist() == [2e4, 0.0]
    assert sample_scores(logits, labels).brier.tolist() == [2.0, 0.0]


def test_the_best_temperature_is_the_grids():
    for seed, sharp in ((8, 0.7), (9, 2.0), (10, 5.0)):
        logits, labels = draw(seed, n=400, sharp=sharp)
        found = fit_temperature(logits, labels, stratified_shards(400, labels))
        grid = np.exp(np.linspace(math.log(0.1), math.log(18.0), 3000))
        losses = [nll(logits, labels, T).mean() for T in grid[::10]]
        coarse = int(np.argmin(losses)) * 10
        fine = grid[max(coarse - 10, 0) : coarse + 11]
        best = fine[int(np.argmin([nll(logits, labels, T).mean() for T in fine]))]
        assert found.reached
        assert found.temperature.estimate == pytest.approx(best, rel=3e-3)
        assert found.nll == pytest.approx(nll(logits, labels, best).mean(), rel=1e-5)


def test_the_best_temperatures_replicates_are_those_of_fits_without_a_shard():
    logits, labels = draw(11, n=400)
    shard = stratified_shards(400, labels)
    found = fit_temperature(logits, labels, shard).temperature
    left = [
        1
        / fit_temperature(
            logits[shard != g], labels[shard != g], np.zeros(380, int)
        ).temperature.estimate
        for g in range(20)
    ]
    half = half_width(left, 2.093024)  # of 1 / T
    assert 1 / found.low - 1 / found.estimate == pytest.approx(half, rel=0.02)
    assert 1 / found.estimate - 1 / found.high == pytest.approx(half, rel=0.02)


def test_the_best_temperature_says_when_there_is_none():
    right = fit_temperature(np.eye(3), np.arange(3), np.arange(3))
    assert not right.reached
    assert (right.temperature.estimate, right.temperature.low) == (pytest.approx(0.001), None)
    wrong = fit_temperature(np.eye(3), np.array([1, 2, 0]), np.arange(3))
    assert not wrong.reached
    assert wrong.temperature.estimate == pytest.approx(1000.0)
    flat = fit_temperature(np.zeros((4, 3)), np.array([1, 2, 0, 0]), np.arange(4))
    assert flat.temperature.estimate == 1.0


@pytest.mark.parametrize("scale", [50.0, 1 / 50])
def test_the_best_temperature_follows_the_scale_of_the_logits(scale):
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, 400)
    logits = random.normal(size=(400, 5)) + 2 * np.eye(5)[labels]
    shard = stratified_shards(400, labels)
    plain, scaled = (fit_temperature(factor * logits, labels, shard) for factor in (1.0, scale))
    assert plain.reached
    assert scaled.reached
    assert scaled.temperature.estimate == pytest.approx(scale * plain.temperature.estimate)
    assert scaled.nll == pytest.approx(plain.nll)
    assert scaled.shown == pytest.approx(scaled.temperature.estimate, rel=0.005)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 40),
    c=st.integers(2, 6),
    scale=st.floats(0.01, 1e4),
)
def test_every_figure_is_finite_and_inside_its_interval(seed, n, c, scale):
    random = np.random.default_rng(seed)
    logits, labels = random.normal(size=(n, c)) * scale, random.integers(0, c, n)
    P, shard = softmax(logits), stratified_shards(n, labels)
    sides, other = (confidence_and_hits(rows, labels) for rows in (P, P[::-1]))
    fitted = fit_temperature(logits, labels, shard)
    for found in (
        calibration_interval(*sides),
        calibration_interval(*sides, scheme="mass"),
        calibration_difference(sides, other, shard),
        fitted.temperature,
    ):
        assert math.isfinite(found.estimate)
        assert found.low is None or found.low <= found.estimate <= found.high
    at = fitted.temperature.estimate
    for T in (0.9 * at, 1.1 * at):
        if 0.05 <= T <= 20:
            assert nll(logits, labels, T).mean() >= fitted.nll - 1e-9 * max(1.0, fitted.nll)


@pytest.mark.parametrize("margin", [9.0, 12.0, 50.0, 1e4])
def test_a_model_that_is_always_right_has_no_best_temperature(margin):
    labels = np.arange(300) % 5
    logits = margin * np.eye(5)[labels] + np.random.default_rng(0).uniform(0, 1, (300, 5))
    assert not fit_temperature(logits, labels, np.arange(300) % 10).reached
