"""Who is right, confusions, and accuracy by class, against plain loops and scipy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from bickd_core.geometry.agreement import hellinger, nearest_neighbours
from bickd_core.geometry.disagreement import (
    class_accuracy_differences,
    confusion,
    confusion_difference,
    mcnemar_exact,
    outcomes,
    row_shares,
)
from bickd_core.geometry.probabilities import softmax


def draw(seed, n=80, c=4):
    random = np.random.default_rng(seed)
    labels = random.integers(0, c, n)
    return [
        np.where(random.random(n) < 0.6, labels, random.integers(0, c, n)) for _ in range(2)
    ] + [labels]


def test_the_four_outcomes_are_counted():
    a, b, labels = draw(0)
    table = {"both": 0, "first": 0, "second": 0, "neither": 0}
    for x, y, truth in zip(a, b, labels, strict=True):
        who = (
            "both" if x == truth and y == truth else "first" if x == truth else "second" if y == truth else "neither"
        )  # fmt: skip
        table[who] += 1
    found = outcomes(a, b, labels)
    assert {who: getattr(found, who) for who in table} == table
    assert found.n == 80
    assert found.accuracies == ((a == labels).mean(), (b == labels).mean())
    assert found.difference.estimate == pytest.approx((a == labels).mean() - (b == labels).mean())
    assert found.p_value == mcnemar_exact(table["first"], table["second"])
    turned = outcomes(b, a, labels)
    assert (turned.first, turned.second) == (found.second, found.first)
    assert turned.p_value == found.p_value


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_exact_binomial_test(b, c):
    found = mcnemar_exact(b, c)
    if b + c:
        assert found == pytest.approx(binomtest(b, b + c, 0.5).pvalue, rel=1e-9)
        tail = sum(math.comb(b + c, k) for k in range(min(b, c) + 1)) / 2 ** (b + c)
        assert found == pytest.approx(min(1.0, 2 * tail), rel=1e-9)
    else:
        assert found == 1.0


def test_mcnemar_refuses_negative_counts():
    with pytest.raises(ValueError, match="counts must be at least 0"):
        mcnemar_exact(-1, 2)


def test_confusion_and_its_difference_are_counted():
    from sklearn.metrics import confusion_matrix

    a, b, labels = draw(1)
    n_classes = 6  # two classes without samples
    expected = [[0] * n_classes for _ in range(n_classes)]
    for said, truth in zip(a, labels, strict=True):
        expected[truth][said] += 1
    assert confusion(a, labels, n_classes).tolist() == expected
    assert (
        confusion(a, labels, n_classes) == confusion_matrix(labels, a, labels=range(n_classes))
    ).all()
    found = confusion_difference(a, b, labels, n_classes)
    assert (found.counts == found.first - found.second).all()
    assert found.counts.sum(axis=1).tolist() == [0] * n_classes
    for c in range(n_classes):
        size = sum(int(truth == c) for truth in labels)
        for d in range(n_classes):
            share = (found.first[c, d] - found.second[c, d]) / size if size else float("nan")
            assert found.shares[c, d] == pytest.approx(share, nan_ok=True)
    assert row_shares(found.first)[:4].sum(axis=1) == pytest.approx(np.ones(4))


def test_accuracy_differences_by_class_are_bonett_and_prices():
    a, b, labels = draw(2)
    found = class_accuracy_differences(a, b, labels, 5)
    assert found[4] is None
    for c in range(4):
        rows = [i for i in range(80) if labels[i] == c]
        only_a = sum(int(a[i] == c and b[i] != c) for i in rows)
        only_b = sum(int(a[i] != c and b[i] == c) for i in rows)
        n = len(rows)
        p, q = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
        half = 1.959964 * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
        interval = found[c]
        assert interval.n == n
        assert interval.estimate == pytest.approx((only_a - only_b) / n)
        assert interval.low == pytest.approx(
            max(min(p - q - half, interval.estimate), -1), abs=1e-6
        )
        assert interval.high == pytest.approx(
            min(max(p - q + half, interval.estimate), 1), abs=1e-6
        )


def test_two_models_that_never_differ_are_still_not_known_to_be_the_same():
    labels = np.zeros(10, int)
    (found,) = class_accuracy_differences(labels, labels, labels, 1)
    assert found.estimate == 0
    assert found.low < -0.1 < 0.1 < found.high
    assert outcomes(labels, labels, labels).p_value == 1.0


def test_intervals_by_class_cover_at_ten_samples():
    random = np.random.default_rng(3)
    trials, covered = 800, 0
    for _ in range(trials):
        kind = random.choice(
            4, 10, p=[0.5, 0.25, 0.1, 0.15]
        )  # both, first, second, neither: truth 0.15
        first, second = np.isin(kind, (0, 1)), np.isin(kind, (0, 2))
        zeros = np.zeros(10, int)
        (found,) = class_accuracy_differences((~first).astype(int), (~second).astype(int), zeros, 1)
        covered += found.low <= 0.15 <= found.high
    assert 0.93 <= covered / trials <= 0.995


def test_what_does_not_fit_is_refused():
    labels = np.array([0, 1])
    with pytest.raises(ValueError, match="second must be 2 predicted classes, got shape"):
        outcomes(labels, np.array([0]), labels)
    with pytest.raises(ValueError, match="first must be 2 predicted classes, got shape"):
        confusion_difference(np.array([0.5, 1.0]), labels, labels, 2)
    with pytest.raises(ValueError, match="labels must be given for who is right"):
        outcomes(labels, labels, None)
    with pytest.raises(ValueError, match="at least one sample"):
        outcomes(labels[:0], labels[:0], labels[:0])
    with pytest.raises(ValueError, match="labels must lie between 0 and 1"):
        confusion(np.array([0, 2]), labels, 2)


def test_nearest_neighbours_are_sorted_by_hellinger_distance():
    logits = np.random.default_rng(4).normal(size=(30, 5)) * 2
    P = softmax(logits)
    distance = [hellinger(P[i : i + 1], P[7:8])[0] for i in range(30)]
    expected = sorted((i for i in range(30) if i != 7), key=lambda i: distance[i])[:6]
    positions, distances = nearest_neighbours(logits, 7, 6)
    assert positions.tolist() == expected
    np.testing.assert_allclose(distances, [distance[i] for i in expected])
    assert len(nearest_neighbours(logits, 7, 99)[0]) == 29
    assert len(nearest_neighbours(logits[:1], 0, 3)[0]) == 0
    with pytest.raises(ValueError, match="position must be between 0 and 29"):
        nearest_neighbours(logits, 30, 3)
