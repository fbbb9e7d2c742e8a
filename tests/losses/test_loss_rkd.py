"""RKD: distances and angles against the loops, what they do not see, weights."""

import loss_references as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.losses import create_objective, rkd_angle, rkd_distance
from bickd_core.models.outputs import Outputs

quick = settings(max_examples=20, derandomize=True)


def features(seed, samples, width):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, width, generator=generator, dtype=torch.float64)


@quick
@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 5), st.booleans())
def test_both_equal_the_loops(seed, samples, width, twins):
    student, teacher = features(seed, samples, width), features(seed + 1, samples, 3)
    if twins and samples > 1:
        student[1] = student[0]
    plain, close = (student.tolist(), teacher.tolist()), {"rel": 1e-9, "abs": 1e-12}
    assert rkd_distance(student, teacher).item() == pytest.approx(
        reference.rkd_distance(*plain), **close
    )
    assert rkd_angle(student, teacher).item() == pytest.approx(reference.rkd_angle(*plain), **close)


@pytest.mark.parametrize("part", [rkd_distance, rkd_angle])
def test_turning_and_shifting_the_students_space_costs_nothing(part):
    teacher = features(0, 6, 4)
    turn, _ = torch.linalg.qr(features(1, 4, 4))
    assert part(3 * teacher @ turn + 5, teacher).item() == pytest.approx(0, abs=1e-12)


def test_a_pair_that_coincides_has_no_gradient_of_its_own_but_others_have():
    student = features(2, 4, 3)
    student[1] = student[0]
    student.requires_grad_()
    (rkd_distance(student, features(3, 4, 3)) + rkd_angle(student, features(3, 4, 3))).backward()
    assert torch.isfinite(student.grad).all()
    assert student.grad[2].abs().max() > 0


def test_terms_are_named_and_weighted():
    student, teacher, logits = features(0, 3, 4), features(1, 3, 6), features(2, 3, 2)
    labels = torch.tensor([0, 1, 0])
    outputs = (Outputs(logits, student), Outputs(logits, teacher))
    terms = create_objective("rkd", alpha=0.5)(*outputs, labels, 0.0)
    assert terms["distance"].item() == pytest.approx(25 * rkd_distance(student, teacher).item())
    assert terms["angle"].item() == pytest.approx(50 * rkd_angle(student, teacher).item())
    assert terms["ce"].item() == pytest.approx(
        0.5 * reference.cross_entropy(logits.tolist(), labels.tolist())
    )
    for off in ("alpha", "distance", "angle"):
        left = {"alpha": "ce"}.get(off, off)
        assert left not in create_objective("rkd", **{off: 0})(*outputs, labels, 0.0)
