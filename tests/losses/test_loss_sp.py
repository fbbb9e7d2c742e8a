"""SP: value against the loop, weights."""

import loss_references as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.losses import create_objective, sp
from bickd_core.models.outputs import Outputs

quick = settings(max_examples=20, derandomize=True)


def maps(seed, samples, size):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, *size, generator=generator, dtype=torch.float64)


@quick
@given(st.integers(0, 999), st.integers(1, 6))
def test_equals_the_loop_for_maps_of_any_size(seed, samples):
    student, teacher = maps(seed, samples, (3, 2, 2)), maps(seed + 1, samples, (5, 1, 3))
    expected = reference.sp(student.flatten(1).tolist(), teacher.flatten(1).tolist())
    assert sp(student, teacher).item() == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_memory_format_does_not_matter():
    student, teacher = maps(0, 4, (3, 2, 2)), maps(1, 4, (3, 2, 2))
    moved = sp(student.to(memory_format=torch.channels_last), teacher)
    assert moved.item() == pytest.approx(sp(student, teacher).item(), rel=1e-12)


def test_terms_are_named_and_weighted():
    student, teacher, labels = maps(0, 3, (2, 2, 2)), maps(1, 3, (4, 1, 1)), torch.tensor([0, 1, 0])
    logits = maps(2, 3, (2,))
    outputs = (Outputs(logits, maps=student), Outputs(logits, maps=teacher))
    terms = create_objective("sp", alpha=0.5)(*outputs, labels, 0.0)
    assert terms["similarity"].item() == pytest.approx(3000 * sp(student, teacher).item())
    assert terms["ce"].item() == pytest.approx(
        0.5 * reference.cross_entropy(logits.tolist(), labels.tolist())
    )
    assert set(create_objective("sp", alpha=0)(*outputs, labels, 0.0)) == {"similarity"}
    assert set(create_objective("sp", beta=0)(*outputs, labels, 0.0)) == {"ce"}
