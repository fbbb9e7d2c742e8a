"""PKT: value against the loop, weights."""

import loss_references as reference
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.losses import create_objective, pkt
from bickd_core.models.outputs import Outputs

quick = settings(max_examples=20, derandomize=True)


def features(seed, samples, width):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, width, generator=generator, dtype=torch.float64)


@quick
@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 5))
def test_equals_the_loop(seed, samples, width):
    student, teacher = features(seed, samples, width), features(seed + 1, samples, 3)
    expected = reference.pkt(student.tolist(), teacher.tolist())
    assert pkt(student, teacher).item() == pytest.approx(expected, rel=1e-7, abs=1e-12)


def test_terms_are_named_and_weighted():
    student, teacher, logits = features(0, 3, 4), features(1, 3, 6), features(2, 3, 2)
    labels = torch.tensor([0, 1, 0])
    outputs = (Outputs(logits, student), Outputs(logits, teacher))
    terms = create_objective("pkt", alpha=0.5)(*outputs, labels, 0.0)
    assert terms["similarity"].item() == pytest.approx(30000 * pkt(student, teacher).item())
    assert terms["ce"].item() == pytest.approx(
        0.5 * reference.cross_entropy(logits.tolist(), labels.tolist())
    )
    assert set(create_objective("pkt", alpha=0)(*outputs, labels, 0.0)) == {"similarity"}
    assert set(create_objective("pkt", beta=0)(*outputs, labels, 0.0)) == {"ce"}
