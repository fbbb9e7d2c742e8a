"""PKT: Passalis and Tefas, "Learning Deep Representations with Probabilistic Knowledge Transfer",
ECCV 2018.

arXiv 1803.10837, with the cosine kernel, as in the released code. The cosines of all pairs in a
batch, mapped to [0, 1] and normalised, are the probabilities of each row. The student's match the
teacher's. The divergence is a mean over the B x B entries, not a sum over rows, and the weight of
30000 is for this mean.
"""

from typing import ClassVar

from torch import Tensor

from bickd_core.losses.ce import cross_entropy
from bickd_core.losses.inputs import check_features
from bickd_core.losses.numerics import lift, unit_vectors, without_autocast
from bickd_core.losses.objective import FeatureObjective, Stateless, weighted
from bickd_core.models.outputs import Outputs
from bickd_core.presets.features import PKTOptions

_EPSILON = 1e-7


def pkt(student_features: Tensor, teacher_features: Tensor) -> Tensor:
    """mean_ij t_ij log((t_ij + 1e-7) / (s_ij + 1e-7)), with t_ij = k_ij / sum_j k_ij and k = (1 +
    cos) / 2.

    It depends on which samples share a batch. For one sample, it is 0. A sample with features of 0
    is orthogonal to all others.

    Args:
        student_features: [B, D_s].
        teacher_features: [B, D_t]; they get no gradient.

    Returns:
        A scalar in nats, at least 0 except for the constant, and exactly 0 for equal directions;
        lower is better.

    >>> import torch
    >>> apart, alike = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0,
    ...     0.0]])  # rows (2/3, 1/3) and (1/2, 1/2)
    >>> round(pkt(alike, apart).item(), 4)  # 1/2 (2/3 log 4/3 + 1/3 log 2/3)
    0.0283
    """
    student_features, teacher_features = check_features(
        student_features, teacher_features, "features"
    )
    with without_autocast(student_features):
        s, t = _affinities(student_features), _affinities(teacher_features)
        return (t * ((t + _EPSILON).log() - (s + _EPSILON).log())).mean()


class PKTObjective(Stateless, FeatureObjective[PKTOptions]):
    """Terms "ce" = alpha CE and "similarity" = beta `pkt` of the pooled features."""

    kind: ClassVar[str] = "pkt"

    def terms(
        self, student: Outputs, teacher: Outputs, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        o, student_features, teacher_features = self.options, student.features, teacher.features
        assert student_features is not None
        assert teacher_features is not None
        return weighted(
            ("ce", o.alpha, lambda: cross_entropy(student.logits, labels)),
            ("similarity", o.beta, lambda: pkt(student_features, teacher_features)),
        )


def _affinities(features: Tensor) -> Tensor:
    unit = unit_vectors(lift(features).flatten(1))
    cosines = (unit @ unit.T).clamp(-1, 1)
    mapped = (cosines + 1) / 2
    return mapped / mapped.sum(1, keepdim=True)
