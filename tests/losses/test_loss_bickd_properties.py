"""BicKD as reconstructed: symmetries, gradients, extreme inputs, precision."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.losses import bickd_class, bickd_sample, create_objective
from bickd_core.models.outputs import Outputs

quick = settings(max_examples=15, derandomize=True)
OPTIONS = [
    {"form": form, "same_class": same, "absent": absent}
    for form, same, absent in itertools.product(
        ("contrast", "gram"), ("negative", "ignore", "positive"), ("keep", "drop")
    )
]
options = st.sampled_from(OPTIONS)


def batch(seed, samples=6, classes=4, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (
        torch.randn(2, samples, classes, generator=generator, dtype=torch.float64) * scale
    )
    return student, teacher, torch.randint(classes, (samples,), generator=generator)


def total(student, teacher, labels, chosen):
    terms = create_objective("bickd", **chosen)(Outputs(student), Outputs(teacher), labels, 0.0)
    return sum(terms.values())


@quick
@given(st.integers(0, 999), st.permutations(range(6)), options)
def test_the_order_of_samples_does_not_matter(seed, order, chosen):
    student, teacher, labels = batch(seed)
    order = list(order)
    moved = total(student[order], teacher[order], labels[order], chosen)
    assert torch.allclose(moved, total(student, teacher, labels, chosen), rtol=1e-10)


@quick
@given(st.integers(0, 999), st.permutations(range(4)), options)
def test_the_order_of_classes_does_not_matter(seed, order, chosen):
    student, teacher, labels = batch(seed)
    order = list(order)
    new_label = torch.tensor([order.index(c) for c in range(4)])
    moved = total(student[:, order], teacher[:, order], new_label[labels], chosen)
    assert torch.allclose(moved, total(student, teacher, labels, chosen), rtol=1e-10)


@pytest.mark.parametrize("chosen", OPTIONS, ids=lambda chosen: "-".join(chosen.values()))
def test_gradient_agrees_with_finite_differences(chosen):
    student, teacher, labels = batch(1, samples=4, classes=3)
    assert torch.autograd.gradcheck(
        lambda z: total(z, teacher, labels, chosen), student.requires_grad_()
    )


@quick
@given(
    st.integers(0, 999),
    st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
    st.sampled_from([(1, 2), (1, 7), (5, 2), (6, 9)]),  # more classes than samples: some are absent
    options,
)
def test_saturated_logits_give_finite_values_and_gradients(seed, dtype, shape, chosen):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = 1e4 * torch.randint(-1, 2, (2, *shape), generator=generator).double()
    labels = torch.randint(shape[1], (shape[0],), generator=generator)
    student = student.to(dtype).requires_grad_()
    loss = total(student, teacher.to(dtype), labels, chosen)
    loss.backward()
    assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.isfinite(loss)
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("side", [bickd_sample, bickd_class])
@pytest.mark.parametrize("form", ["contrast", "gram"])
def test_the_teacher_gets_no_gradient(side, form):
    student, teacher, labels = batch(2)
    student.requires_grad_(), teacher.requires_grad_()
    side(student, teacher, labels, form=form).backward()
    assert teacher.grad is None
    assert student.grad.abs().max() > 0


@pytest.mark.parametrize("side", [bickd_sample, bickd_class])
@pytest.mark.parametrize("form", ["contrast", "gram"])
def test_half_precision_inputs_lose_only_their_own_rounding(side, form):
    student, teacher, labels = batch(3, samples=16, classes=10)
    for dtype in (torch.float16, torch.bfloat16):
        rounded = side(student.to(dtype), teacher.to(dtype), labels, form=form)
        exact = side(student.to(dtype).double(), teacher.to(dtype).double(), labels, form=form)
        assert rounded.dtype == torch.float32
        assert rounded.item() == pytest.approx(exact.item(), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("side", [bickd_sample, bickd_class])
def test_autocast_does_not_lower_the_precision(side):
    student, teacher, labels = batch(4, samples=32, classes=10)
    student, teacher = student.float(), teacher.float()
    with torch.autocast("cpu", torch.bfloat16):
        inside = side(student, teacher, labels)
    assert inside.dtype == torch.float32
    assert inside.item() == side(student, teacher, labels).item()


@quick
@given(st.integers(0, 999), st.floats(-50, 50), options)
def test_adding_a_constant_to_a_sample_changes_nothing(seed, shift, chosen):
    student, teacher, labels = batch(seed)
    chosen = {**chosen, "alpha": 0.0}
    moved = student.clone()
    moved[0] += shift
    assert torch.allclose(
        total(moved, teacher, labels, chosen), total(student, teacher, labels, chosen), rtol=1e-8
    )


def test_descent_on_the_class_side_makes_classes_more_orthogonal():
    student = torch.randn(64, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    teacher = 12 * torch.eye(5)[torch.arange(64) % 5]

    def off_diagonal_mean():
        q = torch.nn.functional.normalize(student.detach().div(4).softmax(1), dim=0)
        gram = q.T @ q
        return ((gram.sum() - gram.trace()) / 20).item()

    before = off_diagonal_mean()
    for _ in range(100):
        (slope,) = torch.autograd.grad(bickd_class(student, teacher), student)
        student.data -= 60 * slope
    assert off_diagonal_mean() < before / 2
