"""NKD: Yang, Zeng, Li, Zhang, Yuan and Li, "From Knowledge Distillation to Self-Knowledge
Distillation: A Unified Approach with Normalized Loss and Customized Soft Labels", ICCV 2023, arXiv
2303.13005, equation 6.

The first part is the label's cross-entropy, scaled by the teacher's probability of the label. The
second is a cross-entropy among the other classes, whose probabilities are normalised to sum 1. It
is not a divergence: for equal logits, it is T^2 times the teacher's entropy, not 0. The gradient is
the same.
"""

from typing import ClassVar

from torch import Tensor

from bickd_core.losses.ce import cross_entropy
from bickd_core.losses.inputs import NO_LABEL, check_labels, check_pair
from bickd_core.losses.numerics import (
    log_probabilities,
    logit_pair,
    mean_of_labelled,
    split_target,
    without_autocast,
)
from bickd_core.losses.objective import LogitObjective, weighted
from bickd_core.presets.logits import NKDOptions


def nkd_target(student_logits: Tensor, teacher_logits: Tensor, labels: Tensor | None) -> Tensor:
    """-mean_i p_iy^T log p_iy^S, with P = softmax(z), no temperature.

    Args:
        student_logits, teacher_logits: [B, C]. The teacher's get no gradient.
        labels: [B] integers; samples with -100 are left out of the mean.

    Returns:
        A scalar in nats, at least 0; lower is better.

    >>> import torch
    >>> half = nkd_target(torch.zeros(1, 4), torch.zeros(1, 4), torch.tensor([0]))  # 1/4 log 4
    >>> round(half.exp().item() ** 4, 4)
    4.0
    """
    student_logits, teacher_logits = check_pair(student_logits, teacher_logits)
    known = check_labels(labels, student_logits, "NKD")
    labelled = known != NO_LABEL
    at = known.masked_fill(~labelled, 0)[:, None]
    with without_autocast(student_logits):
        log_s = log_probabilities(student_logits, 1.0).gather(1, at)[:, 0]
        log_t = log_probabilities(teacher_logits, 1.0).gather(1, at)[:, 0]
        return -mean_of_labelled(log_t.exp() * log_s, labelled)


def nkd_non_target(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None,
    *,
    temperature: float = 1.0,
) -> Tensor:
    """-T^2 mean_i sum_{c != y} n_ic^T log n_ic^S, with n_i = softmax(z / T) without class y_i,
    normalised.

    Args:
        student_logits, teacher_logits: [B, C]. The teacher's get no gradient.
        labels: [B] integers; samples with -100 are left out of the mean.
        temperature: T > 0; 1 in the paper.

    Returns:
        A scalar, at least T^2 times the teacher's entropy among these classes; lower is better. For
        two classes, it is 0.
    """
    student_logits, teacher_logits = check_pair(student_logits, teacher_logits)
    known = check_labels(labels, student_logits, "NKD")
    labelled = known != NO_LABEL
    at = known.masked_fill(~labelled, 0)
    with without_autocast(student_logits):
        log_s = split_target(log_probabilities(student_logits, temperature), at)[2]
        log_t = split_target(log_probabilities(teacher_logits, temperature), at)[2]
        crossed = (log_t.exp() * log_s).sum(1)  # log_s is 0 at the label
        return -(temperature**2) * mean_of_labelled(crossed, labelled)


class NKDObjective(LogitObjective[NKDOptions]):
    """Terms "ce" = alpha CE, "target" and "non_target" (gamma) of NKD."""

    kind: ClassVar[str] = "nkd"

    def terms(
        self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        o, pair = self.options, logit_pair(student_logits, teacher_logits, self.options.standardize)
        return weighted(
            ("ce", o.alpha, lambda: cross_entropy(student_logits, labels)),
            ("target", o.target, lambda: nkd_target(*pair, labels)),
            (
                "non_target",
                o.gamma,
                lambda: nkd_non_target(*pair, labels, temperature=o.temperature),
            ),
        )
