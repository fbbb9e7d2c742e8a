"""Cross-entropy with the labels, for training without a teacher."""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from bickd_core.losses.inputs import NO_LABEL, check_labels, check_logits
from bickd_core.losses.numerics import lift, without_autocast
from bickd_core.losses.objective import LogitObjective
from bickd_core.presets.logits import CEOptions


def cross_entropy(student_logits: Tensor, labels: Tensor | None) -> Tensor:
    """mean_i -log softmax(z_i)[y_i] over the samples with a label; 0 if there are none.

    Args:
        student_logits: [B, C], before any temperature.
        labels: [B] integers in [0, C), or -100 for a sample without a label.

    Returns:
        A scalar in nats, at least 0; lower is better.

    >>> import torch
    >>> uniform = cross_entropy(torch.zeros(3, 4), torch.tensor([0, 1, 2]))  # over 4 classes: log 4
    >>> round(uniform.exp().item(), 4)
    4.0
    """
    check_logits(student_logits)
    known = check_labels(labels, student_logits, "cross-entropy")
    with without_autocast(student_logits):
        total = F.cross_entropy(lift(student_logits), known, ignore_index=NO_LABEL, reduction="sum")
        return total / (known != NO_LABEL).sum().clamp(min=1)


class CEObjective(LogitObjective[CEOptions]):
    """Term "ce": the cross-entropy with weight 1. Needs no teacher."""

    kind: ClassVar[str] = "ce"
    needs_teacher = False

    def terms(
        self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        return {"ce": cross_entropy(student_logits, labels)}
