"""Vanilla knowledge distillation."""

import loss_references as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.losses import create_objective, kd
from bickd_core.models.outputs import Outputs

quick = settings(max_examples=20, derandomize=True)


def pair(seed, samples=5, classes=4, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (
        torch.randn(2, samples, classes, generator=generator, dtype=torch.float64) * 3
    )
    return student.to(dtype), teacher.to(dtype)


@quick
@given(
    st.integers(0, 999),
    st.integers(1, 6),
    st.integers(2, 6),
    st.sampled_from([0.5, 1.0, 4.0, 20.0]),
)
def test_equals_the_loop(seed, samples, classes, temperature):
    student, teacher = pair(seed, samples, classes)
    expected = reference.kd(student.tolist(), teacher.tolist(), temperature)
    assert kd(student, teacher, temperature=temperature).item() == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )


@quick
@given(
    st.integers(0, 999),
    st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
    st.sampled_from([1.0, 1e4]),
)
def test_equal_logits_give_exactly_zero(seed, dtype, scale):
    student, _ = pair(seed, dtype=dtype)
    loss = kd(student * scale, (student * scale).clone())
    assert loss.item() == 0.0


def test_mean_is_over_samples_and_not_over_classes():
    # teacher sure of class 0, student uniform over C = 4: KL is log 4 for each sample, whatever B
    # is
    teacher = torch.tensor([[1e4, 0.0, 0.0, 0.0]]).repeat(3, 1)
    assert kd(torch.zeros(3, 4), teacher, temperature=1.0).item() == pytest.approx(1.3862944)


@quick
@given(st.integers(0, 999), st.floats(-50, 50))
def test_adding_a_constant_to_a_sample_changes_nothing(seed, shift):
    student, teacher = pair(seed)
    assert torch.allclose(kd(student + shift, teacher), kd(student, teacher), rtol=1e-8, atol=1e-10)


def test_gradient_agrees_with_finite_differences():
    student, teacher = pair(3)
    assert torch.autograd.gradcheck(lambda z: kd(z, teacher), student.requires_grad_())


def test_the_teacher_gets_no_gradient():
    student, teacher = (z.requires_grad_() for z in (pair(1)[0].clone(), pair(1)[1].clone()))
    kd(student, teacher).backward()
    assert teacher.grad is None
    assert student.grad.abs().max() > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_saturated_logits_stay_finite(dtype):
    student = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 0.0, 1e4]]).to(dtype).requires_grad_()
    teacher = torch.tensor([[-1e4, 1e4, 0.0], [1e4, 0.0, -1e4]]).to(dtype)
    loss = kd(student, teacher)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(16 * 2e4 / 4, rel=5e-3)
    assert torch.isfinite(student.grad).all()


def test_autocast_does_not_lower_the_precision():
    student, teacher = pair(5, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = kd(student, teacher)
    assert inside.item() == kd(student, teacher).item()


@pytest.mark.parametrize("alpha", [0.0, 1e-9, 0.1])
def test_t_squared_is_there_for_every_alpha(alpha):
    student, teacher = pair(7)
    objective = create_objective("kd", temperature=4.0, alpha=alpha, beta=0.9)
    terms = objective(Outputs(student), Outputs(teacher), torch.zeros(5, dtype=torch.long), 0.0)
    divergence = reference.kd(student.tolist(), teacher.tolist(), 4.0) / 16
    assert terms["kl"].item() == pytest.approx(0.9 * 16 * divergence)
    assert ("ce" in terms) == (alpha > 0)


def test_terms_are_weighted():
    student, teacher = pair(8)
    labels = torch.tensor([0, 1, 2, 3, 0])
    terms = create_objective("kd", alpha=0.25, beta=2.0)(
        Outputs(student), Outputs(teacher), labels, 0.5
    )
    assert terms["ce"].item() == pytest.approx(
        0.25 * reference.cross_entropy(student.tolist(), labels.tolist())
    )
    assert terms["kl"].item() == pytest.approx(
        2 * reference.kd(student.tolist(), teacher.tolist(), 4.0)
    )


@pytest.mark.parametrize(
    ("student", "teacher", "message"),
    [
        ((2, 3), (2, 4), r"teacher_logits must have the student's shape \[2, 3\], got \[2, 4\]"),
        ((2, 1), (2, 1), "classes >= 2"),
        ((0, 3), (0, 3), "samples >= 1"),
        ((3,), (3,), "student_logits must be"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(student, teacher, message):
    with pytest.raises(ValueError, match=message):
        kd(torch.zeros(student), torch.zeros(teacher))


def test_temperature_must_be_above_zero():
    with pytest.raises(ValueError, match="temperature must be above 0, got 0"):
        kd(torch.zeros(1, 2), torch.zeros(1, 2), temperature=0)
