"""A temperature an image: against a slow scalar search, its properties, and what it does with
targets out of reach."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.geometry.gram_figures import overlap_interval
from bickd_core.geometry.gram_streams import logit_grams
from bickd_core.geometry.matching import entropies_at, match, matched_temperatures
from bickd_core.geometry.orthogonality import class_geometry, overlap
from bickd_core.geometry.probabilities import (
    class_probabilities,
    entropy,
    matched_temperature,
    softmax,
)


def slow_entropy(row, T):
    weights = [math.exp((z - max(row)) / T) for z in row]
    shares = [w / sum(weights) for w in weights]
    return -sum(p * math.log(p) for p in shares if p > 0)


def slow_temperature(row, target):
    """By bisection in log T, one image at a time."""
    low, high = math.log(1e-6), math.log(1e6)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (
            (low, middle) if slow_entropy(row, math.exp(middle)) > target else (middle, high)
        )
    return math.exp((low + high) / 2)


def placed(logits, targets):
    """Probabilities at the matched temperatures: where entropy is nearly 0 they are sure, the
    temperature is not."""
    return softmax(logits, matched_temperatures(logits, targets).temperatures)


def draw(seed, n=24, c=6, scale=3.0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, c)) * scale * random.uniform(0.3, 3.0, (n, 1))


def test_temperatures_are_those_of_a_slow_search():
    teacher, student = draw(1), draw(2)
    targets = entropies_at(teacher, 4.0)
    np.testing.assert_allclose(
        targets, [slow_entropy(row, 4.0) for row in teacher.tolist()], rtol=1e-12
    )
    found = matched_temperatures(student, targets, start=4.0)
    assert found.reached.all()
    wanted = [
        slow_temperature(row, target) for row, target in zip(student.tolist(), targets, strict=True)
    ]
    np.testing.assert_allclose(found.temperatures, wanted, rtol=1e-6)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    T=st.floats(0.3, 12.0),
    scale=st.floats(0.2, 40.0),
    c=st.integers(2, 12),
)
def test_every_image_has_the_entropy_that_was_asked_for(seed, T, scale, c):
    teacher, student = draw(seed, c=c), draw(seed + 1, c=c, scale=scale)
    found = matched_temperatures(student, entropies_at(teacher, T), start=T)
    assert found.reached.all()
    np.testing.assert_allclose(
        entropy(softmax(student, found.temperatures)), entropy(softmax(teacher, T)), atol=1e-8
    )


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), T=st.floats(0.5, 10.0))
def test_a_shift_an_order_of_images_and_one_of_classes_change_nothing(seed, T):
    random = np.random.default_rng(seed)
    student, targets = draw(seed), entropies_at(draw(seed + 1), T)
    plain = placed(student, targets)
    shifted = student + random.integers(-50, 50, (len(student), 1))
    np.testing.assert_allclose(placed(shifted, targets), plain, atol=1e-8)
    images, classes = random.permutation(len(student)), random.permutation(student.shape[1])
    np.testing.assert_allclose(
        placed(student[images][:, classes], targets[images]), plain[images][:, classes], atol=1e-8
    )
    np.testing.assert_allclose(placed(student * 2, targets), plain, atol=1e-8)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), T=st.floats(0.1, 50.0))
def test_a_model_matched_to_itself_stays_at_T(seed, T):
    teacher = draw(seed)
    found = matched_temperatures(teacher, entropies_at(teacher, T), start=T)
    assert found.reached.all()
    np.testing.assert_allclose(found.temperatures, T, rtol=1e-12)


def test_targets_out_of_reach_get_the_nearest_entropy_and_are_counted():
    logits = np.array(
        [
            [2.0, 2.0, 0.0],  # two tied on top: no entropy below log 2
            [1.0, 1.0, 1.0],  # all equal: log 3 at every temperature
            [1.0, 1.0, 1.0],  # the same, and log 3 is asked for
            [3.0, 1.0, 0.0],
            [2.0, 2.0, 0.0],  # two tied, above log 2
        ]
    )
    targets = np.array([0.1, 0.5, math.log(3), math.log(3) + 0.1, 0.9])
    found = matched_temperatures(logits, targets, start=4.0)
    assert found.reached.tolist() == [False, False, True, False, True]
    assert found.unreached == 3
    assert found.temperatures[[1, 2]].tolist() == pytest.approx([4.0, 4.0])
    got = entropies_at(logits, found.temperatures)
    np.testing.assert_allclose(
        got, [math.log(2), math.log(3), math.log(3), math.log(3), 0.9], atol=1e-8
    )
    sharp = matched_temperatures(np.array([[3.0, 1.0, 0.0]]), np.array([0.0]))
    assert sharp.reached.all()
    assert entropies_at(np.array([[3.0, 1.0, 0.0]]), sharp.temperatures)[0] < 1e-9


def test_saturated_logits_are_matched():
    logits = np.eye(4) * 1e4
    found = matched_temperatures(logits, np.array([0.1, 0.5, 1.0, 1.3]))
    assert found.reached.all()
    np.testing.assert_allclose(
        entropies_at(logits, found.temperatures), [0.1, 0.5, 1.0, 1.3], atol=1e-8
    )


def test_float32_blocks_agree_and_memory_stays_bounded():
    random = np.random.default_rng(0)
    logits = (random.normal(size=(6_000, 400)) * 3).astype(np.float32)
    targets = entropies_at(random.normal(size=(6_000, 400)) * 3, 4.0)
    tracemalloc.start()
    found = matched_temperatures(logits, targets, start=4.0)  # above FLOAT32_ABOVE
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.reached.all()
    assert peak < 40e6  # 6,000 x 400 in float64 is 19 MB, and four such arrays are needed at once
    exact = matched_temperatures(logits, targets, start=4.0, dtype=np.float64)
    np.testing.assert_allclose(found.temperatures, exact.temperatures, rtol=1e-4)
    np.testing.assert_allclose(entropies_at(logits, found.temperatures), targets, atol=3e-5)


def test_functions_of_one_temperature_take_one_an_image():
    logits, random = draw(5, n=40), np.random.default_rng(6)
    T = random.uniform(0.5, 8.0, 40)
    rows = np.concatenate([softmax(row[None], t) for row, t in zip(logits, T, strict=True)])
    np.testing.assert_allclose(softmax(logits, T), rows)
    np.testing.assert_allclose(class_probabilities(logits, T, (4, 1)), rows[:, [4, 1]])
    kept = logit_grams([logits], [T], np.arange(40) % 5, dtype=np.float64).models[0]
    assert overlap_interval(kept).raw == pytest.approx(overlap(rows))
    with pytest.raises(ValueError, match="or 40 of them, one a sample, got shape"):
        softmax(logits, T[:3])


def test_the_three_rules():
    teacher, student = draw(7), draw(8, scale=9.0)
    targets = entropies_at(teacher, 4.0)
    assert match(student, targets, 4.0, "none").T == 4.0
    mean = match(student, targets, 4.0, "mean")
    assert matched_temperature(student, targets.mean(), start=4.0).temperature == mean.T
    image = match(student, targets, 4.0, "image")
    np.testing.assert_allclose(entropies_at(student, image.T), targets, atol=1e-8)
    assert entropies_at(student, mean.T).mean() == pytest.approx(targets.mean())
    assert np.abs(entropies_at(student, mean.T) - targets).max() > 0.1
    assert (mean.unreached, image.unreached) == (0, 0)
    flat = match(np.zeros((24, 6)), targets, 4.0, "mean")
    assert (flat.T, flat.unreached) == (4.0, 24)
    with pytest.raises(ValueError, match="matching must be one of none, mean, image, got 'all'"):
        match(student, targets, 4.0, "all")


def test_images_of_one_entropy_each_hide_what_mean_matching_leaves():
    """A student that is the teacher at another temperature for each image differs at matched mean
    entropy, not per image."""
    teacher = draw(9, n=200, scale=2.0)
    student = teacher * np.random.default_rng(10).uniform(0.3, 4.0, (200, 1))
    targets = entropies_at(teacher, 4.0)
    own = class_geometry(softmax(teacher, 4.0)).overlap
    by_rule = {
        rule: class_geometry(softmax(student, match(student, targets, 4.0, rule).T)).overlap
        for rule in ("mean", "image")
    }
    assert by_rule["image"] == pytest.approx(own, abs=1e-8)
    assert abs(by_rule["mean"] - own) > 0.005


@pytest.mark.parametrize("bad", [[-0.1, 0.2], [np.nan, 0.2], [0.2]])
def test_bad_targets_are_refused(bad):
    with pytest.raises(ValueError, match="targets must be 2 finite entropies of at least 0 nats"):
        matched_temperatures(np.zeros((2, 2)), np.array(bad))
