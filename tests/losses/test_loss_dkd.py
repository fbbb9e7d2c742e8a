"""DKD: the label against the rest, the rest among themselves, and the warm-up of both."""

import loss_references as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.losses import create_objective, dkd_non_target, dkd_target, kd
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
    plain = (student.tolist(), teacher.tolist(), labels.tolist(), temperature)
    close = {"rel": 1e-8, "abs": 1e-11}
    target = dkd_target(student, teacher, labels, temperature=temperature)
    rest = dkd_non_target(student, teacher, labels, temperature=temperature)
    assert target.item() == pytest.approx(reference.dkd_target(*plain), **close)
    assert rest.item() == pytest.approx(reference.dkd_non_target(*plain), **close)


@quick
@given(st.integers(0, 999), st.sampled_from([1.0, 4.0]))
def test_the_parts_add_up_to_the_divergence(seed, temperature):
    # equation 5 of the paper: KL = target part + (1 - p_y^T) x non-target part, sample by sample
    student, teacher, labels = batch(seed, samples=1)
    trust = torch.softmax(teacher / temperature, 1)[0, labels[0]]
    parts = dkd_target(student, teacher, labels, temperature=temperature) + (
        1 - trust
    ) * dkd_non_target(student, teacher, labels, temperature=temperature)
    assert parts.item() == pytest.approx(
        kd(student, teacher, temperature=temperature).item(), rel=1e-9
    )


@pytest.mark.parametrize("part", [dkd_target, dkd_non_target])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_equal_logits_give_exactly_zero(part, scale):
    student, _, labels = batch(1)
    assert part(scale * student.float(), scale * student.float(), labels).item() == 0


@pytest.mark.parametrize("part", [dkd_target, dkd_non_target])
def test_gradient_agrees_with_finite_differences(part):
    student, teacher, labels = batch(3)
    assert torch.autograd.gradcheck(lambda z: part(z, teacher, labels), student.requires_grad_())


def test_two_classes_leave_nothing_among_the_others():
    student, teacher, labels = batch(4, classes=2)
    assert dkd_non_target(student, teacher, labels).item() == 0


@pytest.mark.parametrize(
    ("progress", "risen"), [(0.0, 0.0), (0.05, 0.6), (20 / 240, 1.0), (0.5, 1.0), (1.0, 1.0)]
)
def test_both_parts_rise_over_20_of_240_epochs(progress, risen):
    student, teacher, labels = batch(5)
    terms = create_objective("dkd")(Outputs(student), Outputs(teacher), labels, progress)
    plain = (student.tolist(), teacher.tolist(), labels.tolist())
    expected = {
        "ce": reference.cross_entropy(student.tolist(), labels.tolist()),
        "target": risen * reference.dkd_target(*plain, 4.0),
        "non_target": risen * 8 * reference.dkd_non_target(*plain, 4.0),
    }
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)


def test_without_warm_up_both_parts_are_there_from_the_first_step():
    arguments = (*map(Outputs, batch(6)[:2]), batch(6)[2])
    at_once = create_objective("dkd", warmup=0)(*arguments, 0.0)
    later = create_objective("dkd")(*arguments, 1.0)
    assert {k: v.item() for k, v in at_once.items()} == {k: v.item() for k, v in later.items()}


def test_labels_are_needed():
    student, teacher, _ = batch(7)
    with pytest.raises(ValueError, match="labels must be given for DKD"):
        dkd_target(student, teacher, None)
