"""What holds for every loss on features or maps: sizes may differ, extreme features are finite, the
teacher rests."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.losses import create_objective, pkt, rkd_angle, rkd_distance, sp
from bickd_core.models.outputs import Outputs

quick = settings(max_examples=15, derandomize=True)
LOSSES = [sp, pkt, rkd_distance, rkd_angle]


def batch(seed, samples=5, student=4, teacher=6):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(samples, width, generator=generator, dtype=torch.float64)
        for width in (student, teacher)
    ]


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_agrees_with_finite_differences(loss):
    student, teacher = batch(1)
    assert torch.autograd.gradcheck(lambda f: loss(f, teacher), student.requires_grad_())


@pytest.mark.parametrize("loss", LOSSES)
@quick
@given(st.integers(0, 999), st.permutations(range(5)), st.sampled_from([1e-3, 1.0, 1e3]))
def test_neither_order_nor_scale_of_the_samples_matters(loss, seed, order, scale):
    student, teacher = batch(seed)
    moved = loss(scale * student[list(order)], teacher[list(order)])
    assert moved.item() == pytest.approx(loss(student, teacher).item(), rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("samples", [1, 2, 5])
@pytest.mark.parametrize("kind", ["zeros", "large", "alike", "opposite", "tiny", "one dead"])
def test_extreme_features_give_finite_values_and_gradients(loss, dtype, samples, kind):
    student, teacher = batch(2, samples)
    student = {
        "zeros": torch.zeros_like(student),
        "large": 1e4 * student.sign(),
        "alike": student[:1].expand(samples, -1).clone(),
        "opposite": student[:1] * torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0])[:samples, None],
        "tiny": (1e-2 if dtype == torch.float16 else 1e-6)
        * student,  # the gradient grows as the features shrink
        "one dead": student * (torch.arange(samples) > 0)[:, None],
    }[kind]
    student = student.to(dtype).requires_grad_()
    value = loss(student, teacher.to(dtype))
    value.backward()
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.isfinite(value)
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_equal_features_cost_nothing_and_one_sample_neither(loss):
    student, teacher = batch(3)
    assert loss(student, student.clone()).item() == 0
    assert loss(student[:1], teacher[:1]).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_teacher_gets_no_gradient(loss):
    student, teacher = (f.requires_grad_() for f in batch(4))
    loss(student, teacher).backward()
    assert teacher.grad is None
    assert student.grad.abs().max() > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_autocast_does_not_lower_the_precision(loss):
    student, teacher = (f.float() for f in batch(5, 16))
    with torch.autocast("cpu", torch.bfloat16):
        inside = loss(student, teacher)
    assert inside.dtype == torch.float32
    assert inside.item() == loss(student, teacher).item()


@pytest.mark.parametrize("loss", LOSSES)
def test_features_of_other_samples_are_refused(loss):
    with pytest.raises(
        ValueError, match=r"of the same samples, one row or more, got \[2, 3\] and \[4, 3\]"
    ):
        loss(torch.zeros(2, 3), torch.zeros(4, 3))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("sp", "maps"), ("rkd", "features"), ("pkt", "features"), ("crd", "features")],
)
def test_an_objective_says_which_outputs_it_lacks(kind, name):
    objective, logits, labels = (
        create_objective(kind),
        torch.zeros(3, 4),
        torch.zeros(3, dtype=torch.long),
    )
    assert name in objective.needs
    with pytest.raises(
        ValueError, match=f"student must be Outputs with 3 rows of {name} .* got None"
    ):
        objective(Outputs(logits), Outputs(logits), labels, 0.0)
    with pytest.raises(
        ValueError, match=f"teacher must be the teacher's Outputs for the objective '{kind}'"
    ):
        objective(Outputs(logits), None, labels, 0.0)
    given = {"features": torch.zeros(3, 2), "maps": torch.zeros(3, 2, 2, 2), "ids": torch.arange(3)}
    short = {"features": torch.zeros(2, 2), "maps": torch.zeros(2, 2, 2, 2)}
    with pytest.raises(
        ValueError, match=f"teacher must be Outputs with 3 rows of {name} .* got 2 rows"
    ):
        objective(Outputs(logits, **given), Outputs(logits, **short), labels, 0.0)
    with pytest.raises(ValueError, match=r"progress must be in \[0, 1\]"):
        objective(Outputs(logits, **given), Outputs(logits, **given), labels, 2.0)
