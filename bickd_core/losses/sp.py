"""SP: Tung and Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019, arXiv 1907.09682.

Equations 1 to 4, on the last feature maps: samples that are similar for the teacher become similar
for the student. The maps are flattened and compared by their Grams [B, B], so the models may have
different channels and sizes.
"""

from typing import ClassVar

from torch import Tensor

from bickd_core.losses.ce import cross_entropy
from bickd_core.losses.inputs import check_features
from bickd_core.losses.numerics import lift, unit_vectors, without_autocast
from bickd_core.losses.objective import FeatureObjective, Stateless, weighted
from bickd_core.models.outputs import Outputs
from bickd_core.presets.features import SPOptions


def sp(student_maps: Tensor, teacher_maps: Tensor) -> Tensor:
    """||G^T - G^S||_F^2 / B^2, with G = F F', rows scaled to length 1, and F the flattened maps.

    It depends on which samples share a batch. For one sample, it is 0, without gradient. A sample
    with maps of 0 has a row of zeros.

    Args:
        student_maps: [B, D_s, H_s, W_s] or [B, D].
        teacher_maps: [B, D_t, H_t, W_t] or [B, D]; they get no gradient.

    Returns:
        A scalar in [0, 4 / B], and 0 if the maps agree up to scale; lower is better.

    >>> import torch
    >>> alike, apart = torch.tensor([[1.0], [1.0]]), torch.eye(2)
    >>> round(sp(alike, apart).item(), 4)  # 4 entries: twice (1 - 1/sqrt 2)^2 + 1/2, divided by 2^2
    0.2929
    """
    student_maps, teacher_maps = check_features(student_maps, teacher_maps, "maps")
    with without_autocast(student_maps):
        difference = _similarities(teacher_maps) - _similarities(student_maps)
        return difference.square().sum() / len(student_maps) ** 2


class SPObjective(Stateless, FeatureObjective[SPOptions]):
    """Terms "ce" = alpha CE and "similarity" = beta `sp` of the last maps."""

    kind: ClassVar[str] = "sp"
    needs = frozenset({"maps"})

    def terms(
        self, student: Outputs, teacher: Outputs, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        o, student_maps, teacher_maps = self.options, student.maps, teacher.maps
        assert student_maps is not None
        assert teacher_maps is not None
        return weighted(
            ("ce", o.alpha, lambda: cross_entropy(student.logits, labels)),
            ("similarity", o.beta, lambda: sp(student_maps, teacher_maps)),
        )


def _similarities(maps: Tensor) -> Tensor:
    flat = lift(maps).flatten(1)
    # A common factor does not change G's rows, and this one avoids overflow and underflow.
    largest = flat.detach().abs().max().clamp(min=1e-30)
    flat = flat / largest
    return unit_vectors(flat @ flat.T)
