"""RSA against loops over pairs, its replicates against finite differences, its draw and its
null."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.rsa import ranked_distances, rsa, rsa_null, rsa_sample
from bickd_core.geometry.shards import stratified_shards


def pairs_of(n):
    return list(itertools.combinations(range(n), 2))


def hellinger_of(P):
    return [
        math.sqrt(
            sum((math.sqrt(a) - math.sqrt(b)) ** 2 for a, b in zip(P[i], P[j], strict=True)) / 2
        )
        for i, j in pairs_of(len(P))
    ]


def weighted_spearman(x, y, weights):
    """Spearman's rho by loops: pearson of the weighted shares of pairs that are nearer, ties by
    half."""
    pairs = pairs_of(len(weights))
    w = [weights[i] * weights[j] for i, j in pairs]
    total = sum(w)

    def grades(values):
        return [
            sum(
                wk * (1.0 if v < at else 0.5 if v == at else 0.0)
                for v, wk in zip(values, w, strict=True)
            )
            / total
            for at in values
        ]

    u, v = grades(x), grades(y)

    def moment(a, b):
        return sum(wk * p * q for wk, p, q in zip(w, a, b, strict=True)) / total

    return (moment(u, v) - 0.25) / math.sqrt((moment(u, u) - 0.25) * (moment(v, v) - 0.25))


def two_models(n, c=4, seed=0):
    random = np.random.default_rng(seed)
    z = random.normal(size=(n, c)) * 2
    return softmax(z), softmax(z + random.normal(size=(n, c)))


def one_shard_each(n):
    return np.arange(n)


def test_rsa_is_spearman_of_hellinger_distances():
    P, Q = two_models(20)
    found = rsa(ranked_distances(P), ranked_distances(Q), one_shard_each(20))
    assert found.estimate == pytest.approx(
        spearmanr(hellinger_of(P), hellinger_of(Q)).statistic, abs=1e-9
    )
    assert found.n == 20


def test_rsa_of_features_is_spearman_of_euclidean_distances():
    random = np.random.default_rng(1)
    X = random.normal(size=(18, 5)) + 100
    Y = X[:, :3] + random.normal(size=(18, 3))
    found = rsa(
        ranked_distances(X, "euclidean"), ranked_distances(Y, "euclidean"), one_shard_each(18)
    )
    x, y = ([math.dist(A[i], A[j]) for i, j in pairs_of(18)] for A in (X, Y))
    assert found.estimate == pytest.approx(spearmanr(x, y).statistic, abs=1e-9)


def test_equal_rows_are_ties():
    P, Q = two_models(12)
    P[3:7], Q[5:9] = P[3], Q[5]
    found = rsa(ranked_distances(P), ranked_distances(Q), one_shard_each(12))
    x, y = (np.round(hellinger_of(A), 9) for A in (P, Q))
    assert (x == 0).sum() == 6
    assert found.estimate == pytest.approx(spearmanr(x, y).statistic, abs=1e-9)
    assert found.estimate == pytest.approx(weighted_spearman(x, y, [1.0] * 12), abs=1e-9)


@pytest.mark.parametrize("tied", [False, True])
def test_replicates_are_the_derivative_in_each_samples_weight(tied):
    n = 9
    P, Q = two_models(n, seed=3)
    if tied:
        P[2:5] = P[2]
    x, y = (np.round(hellinger_of(A), 9).tolist() for A in (P, Q))
    found = rsa(ranked_distances(P), ranked_distances(Q), one_shard_each(n))
    step = 1e-5
    for i in range(n):
        up, down = ([1.0 + sign * step * (j == i) for j in range(n)] for sign in (1, -1))
        slope = (weighted_spearman(x, y, up) - weighted_spearman(x, y, down)) / (2 * step)
        assert found.replicates[i] - found.estimate == pytest.approx(-n / (n - 1) * slope, abs=1e-6)


def test_replicates_are_near_those_of_leaving_shards_out():
    n = 120
    P, Q = two_models(n, seed=4)
    shard = stratified_shards(n, shards=12)
    found = rsa(ranked_distances(P), ranked_distances(Q), shard)
    left = np.array(
        [
            rsa(
                ranked_distances(P[shard != g]),
                ranked_distances(Q[shard != g]),
                one_shard_each((shard != g).sum()),
            ).estimate
            for g in range(12)
        ]
    )
    assert np.abs(found.replicates - left).max() < 0.15 * np.ptp(left)
    interval = found.interval()
    exact = math.sqrt(11 / 12 * ((left - left.mean()) ** 2).sum())
    assert (interval.high - interval.low) / 2 == pytest.approx(
        2.200985 * exact, rel=0.1
    )  # t, 11 degrees


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_monotone_changes_of_the_distances_and_the_order_of_samples_leave_it(seed):
    random = np.random.default_rng(seed)
    X, Y = random.normal(size=(15, 3)), random.normal(size=(15, 4))
    shard = one_shard_each(15)

    def of(A, B):
        return rsa(
            ranked_distances(A, "euclidean"), ranked_distances(B, "euclidean"), shard
        ).estimate

    rows = random.permutation(15)
    rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
    assert of(X @ rotation * 7 + 3, Y) == pytest.approx(of(X, Y), abs=1e-4)
    assert of(X[rows], Y[rows]) == pytest.approx(of(X, Y), abs=1e-9)
    assert of(X, X * 2) == pytest.approx(1.0)
    assert of(Y, X) == pytest.approx(of(X, Y))
    x, y = ([math.dist(A[i], A[j]) for i, j in pairs_of(15)] for A in (X, Y))
    assert spearmanr(np.exp(x), np.log(y)).statistic == pytest.approx(of(X, Y), abs=1e-9)


def test_saturated_logits_and_constant_rows():
    hot = softmax(np.eye(4)[np.arange(20) % 4] * 1e4)
    other = two_models(20)[0]
    found = rsa(ranked_distances(hot), ranked_distances(other), one_shard_each(20))
    assert np.isfinite([found.estimate, *found.replicates]).all()
    flat = ranked_distances(np.full((20, 4), 0.25))
    assert rsa(flat, ranked_distances(other), one_shard_each(20)) is None
    assert rsa_null(flat, ranked_distances(other), permutations=3).observed is None


def test_what_does_not_fit_is_refused():
    P, Q = two_models(10)
    with pytest.raises(ValueError, match="got 10 and 9"):
        rsa(ranked_distances(P), ranked_distances(Q[:9]), one_shard_each(10))
    with pytest.raises(ValueError, match="got 10 and 9"):
        rsa_null(ranked_distances(P), ranked_distances(Q[:9]))
    with pytest.raises(ValueError, match="at least 3"):
        ranked_distances(P[:2])
    with pytest.raises(ValueError, match="got 'cosine'"):
        ranked_distances(P, "cosine")
    with pytest.raises(ValueError, match="permutations must be at least 1"):
        rsa_null(ranked_distances(P), ranked_distances(Q), permutations=0)


def test_the_null_is_made_of_shuffles_and_tells_related_from_unrelated():
    P, Q = two_models(40)
    other = two_models(40, seed=9)[0]
    first = ranked_distances(P)
    order = np.random.default_rng(5).permutation(40)
    null = rsa_null(first, ranked_distances(Q), permutations=1, seed=5)
    shuffled = rsa(first, ranked_distances(Q[order]), one_shard_each(40)).estimate
    assert null.values[0] == pytest.approx(shuffled, abs=1e-4)
    related = rsa_null(first, ranked_distances(Q), permutations=49)
    assert related.p_value == pytest.approx(0.02)
    assert related.observed == pytest.approx(
        rsa(first, ranked_distances(Q), one_shard_each(40)).estimate
    )
    assert rsa_null(first, ranked_distances(other), permutations=49).p_value > 0.05
    assert abs(related.values.mean()) < 0.05


def test_all_samples_up_to_the_limit_and_then_each_class_by_its_share():
    labels = np.array([0] * 600 + [1] * 300 + [2] * 100)
    assert rsa_sample(1000, labels, most=1000).tolist() == list(range(1000))
    drawn = rsa_sample(1000, labels, most=100)
    assert len(set(drawn.tolist())) == 100
    assert np.bincount(labels[drawn]).tolist() == [60, 30, 10]
    assert (drawn == rsa_sample(1000, labels, most=100)).all()
    assert len(rsa_sample(10_000)) == 1_500
    with pytest.raises(ValueError, match="most at least 4"):
        rsa_sample(10, most=2)
