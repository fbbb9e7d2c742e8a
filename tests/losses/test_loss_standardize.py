"""The switch that z-scores logits: its formula, its edges, and that every objective on logits has
it."""

import loss_references as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.losses import create_objective, kd, standardized
from bickd_core.models.outputs import Outputs
from bickd_core.presets.catalogue import PRESETS, VARIANTS

quick = settings(max_examples=20, derandomize=True)
WITH_THE_SWITCH = [
    kind for kind, preset in PRESETS.items() if "standardize" in preset.options.model_fields
]


def batch(seed, samples=6, classes=4):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (
        torch.randn(2, samples, classes, generator=generator, dtype=torch.float64) * 3
    )
    return student, teacher, torch.randint(classes, (samples,), generator=generator)


@quick
@given(st.integers(0, 999), st.integers(1, 6), st.integers(2, 6))
def test_equals_the_loop(seed, samples, classes):
    student, _, _ = batch(seed, samples, classes)
    expected = torch.tensor(reference.standardized(student.tolist()), dtype=torch.float64)
    assert torch.allclose(standardized(student), expected, rtol=1e-9, atol=1e-12)


def test_gradient_agrees_with_finite_differences():
    student, _, _ = batch(1)
    assert torch.autograd.gradcheck(standardized, student.requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("value", [0.0, 0.3, 1e4])
def test_logits_that_are_all_alike_become_zero_without_gradient(dtype, value):
    student = torch.full((2, 7), value, dtype=dtype).requires_grad_()
    z = standardized(student)
    (z * torch.arange(7)).sum().backward()
    assert z.dtype == torch.float32
    assert z.abs().max() == 0
    assert student.grad.abs().max() == 0


def test_the_objectives_on_logits_have_the_switch_and_only_they():
    assert WITH_THE_SWITCH == ["kd", "dkd", "dist", "mlkd", "nkd", "bickd"]
    assert not any(PRESETS[kind].options().standardize for kind in WITH_THE_SWITCH)


@pytest.mark.parametrize("kind", [kind for kind in WITH_THE_SWITCH if kind != "mlkd"])
def test_the_switch_standardises_every_term_but_the_cross_entropy(kind):
    student, teacher, labels = batch(2)
    switched = create_objective(kind, standardize=True)(
        Outputs(student), Outputs(teacher), labels, 1.0
    )
    by_hand = create_objective(kind)(
        Outputs(standardized(student)), Outputs(standardized(teacher)), labels, 1.0
    )
    plain = create_objective(kind)(Outputs(student), Outputs(teacher), labels, 1.0)
    assert switched["ce"].item() == plain["ce"].item()
    for name in set(plain) - {"ce"}:
        assert switched[name].item() == by_hand[name].item()
        assert switched[name].item() != plain[name].item()


@pytest.mark.parametrize("kind", WITH_THE_SWITCH)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("shape", [(1, 2), (5, 2), (3, 7)])
def test_saturated_and_equal_logits_stay_finite(kind, dtype, shape):
    generator = torch.Generator().manual_seed(0)
    student, teacher = 1e4 * torch.randint(-1, 2, (2, *shape), generator=generator).double()
    student[0] = 1e4  # a sample whose logits are all alike
    student = student.to(dtype).requires_grad_()
    labels = torch.zeros(shape[0], dtype=torch.long)
    terms = create_objective(kind, standardize=True)(
        Outputs(student), Outputs(teacher.to(dtype)), labels, 1.0
    )
    loss = sum(terms.values())
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert torch.isfinite(student.grad).all()


@quick
@given(st.integers(0, 999), st.floats(0.1, 10), st.floats(-50, 50))
def test_scale_and_shift_of_the_students_logits_do_not_matter(seed, scale, shift):
    student, teacher, _ = batch(seed)
    moved = kd(standardized(scale * student + shift), standardized(teacher), temperature=2.0)
    assert torch.allclose(
        moved, kd(standardized(student), standardized(teacher), temperature=2.0), rtol=1e-4
    )


def test_the_published_setting_is_a_variant_of_kd():
    published = VARIANTS["kd-standardize"]
    assert published.options.model_dump() == {
        "kind": "kd",
        "temperature": 2.0,
        "alpha": 0.1,
        "beta": 9.0,
        "standardize": True,
    }
    assert published.why
    assert "arXiv 2403.01427" in published.citation
    student, teacher, labels = batch(3)
    terms = create_objective(published.options)(Outputs(student), Outputs(teacher), labels, 0.0)
    s, t = reference.standardized(student.tolist()), reference.standardized(teacher.tolist())
    assert terms["kl"].item() == pytest.approx(9 * reference.kd(s, t, 2.0))
    assert terms["ce"].item() == pytest.approx(
        0.1 * reference.cross_entropy(student.tolist(), labels.tolist())
    )
