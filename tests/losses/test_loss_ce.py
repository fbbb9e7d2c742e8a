"""Cross-entropy and its objective."""

import loss_references as reference
import pytest
import torch

from bickd_core.losses import create_objective, cross_entropy
from bickd_core.models.outputs import Outputs


def test_equals_the_loop():
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    labels = torch.tensor([0, 1, 2, 3, 0, 0])
    expected = reference.cross_entropy(logits.tolist(), labels.tolist())
    assert cross_entropy(logits, labels).item() == pytest.approx(expected, rel=1e-12)


def test_half_precision_is_lifted_to_float32():
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], dtype=torch.float16)
    loss = cross_entropy(logits, torch.tensor([1, 1]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(1e4, rel=1e-3)  # (20000 + 0) / 2


def test_objective_needs_no_teacher_and_no_features():
    objective = create_objective("ce")
    assert not objective.needs_teacher
    assert objective.needs == frozenset()
    logits = torch.zeros(2, 3, requires_grad=True)
    terms = objective(Outputs(logits), None, torch.tensor([0, 2]), 0.0)
    assert list(terms) == ["ce"]
    terms["ce"].backward()
    expected = torch.tensor([[-2 / 3, 1 / 3, 1 / 3], [1 / 3, 1 / 3, -2 / 3]]) / 2
    assert torch.allclose(logits.grad, expected)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, r"labels must be given for cross-entropy.*\[2\]"),
        (torch.zeros(3, dtype=torch.long), r"\[2\].*\[3\]"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        cross_entropy(torch.zeros(2, 3), labels)
