"""The gradients written by hand against torch's, and against finite differences where nothing of
ours is shared."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core import losses
from bickd_core.comparing import gradients


def labels(samples: int) -> torch.Tensor:
    """Two classes, so that some pairs are of one class."""
    return torch.arange(samples) % 2


PAIRS = {
    "kd": (gradients.kd, losses.kd),
    "bickd_sample": (
        gradients.bickd_sample,
        partial(losses.bickd_sample, same_class="negative"),
    ),
    "bickd_sample with labels": (
        lambda s, t, **options: gradients.bickd_sample(s, t, labels(len(s)).numpy(), **options),
        lambda s, t, **options: losses.bickd_sample(s, t, labels(len(s)), **options),
    ),
    "bickd_class": (gradients.bickd_class, losses.bickd_class),
    "dist_rows": (gradients.dist_rows, losses.dist_rows),
    "dist_columns": (gradients.dist_columns, losses.dist_columns),
}


def by_torch(
    loss, student: np.ndarray, teacher: np.ndarray, temperature: float
) -> tuple[float, np.ndarray]:
    z = torch.tensor(student, dtype=torch.float64, requires_grad=True)
    value = loss(z, torch.tensor(teacher, dtype=torch.float64), temperature=temperature)
    if not value.requires_grad:
        return value.item(), np.zeros_like(student)
    value.backward()
    return value.item(), z.grad.numpy()


def logits(seed: int, samples: int, classes: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, spread, (samples, classes)), rng.normal(0, spread, (samples, classes))


@pytest.mark.parametrize("name", PAIRS)
@given(
    seed=st.integers(0, 10**6),
    samples=st.integers(1, 7),
    classes=st.integers(2, 6),
    spread=st.sampled_from([0.1, 3.0, 40.0]),
    temperature=st.sampled_from([0.5, 1.0, 4.0, 10.0]),
)
@settings(max_examples=60)
def test_value_and_gradient_are_those_of_torch(name, seed, samples, classes, spread, temperature):
    ours, theirs = PAIRS[name]
    student, teacher = logits(seed, samples, classes, spread)
    found = ours(student, teacher, temperature=temperature)
    value, gradient = by_torch(theirs, student, teacher, temperature)
    # 1e-8 beside a Pearson's norms turns the rounding of tiny columns into differences of about
    # 1e-9.
    np.testing.assert_allclose(found.value, value, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.gradient, gradient, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", PAIRS)
def test_gradient_is_the_slope_of_the_value(name):
    ours, _ = PAIRS[name]
    student, teacher = logits(3, 4, 5, 2.0)
    found = ours(student, teacher).gradient
    step = 1e-5
    for at in np.ndindex(student.shape):
        up, down = student.copy(), student.copy()
        up[at] += step
        down[at] -= step
        slope = (ours(up, teacher).value - ours(down, teacher).value) / (2 * step)
        assert found[at] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("top", [50.0, 1e4])
def test_saturated_logits_stay_finite_and_agree(name, top):
    ours, theirs = PAIRS[name]
    student, teacher = top * np.eye(3), top * np.eye(3)[[1, 0, 2]]
    found = ours(student, teacher)
    value, gradient = by_torch(theirs, student, teacher, 4.0)
    assert np.isfinite(found.gradient).all()
    np.testing.assert_allclose(found.value, value, rtol=1e-9)
    np.testing.assert_allclose(found.gradient, gradient, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", PAIRS)
def test_rows_of_a_gradient_sum_to_nothing(name):
    student, teacher = logits(1, 6, 4, 3.0)
    np.testing.assert_allclose(PAIRS[name][0](student, teacher).gradient.sum(axis=1), 0, atol=1e-12)


def test_a_student_that_says_what_the_teacher_says_is_left_alone_by_kd_and_dist():
    z, _ = logits(2, 5, 4, 3.0)
    for loss in (gradients.kd, gradients.dist_rows, gradients.dist_columns):
        np.testing.assert_allclose(loss(z, z).gradient, 0, atol=1e-6)


def test_pulls_add_and_take_weights():
    a, b = gradients.Pull(1.0, np.ones((1, 2))), gradients.Pull(2.0, np.zeros((1, 2)))
    both = a.times(3.0) + b
    assert both.value == 5.0
    np.testing.assert_array_equal(both.gradient, 3 * np.ones((1, 2)))


def test_other_shapes_and_temperatures_are_refused():
    with pytest.raises(ValueError, match="must have the student's shape"):
        gradients.kd(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="tau must be above 0"):
        gradients.bickd_class(np.zeros((2, 3)), np.zeros((2, 3)), tau=0.0)
    with pytest.raises(ValueError, match="T must be a finite number above 0"):
        gradients.kd(np.zeros((2, 3)), np.zeros((2, 3)), temperature=0.0)
