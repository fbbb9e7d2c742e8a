"""Replicates at temperatures matched anew: against a full match without each shard."""

from __future__ import annotations

import numpy as np
import pytest

from bickd_core.geometry.gram_figures import overlap_interval
from bickd_core.geometry.gram_streams import shard_grams
from bickd_core.geometry.matching import entropies_at
from bickd_core.geometry.orthogonality import class_gram
from bickd_core.geometry.probabilities import matched_temperature, softmax
from bickd_core.geometry.rematching import rematched
from bickd_core.geometry.replicates import cell_sums, side_of
from bickd_core.geometry.shards import stratified_shards

N = 2_000


@pytest.fixture(scope="module")
def models():
    rng = np.random.default_rng(0)
    teacher = rng.normal(0, 3, (N, 6)) @ rng.normal(0, 0.5, (6, 6))
    student = teacher * rng.gamma(4, 0.5, (N, 1)) + rng.normal(0, 1, (N, 6))
    shard = stratified_shards(N, teacher.argmax(axis=1))
    targets = entropies_at(teacher, 4.0)
    T = matched_temperature(student, float(targets.mean()), start=4.0).temperature
    return student, targets, T, shard


@pytest.mark.parametrize("centred", [False, True])
def test_it_is_the_score_of_a_match_without_each_shard_less_its_mean(models, centred):
    student, targets, T, shard = models

    def scores(grams):
        side = side_of(grams, centred)
        return cell_sums(grams.products, side, side, centred, rematch=grams.rematch).scores[1:]

    grams = shard_grams(softmax(student, T), shard)
    moved = scores(rematched(grams, student, T, targets)) - scores(grams)
    slow = []
    for g in range(20):
        left = shard != g
        own = matched_temperature(student[left], float(targets[left].mean()), start=T).temperature
        gram = class_gram(softmax(student[left], own), centred=centred)[0]
        slow.append(1 - np.sqrt(np.mean(gram[~np.eye(6, dtype=bool)] ** 2)))
    expected = slow - scores(grams)
    assert expected.std() > 1e-5  # the temperature matters here
    assert np.corrcoef(moved, expected)[0, 1] > 0.995  # to first order in the step
    assert moved.std() == pytest.approx(expected.std(), rel=0.1)


def test_the_estimate_stays_and_the_limits_move(models):
    student, targets, T, shard = models
    grams = shard_grams(softmax(student, T), shard)
    fixed, anew = overlap_interval(grams), overlap_interval(rematched(grams, student, T, targets))
    assert anew.estimate == pytest.approx(fixed.estimate, abs=1e-4)
    assert anew.high - anew.low != pytest.approx(fixed.high - fixed.low, rel=1e-2)


def test_other_samples_are_refused(models):
    student, targets, T, shard = models
    grams = shard_grams(softmax(student, T), shard)
    with pytest.raises(ValueError, match="on the 2000 samples of the Gram, got 2000 and 1999"):
        rematched(grams, student, T, targets[:-1])
