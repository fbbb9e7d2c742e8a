"""DIST: Pearson correlation of rows and of columns."""

import loss_references as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.losses import create_objective, dist, dist_columns, dist_rows
from bickd_core.models.outputs import Outputs

quick = settings(max_examples=20, derandomize=True)


def pair(seed, samples=5, classes=4):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, samples, classes, generator=generator, dtype=torch.float64) * 3


@quick
@given(st.integers(0, 999), st.integers(2, 6), st.integers(2, 6), st.sampled_from([1.0, 4.0]))
def test_equal_the_loops(seed, samples, classes, temperature):
    student, teacher = pair(seed, samples, classes)
    s, t = student.tolist(), teacher.tolist()
    # the published constant of 1e-8 beside the norms is not in the formula
    close = {"rel": 1e-4, "abs": 1e-4}
    rows = dist_rows(student, teacher, temperature=temperature)
    columns = dist_columns(student, teacher, temperature=temperature)
    assert rows.item() == pytest.approx(reference.dist_rows(s, t, temperature), **close)
    assert columns.item() == pytest.approx(reference.dist_columns(s, t, temperature), **close)
    both = dist(student, teacher, temperature=temperature, beta=3.0, gamma=0.5)
    assert both.item() == pytest.approx(3 * rows.item() + 0.5 * columns.item())


@pytest.mark.parametrize("term", [dist_rows, dist_columns])
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_opposite_probabilities_cost_twice_t_squared(term, temperature):
    teacher = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert term(-teacher, teacher, temperature=temperature).item() == pytest.approx(
        2 * temperature**2
    )
    assert term(teacher, teacher, temperature=temperature).item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("term", [dist_rows, dist_columns])
def test_gradient_agrees_with_finite_differences(term):
    student, teacher = pair(4)
    assert torch.autograd.gradcheck(lambda z: term(z, teacher), student.clone().requires_grad_())


@quick
@given(st.permutations(range(5)), st.permutations(range(4)))
def test_orders_of_samples_and_classes_do_not_matter(samples, classes):
    student, teacher = pair(9)
    moved = [z[list(samples)][:, list(classes)] for z in (student, teacher)]
    assert torch.allclose(dist(*moved), dist(student, teacher), rtol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("samples", [1, 4])
@pytest.mark.parametrize("classes", [2, 5])
def test_saturated_logits_stay_finite(dtype, samples, classes):
    generator = torch.Generator().manual_seed(0)
    student, teacher = (
        1e4 * torch.rand(2, samples, classes, generator=generator).mul(2).sub(1).sign()
    )
    student = student.to(dtype).requires_grad_()
    loss = dist(student, teacher.to(dtype))
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_uniform_student_correlates_zero_and_gets_no_gradient_from_rounding(dtype):
    student = torch.full(
        (3, 5), 0.3, dtype=dtype
    ).requires_grad_()  # 1/5 and its mean differ in the last bit
    loss = dist(student, torch.randn(3, 5, generator=torch.Generator().manual_seed(0), dtype=dtype))
    loss.backward()
    assert loss.item() == pytest.approx(4 * 16)
    assert student.grad.abs().max() == 0


def test_one_sample_has_constant_columns():
    student = torch.randn(1, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = dist_columns(student, torch.zeros(1, 3))
    loss.backward()
    assert loss.item() == pytest.approx(16)
    assert student.grad.abs().max() == 0


def test_terms_are_named_weighted_and_optional():
    student, teacher = pair(2)
    labels = torch.tensor([0, 1, 2, 3, 0])
    arguments = (Outputs(student), Outputs(teacher.clone().requires_grad_()), labels, 0.0)
    terms = create_objective("dist", alpha=0.5, beta=3.0, gamma=7.0)(*arguments)
    assert terms["ce"].item() == pytest.approx(
        0.5 * reference.cross_entropy(student.tolist(), labels.tolist())
    )
    assert terms["rows"].item() == pytest.approx(3 * dist_rows(student, teacher).item())
    assert terms["columns"].item() == pytest.approx(7 * dist_columns(student, teacher).item())
    assert not any(term.requires_grad for term in terms.values())  # nothing flows to the teacher
    assert set(create_objective("dist", alpha=0, beta=0)(*arguments)) == {"columns"}
    assert set(create_objective("dist", gamma=0)(*arguments)) == {"ce", "rows"}
