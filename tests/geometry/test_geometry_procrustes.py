"""The Procrustes distance against scipy's own rotation, its properties, and its replicates."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes

from bickd_core.geometry import procrustes as module
from bickd_core.geometry.jackknife import replicated_difference
from bickd_core.geometry.procrustes import procrustes, procrustes_null
from bickd_core.geometry.shards import stratified_shards


def by_rotation(X, Y):
    """min_Q |X/|X| - YQ/|Y|| / sqrt 2 with the rotation itself, columns padded to the same
    width."""
    width = max(X.shape[1], Y.shape[1])
    A, B = (np.pad(M - M.mean(axis=0), ((0, 0), (0, width - M.shape[1]))) for M in (X, Y))
    A, B = A / np.linalg.norm(A), B / np.linalg.norm(B)
    Q = orthogonal_procrustes(B, A)[0]
    return math.sqrt(sum((A - B @ Q)[i, j] ** 2 for i in range(len(A)) for j in range(width)) / 2)


@pytest.mark.parametrize(("n", "d", "e"), [(30, 4, 4), (30, 7, 3), (12, 20, 5)])
def test_it_is_what_the_best_rotation_leaves(n, d, e):
    random = np.random.default_rng(0)
    X = random.normal(size=(n, d)) + 2
    Y = X[:, :e] + 0.5 * random.normal(size=(n, e))
    assert procrustes(X, Y).estimate == pytest.approx(by_rotation(X, Y), abs=1e-9)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_rotation_scale_shift_and_order_leave_it_and_it_is_a_metric(seed):
    random = np.random.default_rng(seed)
    X, Y, Z = (random.normal(size=(15, w)) for w in (4, 3, 5))
    rotation = np.linalg.qr(random.normal(size=(4, 4)))[0]
    rows = random.permutation(15)
    d = procrustes(X, Y).estimate
    assert procrustes(X @ rotation * 3 + 5, Y).estimate == pytest.approx(d, abs=1e-8)
    assert procrustes(X[rows], Y[rows]).estimate == pytest.approx(d, abs=1e-8)
    assert procrustes(Y, X).estimate == pytest.approx(d, abs=1e-8)
    assert procrustes(X, X @ rotation).estimate == pytest.approx(0.0, abs=1e-6)
    assert 0 <= d <= 1
    assert d <= procrustes(X, Z).estimate + procrustes(Z, Y).estimate + 1e-9


def test_representations_without_anything_in_common_are_1_apart():
    X, Y = np.zeros((8, 1)), np.zeros((8, 1))
    X[:4, 0], X[4:, 0] = 1, -1
    Y[::2, 0], Y[1::2, 0] = 1, -1
    assert procrustes(X, Y).estimate == pytest.approx(1.0)


@pytest.mark.parametrize(("n", "d"), [(40, 5), (20, 30)])
def test_replicates_leave_out_each_shard(n, d):
    random = np.random.default_rng(1)
    X = random.normal(size=(n, d))
    Y = X + random.normal(size=X.shape)
    shard = stratified_shards(n, shards=5)
    found = procrustes(X, Y, shard)
    for g in range(5):
        assert found.replicates[g] == pytest.approx(
            procrustes(X[shard != g], Y[shard != g]).value, abs=1e-7
        )


@pytest.mark.parametrize(("d", "e"), [(6, 6), (9, 5), (5, 9)])
def test_replicates_of_many_columns_are_expanded_to_second_order(d, e, monkeypatch):
    random = np.random.default_rng(3)
    X = random.normal(size=(2_000, d))
    Y = X[:, :1] + random.normal(size=(2_000, e))
    Y[:, : min(d, e)] += X[:, : min(d, e)]
    shard = stratified_shards(2_000)
    exact = procrustes(X, Y, shard)
    monkeypatch.setattr(module, "EXACT_COLUMNS", 0)
    near = procrustes(X, Y, shard)
    assert near.value == pytest.approx(exact.value, abs=1e-12)
    assert near.replicates == pytest.approx(exact.replicates, abs=1e-5)
    moved = abs(exact.replicates - exact.value)
    assert abs(near.replicates - exact.replicates).max() < 0.01 * moved.max()
    assert near.estimate == pytest.approx(exact.estimate, abs=1e-4)


def test_differences_are_paired():
    random = np.random.default_rng(2)
    X = random.normal(size=(120, 4))
    near, far = X + 0.2 * random.normal(size=X.shape), X + random.normal(size=X.shape)
    shard = stratified_shards(120)
    a, b = procrustes(X, far, shard), procrustes(X, near, shard)
    difference = replicated_difference(a, b)
    assert difference.estimate == pytest.approx(a.estimate - b.estimate)
    assert difference.low > 0
    assert replicated_difference(None, b) is None
    with pytest.raises(ValueError, match="120 samples in 20 shards and 120 in 0"):
        replicated_difference(a, procrustes(X, near))


def test_where_there_is_nothing_to_measure():
    X = np.random.default_rng(3).normal(size=(10, 3))
    assert procrustes(np.ones((10, 2)), X) is None
    assert procrustes(X[:1], X[:1]) is None
    assert procrustes_null(np.ones((10, 2)), X, permutations=3).p_value == 1.0
    interval = procrustes(X, X).interval()
    assert (interval.low, interval.high) == (None, None)
    with pytest.raises(ValueError, match="got 10 and 9 rows"):
        procrustes(X, X[:9])
    with pytest.raises(ValueError, match="permutations must be at least 1"):
        procrustes_null(X, X, permutations=0)


def test_the_null_tells_related_from_unrelated_where_the_distance_alone_does_not():
    random = np.random.default_rng(4)
    X = random.normal(size=(40, 12))
    related = procrustes_null(X, X + random.normal(size=X.shape), permutations=49, seed=1)
    unrelated = procrustes_null(X, random.normal(size=X.shape), permutations=49, seed=1)
    assert related.p_value == pytest.approx(0.02)
    assert unrelated.p_value > 0.05
    assert unrelated.observed < 0.9  # below 1 though nothing is shared
    order = np.random.default_rng(7).permutation(40)
    Y = random.normal(size=(40, 3))
    null = procrustes_null(X, Y, permutations=1, seed=7)
    assert null.values[0] == pytest.approx(procrustes(X, Y[order]).estimate)


def test_few_samples_a_column_have_a_corrected_figure_and_no_interval():
    random = np.random.default_rng(3)
    X = random.normal(size=(120, 12))
    found = procrustes(X, X + random.normal(size=X.shape), stratified_shards(120))
    assert found.limited
    assert found.interval().low is not None
    wide = random.normal(size=(120, 13))
    few = procrustes(wide, wide + random.normal(size=wide.shape), stratified_shards(120))
    assert (few.interval().low, few.interval().high) == (None, None)
    assert few.interval().estimate == pytest.approx(few.estimate)
    assert replicated_difference(found, few).low is None
