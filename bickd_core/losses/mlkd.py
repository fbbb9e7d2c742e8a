"""MLKD: Jin, Wang and Lin, "Multi-Level Logit Distillation", CVPR 2023, sections 3.2 to 3.4.

Three levels, each summed over several temperatures ("prediction augmentation"): the divergence of
each sample, and the squared distance between the teacher's and the student's Grams over the samples
(B x B) and over the classes (C x C). This is the paper's loss on one view of an image, with the
weights of the released code (Jin-Ying/Multi-Level-Logit-Distillation). That code differs: it uses a
weak and a strong view, and masks the samples and classes that the teacher is less sure of.
docs/losses.md lists the factor of each term in that code. As there, the divergence has a factor T^2
and the Grams have none.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from bickd_core.losses.ce import cross_entropy
from bickd_core.losses.inputs import check_pair
from bickd_core.losses.kd import kd
from bickd_core.losses.numerics import log_probabilities, logit_pair, without_autocast
from bickd_core.losses.objective import LogitObjective, weighted
from bickd_core.presets.logits import MLKDOptions

TEMPERATURES = (2.0, 3.0, 4.0, 5.0, 6.0)
"""From the paper."""


def mlkd_kl(
    student_logits: Tensor, teacher_logits: Tensor, *, temperatures: Sequence[float] = TEMPERATURES
) -> Tensor:
    """sum_T T^2 KL(P^T || P^S) with P = softmax(z / T): `kd` at each temperature.

    Args:
        student_logits, teacher_logits: [B, C]. The teacher's get no gradient.
        temperatures: each above 0.

    Returns:
        A scalar, at least 0 and exactly 0 for equal logits; lower is better.
    """
    return torch.stack(
        [kd(student_logits, teacher_logits, temperature=t) for t in temperatures]
    ).sum()


def mlkd_sample(
    student_logits: Tensor, teacher_logits: Tensor, *, temperatures: Sequence[float] = TEMPERATURES
) -> Tensor:
    """sum_T ||P^T P^T' - P^S P^S'||_F^2 / B, the Grams over the samples [B, B].

    Arguments and range are those of `mlkd_kl`. It depends on which samples share a batch.

    >>> import torch
    >>> teacher, student = 1e4 * torch.eye(2), torch.tensor([[1e4, 0.0], [1e4,
    ...     0.0]])  # 2 entries differ by 1
    >>> mlkd_sample(student, teacher, temperatures=[1.0])
    tensor(1.)
    """
    return _gram_distance(student_logits, teacher_logits, temperatures, by_class=False)


def mlkd_class(
    student_logits: Tensor, teacher_logits: Tensor, *, temperatures: Sequence[float] = TEMPERATURES
) -> Tensor:
    """sum_T ||P^T' P^T - P^S' P^S||_F^2 / C, the Grams over the classes [C, C], columns not
    normalised.

    Arguments and range are those of `mlkd_kl`. It depends on which samples share a batch.
    """
    return _gram_distance(student_logits, teacher_logits, temperatures, by_class=True)


class MLKDObjective(LogitObjective[MLKDOptions]):
    """Terms "ce" = alpha CE, "kl" (beta), "sample" and "class": lambda times the distance of the
    Grams."""

    kind: ClassVar[str] = "mlkd"

    def terms(
        self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        o, pair = self.options, (student_logits, teacher_logits)
        temperatures = (o.temperature, *(t for t in TEMPERATURES if t != 4.0))
        return weighted(
            ("ce", o.alpha, lambda: cross_entropy(student_logits, labels)),
            (
                "kl",
                o.beta,
                lambda: mlkd_kl(*logit_pair(*pair, o.standardize), temperatures=temperatures),
            ),
            ("sample", o.lambda_sample, lambda: mlkd_sample(*pair, temperatures=temperatures)),
            ("class", o.lambda_class, lambda: mlkd_class(*pair, temperatures=temperatures)),
        )


def _gram_distance(
    student_logits: Tensor, teacher_logits: Tensor, temperatures: Sequence[float], by_class: bool
) -> Tensor:
    student_logits, teacher_logits = check_pair(student_logits, teacher_logits)
    size = student_logits.shape[1 if by_class else 0]
    distances = []
    with without_autocast(student_logits):
        for temperature in temperatures:
            s = log_probabilities(student_logits, temperature).exp()
            t = log_probabilities(teacher_logits, temperature).exp()
            difference = t.T @ t - s.T @ s if by_class else t @ t.T - s @ s.T
            distances.append(difference.square().sum() / size)
    return torch.stack(distances).sum()
