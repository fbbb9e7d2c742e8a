"""Vanilla knowledge distillation: Hinton, Vinyals and Dean 2015, arXiv 1503.02531, section 2."""

from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor

from bickd_core.losses.ce import cross_entropy
from bickd_core.losses.inputs import check_pair
from bickd_core.losses.numerics import log_probabilities, logit_pair, without_autocast
from bickd_core.losses.objective import LogitObjective, weighted
from bickd_core.presets.logits import KDOptions


def kd(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 4.0) -> Tensor:
    """T^2 mean_i sum_c p_ic^T (log p_ic^T - log p_ic^S), with P = softmax(z / T).

    This is a Kullback-Leibler divergence, not a cross-entropy. The mean is over samples, not over
    classes ("batchmean"). The factor T^2 keeps the size of the gradient for large T.

    Args:
        student_logits, teacher_logits: [B, C]. The teacher's get no gradient.
        temperature: T > 0; 4 in the distillation benchmarks.

    Returns:
        A scalar in nats times T^2, at least 0 and exactly 0 for equal logits; lower is better.

    >>> import torch
    >>> z = torch.tensor([[1.0, 0.0]])
    >>> kd(z, z)
    tensor(0.)
    >>> sure_teacher = kd(torch.zeros(1, 2), torch.tensor([[1e4, 0.0]]), temperature=1.0)  # log 2
    >>> round(sure_teacher.exp().item(), 4)
    2.0
    """
    student_logits, teacher_logits = check_pair(student_logits, teacher_logits)
    with without_autocast(student_logits):
        log_student = log_probabilities(student_logits, temperature)
        log_teacher = log_probabilities(teacher_logits, temperature)
        return temperature**2 * divergence(log_student, log_teacher)


def divergence(log_student: Tensor, log_teacher: Tensor) -> Tensor:
    """Return mean_i KL(p_i^T || p_i^S) from log-probabilities [B, C]."""
    return F.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)


class KDObjective(LogitObjective[KDOptions]):
    """Terms "ce" = alpha CE and "kl" = beta T^2 KL(teacher || student)."""

    kind: ClassVar[str] = "kd"

    def terms(
        self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        o, pair = self.options, logit_pair(student_logits, teacher_logits, self.options.standardize)
        return weighted(
            ("ce", o.alpha, lambda: cross_entropy(student_logits, labels)),
            ("kl", o.beta, lambda: kd(*pair, temperature=o.temperature)),
        )
