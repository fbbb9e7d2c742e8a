"""The highest pairs of a matrix, against a sort of all of them."""

from __future__ import annotations

import numpy as np
import pytest

from bickd_core.geometry.pairs import highest_pairs


def symmetric(c: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).uniform(-1, 1, size=(c, c))
    return (values + values.T) / 2


@pytest.mark.parametrize(("c", "most"), [(2, 1), (5, 3), (5, 10), (5, 99), (30, 10)])
def test_they_are_those_of_a_full_sort(c, most):
    values, empty = symmetric(c), np.zeros(c, dtype=bool)
    empty[c // 2] = c > 4
    pairs = [(i, j) for i in range(c) for j in range(i + 1, c) if not empty[i] and not empty[j]]
    assert highest_pairs(values, empty, most) == sorted(pairs, key=lambda p: -values[p])[:most]


def test_equal_values_stand_in_the_order_of_the_classes_and_no_pair_is_none():
    assert highest_pairs(np.zeros((4, 4)), np.zeros(4, bool), 3) == [(0, 1), (0, 2), (0, 3)]
    assert highest_pairs(np.eye(3), np.array([True, False, True]), 5) == []
