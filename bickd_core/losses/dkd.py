"""DKD: Zhao, Cui, Song, Qiu and Liang, "Decoupled Knowledge Distillation", CVPR 2022, arXiv
2203.08679.

Equation 7. The divergence from the teacher has two parts with separate weights: the label against
all other classes, and the other classes among themselves. Both weights rise linearly from 0 over
the first share `warmup` of the run (by the step; in the released code by the epoch, over 20 of
240). The released code shifts the label's logit by -1000 and takes logarithms of sums of
probabilities. Here everything is computed from log-probabilities, so saturated logits are no
problem.
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
from bickd_core.presets.logits import DKDOptions


def dkd_target(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None,
    *,
    temperature: float = 4.0,
) -> Tensor:
    """T^2 mean_i KL(b_i^T || b_i^S), with b_i = (p_iy, 1 - p_iy) and P = softmax(z / T).

    Args:
        student_logits, teacher_logits: [B, C]. The teacher's get no gradient.
        labels: [B] integers; samples with -100 are left out of the mean.
        temperature: T > 0; 4 in the paper.

    Returns:
        A scalar in nats times T^2, at least 0 and exactly 0 for equal logits; lower is better.

    >>> import torch
    >>> teacher, labels = torch.zeros(1,
    ...     2), torch.tensor([0])  # (1/2, 1/2) against (4/5, 1/5): log 1.25
    >>> round(dkd_target(torch.tensor([[4.0, 1.0]]).log(), teacher, labels,
    ...     temperature=1.0).exp().item(), 4)
    1.25
    """
    return _part(student_logits, teacher_logits, labels, temperature, of_label=True)


def dkd_non_target(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None,
    *,
    temperature: float = 4.0,
) -> Tensor:
    """T^2 mean_i KL(n_i^T || n_i^S), with n_i the normalised probabilities of the classes other
    than y_i.

    Arguments and range are those of `dkd_target`. For two classes, it is 0.
    """
    return _part(student_logits, teacher_logits, labels, temperature, of_label=False)


class DKDObjective(LogitObjective[DKDOptions]):
    """Terms "ce" = alpha CE, and warm-up times "target" and "non_target", the two parts with their
    weights."""

    kind: ClassVar[str] = "dkd"

    def terms(
        self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        o, pair = self.options, logit_pair(student_logits, teacher_logits, self.options.standardize)
        risen = min(progress / o.warmup, 1.0) if o.warmup > 0 else 1.0
        parts = (("target", o.target, dkd_target), ("non_target", o.non_target, dkd_non_target))
        return weighted(("ce", o.alpha, lambda: cross_entropy(student_logits, labels))) | {
            name: risen * weight * part(*pair, labels, temperature=o.temperature)
            for name, weight, part in parts
            if weight > 0
        }


def _part(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None,
    temperature: float,
    of_label: bool,
) -> Tensor:
    student_logits, teacher_logits = check_pair(student_logits, teacher_logits)
    known = check_labels(labels, student_logits, "DKD")
    labelled = known != NO_LABEL
    at = known.masked_fill(~labelled, 0)
    with without_autocast(student_logits):
        s = split_target(log_probabilities(student_logits, temperature), at)
        t = split_target(log_probabilities(teacher_logits, temperature), at)
        if of_label:
            divergence = t[0].exp() * (t[0] - s[0]) + t[1].exp() * (t[1] - s[1])  # [B]
        else:
            divergence = (t[2].exp() * (t[2] - s[2])).sum(1)  # the label's entries are 0 - 0
        return temperature**2 * mean_of_labelled(divergence, labelled)
