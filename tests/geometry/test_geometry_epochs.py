"""Figures by epoch, by temperature, by group: each against a plain loop."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.geometry.epochs import epoch_figures
from bickd_core.geometry.gram_figures import class_figures, overlap_interval
from bickd_core.geometry.gram_streams import shard_grams
from bickd_core.geometry.orthogonality import class_geometry, eigenvalues
from bickd_core.geometry.probabilities import (
    class_probabilities,
    entropy,
    matched_temperature,
    mean_entropy_at,
    softmax,
)
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.sharpness import MOST_SCORED, temperature_curve


def draw(seed, epochs=5, n=40, c=5):
    random = np.random.default_rng(seed)
    labels = random.integers(0, c, n)
    logits = random.normal(size=(epochs, n, c))
    logits[:, np.arange(n), labels] += np.arange(epochs)[:, None]
    return logits, labels


def overlap_of(P, shard):
    return overlap_interval(shard_grams(P, shard)).estimate


@given(seed=st.integers(0, 10_000), T=st.sampled_from([0.5, 1.0, 4.0]))
@settings(max_examples=20)
def test_each_epoch_is_what_its_slice_says(seed, T):
    logits, labels = draw(seed)
    reference = logits[-1] * 2
    found = epoch_figures(logits, np.arange(5) * 2, T=T, labels=labels, reference=reference)
    for e, one in enumerate(logits):
        plain = class_geometry(softmax(one, T))
        assert found.grams[e] == pytest.approx(plain.gram, abs=1e-6)
        shard = stratified_shards(40, labels)
        assert found.overlap[e] == pytest.approx(
            overlap_interval(shard_grams(softmax(one, T), shard)).estimate
        )
        hits = [int(np.argmax(row)) == label for row, label in zip(one, labels, strict=True)]
        assert found.accuracy[e] == pytest.approx(sum(hits) / len(hits))
        same = [
            np.argmax(row) == np.argmax(other) for row, other in zip(one, reference, strict=True)
        ]
        assert found.agreement[e] == pytest.approx(sum(same) / len(same))
    assert found.n == 40
    assert found.agreement[-1] == 1.0


def test_an_epoch_that_was_not_stored_shows_the_last_one_before_it():
    logits, _ = draw(0)
    found = epoch_figures(logits, np.array([2, 4, 6, 8, 10]))
    assert [found.at(e) for e in (0, 2, 3, 4, 10, 99)] == [0, 0, 0, 1, 4, 4]
    assert found.accuracy is None
    assert found.agreement is None


def test_one_sample_and_one_class_have_no_overlap():
    found = epoch_figures(np.zeros((2, 1, 1)), np.array([0, 1]))
    assert np.isnan(found.overlap).all()


@pytest.mark.parametrize("bad", [np.zeros((2, 3)), np.zeros((0, 3, 2)), np.zeros((3, 3, 2))])
def test_arrays_that_are_no_trajectory_are_refused(bad):
    with pytest.raises(ValueError, match="logits must be"):
        epoch_figures(bad, np.arange(2))


@given(seed=st.integers(0, 10_000), centred=st.booleans())
@settings(max_examples=15)
def test_a_temperature_curve_is_each_temperature_on_its_own(seed, centred):
    logits = draw(seed)[0][-1]
    shard = stratified_shards(len(logits))
    curve = temperature_curve(logits, shard, (4.0, 1.0, 2.0), centred=centred)
    assert curve.temperatures.tolist() == [1.0, 2.0, 4.0]
    for k, T in enumerate(curve.temperatures):
        P = softmax(logits, T)
        figures = class_figures(shard_grams(P, shard), centred=centred)
        assert curve.overlap[k] == pytest.approx(figures.overlap.estimate, abs=4e-5)
        assert curve.score[k] == pytest.approx(figures.score.estimate, abs=4e-5)
        assert curve.entropy[k] == pytest.approx(entropy(P).mean())
        assert mean_entropy_at(logits, T) == pytest.approx(entropy(P).mean())
    assert (np.diff(curve.entropy) >= 0).all()


def test_a_curve_of_many_classes_has_no_score():
    logits = draw(3, n=60, c=MOST_SCORED + 1)[0][-1]
    curve = temperature_curve(logits, stratified_shards(60), (1.0, 4.0))
    assert np.isnan(curve.score).all()
    assert np.isfinite(curve.overlap).all()


def test_a_rescaled_model_lies_on_the_same_curve_against_entropy():
    logits = draw(3)[0][-1]
    sharp = logits * 3
    at = matched_temperature(sharp, entropy(softmax(logits, 2.0)).mean()).temperature
    shard = stratified_shards(len(logits))
    expected = overlap_of(softmax(logits, 2.0), shard)
    assert temperature_curve(sharp, shard, [at]).overlap[0] == pytest.approx(expected, abs=1e-4)
    assert (
        temperature_curve(sharp, shard, [2.0]).overlap[0]
        < temperature_curve(logits, shard, [2.0]).overlap[0]
    )


def test_eigenvalues_fall_and_sum_to_the_usable_classes():
    P = softmax(draw(1)[0][-1])
    P = np.where(np.arange(5) == 3, 0.0, P)
    found = class_geometry(P)
    values = eigenvalues(found.gram, found.empty)
    assert len(values) == 4
    assert values.sum() == pytest.approx(4)
    assert (np.diff(values) <= 0).all()
    shares = values / values.sum()
    assert found.effective_rank == pytest.approx(
        math.exp(-sum(p * math.log(p) for p in shares.tolist()))
    )
    assert len(eigenvalues(np.zeros((2, 2)), np.ones(2, dtype=bool))) == 0


@given(seed=st.integers(0, 10_000), T=st.sampled_from([0.1, 1.0, 4.0]))
@settings(max_examples=20)
def test_a_few_columns_are_those_of_the_whole_softmax(seed, T):
    logits = draw(seed)[0][-1] * 100
    assert class_probabilities(logits, T, [3, 0]) == pytest.approx(softmax(logits, T)[:, [3, 0]])


def test_epochs_at_one_entropy_are_each_at_their_own_temperature():
    logits, _ = draw(2)
    target = 0.9
    found = epoch_figures(
        logits, np.arange(5), T=4.0, matching="mean", targets=np.full(len(logits[0]), target)
    )
    assert not found.unreached.any()
    for e, one in enumerate(logits):
        P = softmax(one, found.temperatures[e])
        assert entropy(P).mean() == pytest.approx(target)
        assert found.overlap[e] == pytest.approx(overlap_of(P, stratified_shards(len(P))))
    assert np.ptp(found.temperatures) > 0.1


def test_an_epoch_that_cannot_reach_the_entropy_stands_at_the_plain_temperature():
    found = epoch_figures(
        np.zeros((1, 4, 3)), np.array([0]), T=2.0, matching="mean", targets=np.full(4, 0.5)
    )
    assert found.unreached.tolist() == [4]
    assert found.temperatures.tolist() == [2.0]
    with pytest.raises(ValueError, match="targets must be given for matching 'image'"):
        epoch_figures(np.zeros((1, 4, 3)), np.array([0]), matching="image")


def test_epochs_matched_per_image_have_a_temperature_for_each():
    logits, _ = draw(2)
    targets = np.linspace(0.3, 1.2, len(logits[0]))
    found = epoch_figures(logits, np.arange(5), T=4.0, matching="image", targets=targets)
    assert found.temperatures.shape == logits.shape[:2]
    for e, one in enumerate(logits):
        P = softmax(one, found.temperatures[e])
        assert entropy(P) == pytest.approx(targets)
        assert found.overlap[e] == pytest.approx(overlap_of(P, stratified_shards(len(P))))
