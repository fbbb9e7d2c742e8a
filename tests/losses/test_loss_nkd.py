"""NKD: the label by the teacher's trust, and a cross-entropy among the other classes."""

import loss_references as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.losses import create_objective, dkd_non_target, nkd_non_target, nkd_target
from bickd_core.models.outputs import Outputs

quick = settings(max_examples=20, derandomize=True)


def batch(seed, samples=5, classes=4):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (
        torch.randn(2, samples, classes, generator=generator, dtype=torch.float64) * 3
    )
    return student, teacher, torch.randint(classes, (samples,), generator=generator)


@quick
@given(st.integers(0, 999), st.integers(1, 6), st.integers(2, 6), st.sampled_from([0.5, 1.0, 4.0]))
def test_both_parts_equal_the_loops(seed, samples, classes, temperature):
    student, teacher, labels = batch(seed, samples, classes)
    plain = (student.tolist(), teacher.tolist(), labels.tolist())
    close = {"rel": 1e-9, "abs": 1e-11}
    assert nkd_target(student, teacher, labels).item() == pytest.approx(
        reference.nkd_target(*plain), **close
    )
    rest = nkd_non_target(student, teacher, labels, temperature=temperature)
    assert rest.item() == pytest.approx(reference.nkd_non_target(*plain, temperature), **close)


def test_a_sure_teacher_makes_the_target_part_the_cross_entropy():
    student, _, labels = batch(1)
    teacher = 1e4 * torch.nn.functional.one_hot(labels, 4).double()
    expected = reference.cross_entropy(student.tolist(), labels.tolist())
    assert nkd_target(student, teacher, labels).item() == pytest.approx(expected)


def test_the_other_classes_are_taught_as_dkd_teaches_them_but_for_a_constant():
    student, teacher, labels = batch(2)
    student.requires_grad_()
    (ours,) = torch.autograd.grad(
        nkd_non_target(student, teacher, labels, temperature=2.0), student
    )
    (theirs,) = torch.autograd.grad(
        dkd_non_target(student, teacher, labels, temperature=2.0), student
    )
    assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("part", [nkd_target, nkd_non_target])
def test_gradient_agrees_with_finite_differences(part):
    student, teacher, labels = batch(3)
    assert torch.autograd.gradcheck(lambda z: part(z, teacher, labels), student.requires_grad_())


def test_terms_are_named_and_weighted():
    student, teacher, labels = batch(4)
    objective = create_objective("nkd", alpha=0.5, target=2.0, gamma=3.0, temperature=2.0)
    terms = objective(Outputs(student), Outputs(teacher), labels, 0.0)
    plain = (student.tolist(), teacher.tolist(), labels.tolist())
    expected = {
        "ce": 0.5 * reference.cross_entropy(student.tolist(), labels.tolist()),
        "target": 2 * reference.nkd_target(*plain),
        "non_target": 3 * reference.nkd_non_target(*plain, 2.0),
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)
