"""DIST: Huang, You, Wang, Qian and Xu, "Knowledge Distillation from A Stronger Teacher", NeurIPS
2022.

arXiv 2205.10536, section 3. Pearson's correlation between the student's and the teacher's
probabilities, along rows (inter-class: one sample over the classes) and columns (intra-class: one
class over the batch). As in the released code, each term has a factor T^2 and a constant 1e-8 added
to the norms. Here, a row or column that is constant to within rounding has correlation 0 and no
gradient. In the released code, its gradient is rounding noise times up to 1e8.
"""

from typing import ClassVar

import torch
from torch import Tensor

from bickd_core.losses.ce import cross_entropy
from bickd_core.losses.inputs import check_pair
from bickd_core.losses.numerics import (
    centred,
    log_probabilities,
    logit_pair,
    without_autocast,
)
from bickd_core.losses.objective import LogitObjective, weighted
from bickd_core.presets.logits import DISTOptions

_EPSILON = 1e-8


def dist_rows(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 4.0
) -> Tensor:
    """T^2 (1 - mean_i Pearson(p_i^S, p_i^T)), with P = softmax(z / T) and p_i its rows.

    Args:
        student_logits, teacher_logits: [B, C]. The teacher's get no gradient.
        temperature: T > 0; in the paper 4 on CIFAR and 1 on ImageNet.

    Returns:
        A scalar in [0, 2 T^2]; lower is better.

    >>> import torch
    >>> z = torch.tensor([[2.0, 0.0]])
    >>> opposite = dist_rows(-z, z,
    ...     temperature=1.0)  # the other order of the two classes: Pearson is -1
    >>> round(opposite.item(), 4)
    2.0
    """
    return _one_minus_pearson(student_logits, teacher_logits, temperature, dim=1)


def dist_columns(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 4.0
) -> Tensor:
    """T^2 (1 - mean_c Pearson(q_c^S, q_c^T)), with P = softmax(z / T) and q_c its columns.

    Arguments and range are those of `dist_rows`. It depends on which samples share a batch. For one
    sample, every column is constant, so the term is T^2, without gradient.
    """
    return _one_minus_pearson(student_logits, teacher_logits, temperature, dim=0)


def dist(
    student_logits: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float = 4.0,
    beta: float = 2.0,
    gamma: float = 2.0,
) -> Tensor:
    """Return beta `dist_rows` + gamma `dist_columns`; beta = gamma = 2 in the paper, on CIFAR."""
    return beta * dist_rows(
        student_logits, teacher_logits, temperature=temperature
    ) + gamma * dist_columns(student_logits, teacher_logits, temperature=temperature)


class DISTObjective(LogitObjective[DISTOptions]):
    """Terms "ce" = alpha CE, "rows" = beta `dist_rows` and "columns" = gamma `dist_columns`."""

    kind: ClassVar[str] = "dist"

    def terms(
        self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        o, pair = self.options, logit_pair(student_logits, teacher_logits, self.options.standardize)
        return weighted(
            ("ce", o.alpha, lambda: cross_entropy(student_logits, labels)),
            ("rows", o.beta, lambda: dist_rows(*pair, temperature=o.temperature)),
            ("columns", o.gamma, lambda: dist_columns(*pair, temperature=o.temperature)),
        )


def _one_minus_pearson(
    student_logits: Tensor, teacher_logits: Tensor, temperature: float, dim: int
) -> Tensor:
    student_logits, teacher_logits = check_pair(student_logits, teacher_logits)
    with without_autocast(student_logits):
        s = centred(log_probabilities(student_logits, temperature).exp(), dim)
        t = centred(log_probabilities(teacher_logits, temperature).exp(), dim)
        norms = torch.linalg.vector_norm(s, dim=dim) * torch.linalg.vector_norm(t, dim=dim)
        pearson = (s * t).sum(dim) / (norms + _EPSILON)
        return temperature**2 * (1 - pearson.mean())
