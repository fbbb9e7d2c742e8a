"""RKD: Park, Kim, Lu and Cho, "Relational Knowledge Distillation", CVPR 2019, arXiv 1904.05068,
section 3.2.

Huber's loss with delta 1 on distances between pairs, divided by the batch's mean distance, and on
angles of triplets. As in the released code, it is a mean over all B^2 pairs and B^3 triplets,
including the degenerate ones (i = j), and the weights 25 and 50 are for this mean. Pairs of equal
samples get no gradient.
"""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from bickd_core.losses.ce import cross_entropy
from bickd_core.losses.inputs import check_features
from bickd_core.losses.numerics import lift, unit_vectors, without_autocast
from bickd_core.losses.objective import FeatureObjective, Stateless, weighted
from bickd_core.models.outputs import Outputs
from bickd_core.presets.features import RKDOptions


def rkd_distance(student_features: Tensor, teacher_features: Tensor) -> Tensor:
    """mean_ij huber(d_ij^S - d_ij^T), with d_ij = |f_i - f_j| / mean over the pairs that are apart.

    It depends on which samples share a batch. For one sample, it is 0, without gradient.

    Args:
        student_features: [B, D_s].
        teacher_features: [B, D_t]; they get no gradient.

    Returns:
        A scalar, at least 0, and 0 if all distances agree up to scale; lower is better.

    >>> import torch
    >>> line = torch.tensor([[0.0], [1.0], [3.0]])
    >>> round(rkd_distance(5 * line, line).item(), 4)
    0.0
    """
    student_features, teacher_features = check_features(
        student_features, teacher_features, "features"
    )
    with without_autocast(student_features):
        return F.smooth_l1_loss(_distances(student_features), _distances(teacher_features))


def rkd_angle(student_features: Tensor, teacher_features: Tensor) -> Tensor:
    """mean_ijk huber(cos_ijk^S - cos_ijk^T), with cos_ijk the cosine of the angle at sample i
    between j and k.

    Arguments and range are those of `rkd_distance`. It needs memory for B x B x (D + B) numbers.

    >>> import torch
    >>> corner = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> round(rkd_angle(2 * corner + 1, corner).item(), 4)
    0.0
    """
    student_features, teacher_features = check_features(
        student_features, teacher_features, "features"
    )
    with without_autocast(student_features):
        return F.smooth_l1_loss(_angles(student_features), _angles(teacher_features))


class RKDObjective(Stateless, FeatureObjective[RKDOptions]):
    """Terms "ce" = alpha CE, "distance" and "angle" with their weights, of the pooled features."""

    kind: ClassVar[str] = "rkd"

    def terms(
        self, student: Outputs, teacher: Outputs, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        o, student_features, teacher_features = self.options, student.features, teacher.features
        assert student_features is not None
        assert teacher_features is not None
        return weighted(
            ("ce", o.alpha, lambda: cross_entropy(student.logits, labels)),
            ("distance", o.distance, lambda: rkd_distance(student_features, teacher_features)),
            ("angle", o.angle, lambda: rkd_angle(student_features, teacher_features)),
        )


def _distances(features: Tensor) -> Tensor:
    f = lift(features).flatten(1)
    # From differences, because products would round the distances of near samples to 0.
    distances = torch.cdist(f, f, compute_mode="donot_use_mm_for_euclid_dist")
    apart = (distances > 0).sum()
    mean = distances.sum() / apart.clamp(min=1)
    return distances / torch.where(apart > 0, mean, 1.0)


def _angles(features: Tensor) -> Tensor:
    f = lift(features).flatten(1)
    directions = unit_vectors(f[None, :, :] - f[:, None, :])  # [B, B, D]: from i to j
    return directions @ directions.transpose(1, 2)
