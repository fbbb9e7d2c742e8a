"""The triangle of three classes against plain loops."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bickd_core.geometry import simplex as module
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.simplex import CORNERS, simplex_view


@given(st.integers(0, 1000), st.permutations(range(5)))
def test_each_sample_is_the_weighted_mean_of_the_corners(seed, order):
    P = softmax(np.random.default_rng(seed).normal(0, 3, (7, 5)))
    found = simplex_view(P, order[:3])
    for i in range(7):
        mass = sum(P[i, c] for c in order[:3])
        x = sum(P[i, c] / mass * CORNERS[k, 0] for k, c in enumerate(order[:3]))
        y = sum(P[i, c] / mass * CORNERS[k, 1] for k, c in enumerate(order[:3]))
        assert found.mass[i] == pytest.approx(mass)
        np.testing.assert_allclose(found.coordinates[i], [x, y], atol=1e-9)


def test_corners_middle_and_samples_that_are_elsewhere():
    P = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0.25] * 4, [0, 0, 0, 1]], dtype=float)
    found = simplex_view(P, (0, 1, 2))
    np.testing.assert_allclose(found.coordinates[:3], CORNERS)
    np.testing.assert_allclose(found.coordinates[3], CORNERS.mean(axis=0))
    assert np.isnan(found.coordinates[4]).all()
    assert found.mass.tolist() == [1, 1, 1, 0.75, 0]


def test_the_corners_are_as_far_from_each_other():
    sides = [np.linalg.norm(CORNERS[a] - CORNERS[b]) for a, b in ((0, 1), (1, 2), (2, 0))]
    np.testing.assert_allclose(sides, 1)


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="at least one of each"):
        simplex_view(np.zeros((0, 4)), (0, 1, 2))


@pytest.mark.parametrize("classes", [(0, 1), (0, 1, 1), (0, 1, 2, 3)])
def test_other_than_three_classes_are_refused(classes):
    with pytest.raises(ValueError, match="three different class indices"):
        simplex_view(np.full((2, 4), 0.25), classes)


def test_the_example_holds():
    assert doctest.testmod(module).failed == 0
