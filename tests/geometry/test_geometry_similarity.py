"""Debiased CKA against sums over tuples of distinct samples, and rows binned by class."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.geometry.jackknife import cka_between, cka_side
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.similarity import cka, cka_null, row_similarity


def tuple_hsic(X, Y):
    """The U-statistic itself: mean of k_ij (l_ij + l_qr - 2 l_iq) over all distinct i, j, q, r."""
    K, L = X @ X.T, Y @ Y.T
    terms = [
        K[i, j] * (L[i, j] + L[q, r] - 2 * L[i, q])
        for i, j, q, r in itertools.permutations(range(len(X)), 4)
    ]
    return sum(terms) / len(terms)


def gram_hsic(X, Y):
    """Song et al. 2012, eq. 5, with N x N matrices and loops."""
    n = len(X)
    K = [[float(X[i] @ X[j]) if i != j else 0.0 for j in range(n)] for i in range(n)]
    L = [[float(Y[i] @ Y[j]) if i != j else 0.0 for j in range(n)] for i in range(n)]
    trace = sum(K[i][j] * L[j][i] for i in range(n) for j in range(n))
    rows = sum(sum(K[i]) * sum(L[i]) for i in range(n))
    both = sum(map(sum, K)) * sum(map(sum, L))
    return (trace + both / ((n - 1) * (n - 2)) - 2 * rows / (n - 2)) / (n * (n - 3))


def ratio(f, X, Y):
    return f(X, Y) / math.sqrt(f(X, X) * f(Y, Y))


@pytest.mark.parametrize(("n", "d", "e"), [(8, 3, 2), (7, 11, 4)])
def test_cka_is_the_u_statistic(n, d, e):
    random = np.random.default_rng(0)
    X = random.normal(size=(n, d)) + 3
    Y = X[:, :e] + 0.3 * random.normal(size=(n, e))
    assert cka(X, Y) == pytest.approx(ratio(tuple_hsic, X, Y), rel=1e-9)


@pytest.mark.parametrize(("n", "d"), [(40, 6), (25, 40)])
def test_cka_is_the_gram_form(n, d):
    random = np.random.default_rng(1)
    X = random.normal(size=(n, d))
    Y = X @ random.normal(size=(d, 5)) + random.normal(size=(n, 5))
    assert cka(X, Y) == pytest.approx(ratio(gram_hsic, X, Y), rel=1e-9)


def test_cka_of_unrelated_data_is_about_zero_where_the_plain_one_is_not():
    random = np.random.default_rng(2)
    values, plain = [], []
    for _ in range(60):
        X, Y = random.normal(size=(40, 30)), random.normal(size=(40, 30))
        values.append(cka(X, Y))
        A, B = X - X.mean(axis=0), Y - Y.mean(axis=0)
        plain.append(np.sum((A.T @ B) ** 2) / np.linalg.norm(A.T @ A) / np.linalg.norm(B.T @ B))
    assert abs(np.mean(values)) < 0.05
    assert np.mean(plain) > 0.3


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_cka_ignores_rotation_scale_shift_and_order(seed):
    random = np.random.default_rng(seed)
    X, Y = random.normal(size=(20, 4)), random.normal(size=(20, 3))
    rotation = np.linalg.qr(random.normal(size=(4, 4)))[0]
    rows = random.permutation(20)
    assert cka(X @ rotation * 3 + 5, Y) == pytest.approx(cka(X, Y), abs=1e-8)
    assert cka(X[rows], Y[rows]) == pytest.approx(cka(X, Y), abs=1e-8)
    assert cka(Y, X) == pytest.approx(cka(X, Y), abs=1e-8)
    assert cka(X, X) == pytest.approx(1.0)


def test_cka_is_none_where_it_is_not_defined():
    X = np.random.default_rng(3).normal(size=(10, 3))
    assert cka(X[:3], X[:3]) is None
    assert cka(np.ones((10, 3)), X) is None
    assert cka_null(np.ones((10, 3)), X, permutations=5).p_value == 1.0
    with pytest.raises(ValueError, match="got 10 and 9 rows"):
        cka(X, X[:9])


def test_the_null_tells_related_from_unrelated():
    random = np.random.default_rng(4)
    X = random.normal(size=(60, 5))
    related = cka_null(X, X + random.normal(size=X.shape), permutations=99, seed=1)
    unrelated = cka_null(X, random.normal(size=X.shape), permutations=99, seed=1)
    assert related.p_value == pytest.approx(0.01)
    assert unrelated.p_value > 0.05
    assert abs(related.values.mean()) < 0.05
    again = cka_null(X, X, permutations=9, seed=7).values
    np.testing.assert_array_equal(again, cka_null(X, X, permutations=9, seed=7).values)


def test_the_null_is_made_of_shuffles():
    random = np.random.default_rng(5)
    X, Y = random.normal(size=(12, 3)), random.normal(size=(12, 2))
    order = np.random.default_rng(0).permutation(12)
    null = cka_null(X, Y, permutations=1, seed=0)
    assert null.values[0] == pytest.approx(cka(X, Y[order]))


@pytest.mark.parametrize(("n", "d"), [(110, 5), (100, 130)])
def test_cka_interval_leaves_out_each_shard(n, d):
    random = np.random.default_rng(6)
    X = random.normal(size=(n, d))
    Y = X + random.normal(size=X.shape)
    shard = stratified_shards(n, shards=6)
    found = cka_between(cka_side(X, shard), cka_side(Y, shard)).interval()
    left = np.array([cka(X[shard != g], Y[shard != g]) for g in range(6)])
    half = 2.570582 * math.sqrt(5 / 6 * ((left - left.mean()) ** 2).sum())  # t, 5 degrees, 95 %
    assert found.raw == pytest.approx(cka(X, Y))
    assert found.estimate == pytest.approx(6 * found.raw - 5 * left.mean())
    assert found.high - found.low == pytest.approx(2 * half, rel=1e-5)


def test_rows_binned_by_class_are_the_formula():
    random = np.random.default_rng(7)
    teacher, student = random.normal(size=(2, 15, 4)) * 2
    P, S = softmax(teacher), softmax(student)
    labels = np.array([0] * 5 + [1] * 4 + [3] * 6)
    R = [[float(p @ s / np.linalg.norm(p) / np.linalg.norm(s)) for s in S] for p in P]
    found = row_similarity(teacher, student, labels)
    pairs = list(itertools.product(range(15), repeat=2))
    for c, d in itertools.product((0, 1, 3), repeat=2):
        cells = [R[i][j] for i, j in pairs if labels[i] == c and labels[j] == d]
        assert found.matrix[c, d] == pytest.approx(np.mean(cells))
    assert found.absent.tolist() == [False, False, True, False]
    assert np.isnan(found.matrix[2]).all()
    assert np.isnan(found.matrix[:, 2]).all()
    assert np.isfinite(found.matrix[[0, 1, 3]][:, [0, 1, 3]]).all()
    assert found.matched == pytest.approx(np.mean([R[i][i] for i in range(15)]))
    assert found.within == pytest.approx(
        np.mean([R[i][j] for i, j in pairs if i != j and labels[i] == labels[j]])
    )
    assert found.between == pytest.approx(
        np.mean([R[i][j] for i, j in pairs if labels[i] != labels[j]])
    )


def test_rows_of_one_sample_have_no_pairs():
    found = row_similarity(np.zeros((1, 2)), np.zeros((1, 2)), np.array([1]))
    assert (found.matched, found.within, found.between) == (pytest.approx(1.0), None, None)
