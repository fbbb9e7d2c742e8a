"""What the lessons pick and compute, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bickd_core.comparing import lessons
from bickd_core.losses import create_objective
from bickd_core.presets.logits import BicKDOptions, DISTOptions, KDOptions


def random_probabilities(seed: int, n: int, c: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(c), n)


def test_images_go_from_the_surest_to_the_least_sure():
    entropies = np.array([0.5, 0.1, 0.9, 0.3, 0.7])
    assert lessons.from_sure_to_unsure(entropies, 3).tolist() == [1, 0, 2]
    assert lessons.from_sure_to_unsure(entropies[:2], 5).tolist() == [1, 0]


def test_the_closest_three_hold_the_closest_pair_and_leave_out_empty_classes():
    gram = np.eye(5)
    for a, b, cosine in ((1, 3, 0.9), (1, 4, 0.5), (3, 4, 0.4), (0, 1, 0.6), (2, 3, 0.99)):
        gram[a, b] = gram[b, a] = cosine
    empty = np.array([False, False, True, False, False])
    assert lessons.closest_three(gram, empty) == (1, 3, 4)  # 0.5 + 0.4 beats 0.6 + 0
    assert lessons.closest_three(gram, np.array([True, False, True, False, True])) == (1, 3)
    assert lessons.closest_three(gram, np.ones(5, dtype=bool)) == ()


def test_of_each_class_those_furthest_apart_are_taken():
    P, Q = random_probabilities(0, 40, 3), random_probabilities(1, 40, 3)
    truth = np.random.default_rng(2).integers(0, 3, 40)
    found = lessons.furthest_of_each(P, Q, truth, (2, 0), 2)
    expected = []
    for c in (2, 0):
        apart = {
            i: math.sqrt(
                sum((math.sqrt(p) - math.sqrt(q)) ** 2 for p, q in zip(P[i], Q[i], strict=True)) / 2
            )
            for i in range(40)
            if truth[i] == c
        }
        expected += sorted(apart, key=lambda i: -apart[i])[:2]
    assert found.tolist() == expected
    assert lessons.furthest_of_each(P, Q, truth, (), 2).tolist() == []


@given(st.integers(1, 300), st.integers(0, 20))
def test_batches_are_full_and_do_not_meet(samples, number):
    found = lessons.batch(samples, number)
    assert len(found) == min(samples, lessons.BATCH)
    assert len(set(found.tolist())) == len(found)
    if samples >= 2 * lessons.BATCH:
        assert not set(found.tolist()) & set(lessons.batch(samples, number + 1).tolist())


@pytest.mark.parametrize(
    ("name", "options"), [("kd", KDOptions()), ("dist", DISTOptions()), ("bickd", BicKDOptions())]
)
def test_pulls_are_those_of_the_training_objective_without_its_labels(name, options):
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(0, 3, (12, 7)), rng.normal(0, 3, (12, 7))
    z = torch.tensor(student, requires_grad=True)
    objective = create_objective(options)
    labels = torch.arange(12) % 7
    terms = objective.terms(z, torch.tensor(teacher), labels, 1.0)
    value = sum(term for term_name, term in terms.items() if term_name != "ce")
    value.backward()
    found = lessons.preset_pulls(student, teacher, labels.numpy())[name]
    assert found.value == pytest.approx(value.item(), rel=1e-9)
    np.testing.assert_allclose(found.gradient, z.grad.numpy(), rtol=1e-6, atol=1e-9)


def test_directions_and_shares():
    a = np.array([[1.0, -1.0], [0.0, 0.0]])
    assert lessons.same_way(a, 2 * a) == pytest.approx(1.0)
    assert lessons.same_way(a, -a) == pytest.approx(-1.0)
    assert lessons.same_way(a, np.zeros((2, 2))) == 0.0
    assert lessons.share_on(
        np.array([[1.0, -1.0], [3.0, -3.0]]), np.array([True, False])
    ) == pytest.approx(0.25)
    assert lessons.share_on(np.zeros((2, 2)), np.array([True, False])) == 0.0


def test_the_strongest_rows_and_columns_come_in_order():
    g = np.zeros((4, 5))
    g[3, 0], g[1, 4], g[0, 2] = 5.0, -4.0, 1.0
    rows, columns = lessons.strongest([g, 10 * g], 2, 2)
    assert rows.tolist() == [1, 3]
    assert columns.tolist() == [0, 4]
    assert lessons.strongest([np.zeros((1, 2))], 5, 5)[1].tolist() == [0, 1]
