"""Shuffles drawn from their limit for many samples, against shuffled samples."""

from __future__ import annotations

import numpy as np
import pytest

from bickd_core.geometry.jackknife import cka_between, cka_side
from bickd_core.geometry.procrustes import procrustes, procrustes_null
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.shuffles import column_spectrum, limit_cka_null, limit_procrustes_null
from bickd_core.geometry.similarity import cka_null

N, SHUFFLES = 2_000, 2_000


@pytest.fixture(scope="module")
def pair():
    random = np.random.default_rng(0)
    X = random.gamma(1.0, size=(N, 8)) @ random.normal(size=(8, 8)) + 3
    Y = random.gamma(2.0, size=(N, 5)) @ random.normal(size=(5, 5)) + 0.1 * X[:, :5]
    return X, Y


@pytest.fixture(scope="module")
def sides(pair):
    shard = stratified_shards(N)
    return [cka_side(Z, shard) for Z in pair]


def test_the_spectrum_is_that_of_the_centred_columns(pair, sides):
    for Z, side in zip(pair, sides, strict=True):
        centred = Z - Z.mean(axis=0)
        assert column_spectrum(side) == pytest.approx(np.linalg.eigvalsh(centred.T @ centred))


def test_shuffles_of_cka_have_the_same_distribution(pair, sides):
    observed = cka_between(*sides)
    spectra = tuple(column_spectrum(side) for side in sides)
    drawn = limit_cka_null(observed.value, *sides, spectra, permutations=SHUFFLES)
    shuffled = cka_null(*pair, permutations=SHUFFLES)
    assert drawn.observed == pytest.approx(shuffled.observed)
    assert drawn.p_value == pytest.approx(shuffled.p_value, abs=0.02)
    assert drawn.values.std() == pytest.approx(shuffled.values.std(), rel=0.15)
    assert drawn.values.mean() == pytest.approx(0.0, abs=0.2 * shuffled.values.std())
    for q, error in ((0.05, 0.1), (0.95, 0.3)):
        assert np.quantile(drawn.values, q) == pytest.approx(
            np.quantile(shuffled.values, q), rel=error
        )


def test_shuffles_of_procrustes_distance_have_the_same_distribution(pair, sides):
    observed = procrustes(*pair).value
    spectra = tuple(column_spectrum(side) for side in sides)
    drawn = limit_procrustes_null(observed, N, spectra, permutations=SHUFFLES)
    shuffled = procrustes_null(*pair, permutations=SHUFFLES)
    assert drawn.observed == pytest.approx(shuffled.observed)
    assert drawn.p_value == shuffled.p_value == pytest.approx(1 / (1 + SHUFFLES))
    assert drawn.values.mean() == pytest.approx(shuffled.values.mean(), rel=1e-3)
    assert drawn.values.std() == pytest.approx(shuffled.values.std(), rel=0.15)
