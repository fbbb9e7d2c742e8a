"""CRD: Tian, Krishnan and Isola, "Contrastive Representation Distillation", ICLR 2020, arXiv
1910.10699.

Equations 10 to 19. Each model's pooled features are projected by a trained linear head to length 1,
v^S and v^T. A memory of each model's projections of all N training samples supplies the other side
of the pairs: the sample's own entry is the positive, K others are negatives, and a critic h(v, m) =
e^(v m / tau) / Z tells them apart by noise-contrastive estimation, once with the student's and once
with the teacher's projections as anchors.

As released (HobbitLong/RepDistiller, `crd/`): memories start uniform, an entry keeps the share
`momentum` of its old place when its sample is seen, Z is fixed by the first batch (N times the mean
of e^(v m / tau)), 1e-7 stands beside the noise in the denominators, and negatives come from other
classes, evenly. Here they are drawn with replacement by a generator of the objective's own, K is at
most N, and all is computed in logarithms.
"""

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bickd_core.losses.ce import cross_entropy
from bickd_core.losses.memory import MemoryIndex
from bickd_core.losses.numerics import unit_vectors, without_autocast
from bickd_core.losses.objective import FeatureObjective, weighted
from bickd_core.models.outputs import Outputs
from bickd_core.presets.features import CRDOptions

_EPSILON = 1e-7


def crd(
    anchors: Tensor,
    memory: Tensor,
    chosen: Tensor,
    *,
    tau: float = 0.07,
    log_normaliser: float | Tensor,
) -> Tensor:
    """-mean_i [log h_i0 / (h_i0 + K/N + 1e-7) + sum_k log (K/N) / (h_ik + K/N + 1e-7)], h = e^(v m
    / tau) / Z.

    anchors: [B, W], v of length 1. memory: [N, W], m of length 1, without gradient. chosen: [B, K +
    1] int64 positions in the memory, the positive first. tau: above 0; the paper has 0.07.
    log_normaliser: log Z. Returns a scalar in nats, at least 0, lower is better.

    >>> import torch
    >>> memory, chosen = torch.eye(2), torch.tensor([[0,
    ...     1]])  # one negative, N = 2: noise K/N is 1/2
    >>> even = crd(torch.zeros(1, 2), memory, chosen,
    ...     log_normaliser=torch.tensor(2.0).log())  # h = 1/2: twice log 2
    >>> round(even.exp().item(), 3)
    4.0
    """
    log_h = _similarities(anchors, memory, chosen, tau) - log_normaliser  # [B, K + 1]
    noise = (chosen.shape[1] - 1) / len(memory)
    log_noise = math.log(noise)
    log_sum = torch.logaddexp(log_h, torch.full_like(log_h, math.log(noise + _EPSILON)))
    positive = log_h[:, 0] - log_sum[:, 0]
    negative = (log_noise - log_sum[:, 1:]).sum(1)
    return -(positive + negative).mean()


class CRDObjective(FeatureObjective[CRDOptions]):
    """Terms "ce" = alpha CE and "contrast" = beta (`crd` of the student's anchors + of the
    teacher's).

    Trains two heads beside the student. Its state: heads, memories, log Z and the generator of
    negatives. Memory rows belong to sample ids of the original data set, so that a split cut short
    or carved keeps its own.
    """

    kind: ClassVar[str] = "crd"
    needs = frozenset({"features", "ids"})

    def __init__(self, options: CRDOptions) -> None:
        super().__init__(options)
        self._parts: _Parts | None = None

    def setup(self, student: nn.Module, teacher: nn.Module | None, dataset: Any) -> None:
        """Build heads and memories for `dataset.train` on the student's device, from torch's global
        generator.

        The models tell their features' width by `feature_size` or `fc.in_features`. Raises
        ValueError without a teacher, or where every sample has one label and negatives are to come
        from other classes.
        """
        if teacher is None:
            raise ValueError("teacher must be a model for the objective 'crd', but None came.")
        o, device = self.options, next(student.parameters()).device
        index = MemoryIndex(dataset.train.ids, dataset.train.labels)
        if o.negatives_from == "other_classes" and index.one_class:
            raise ValueError(
                "negatives_from must be 'all' where the training split has one class only;"
                " 'other_classes' came."
            )
        self._parts = _Parts(_feature_size(student), _feature_size(teacher), o.width, index).to(
            device
        )
        self._generator = torch.Generator(device=device).manual_seed(int(torch.randint(2**62, ())))
        self._seen: tuple[Tensor, Tensor, Tensor] | None = None
        self._normalised = False  # known without asking a GPU

    def terms(
        self, student: Outputs, teacher: Outputs, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        o = self.options
        return weighted(
            ("ce", o.alpha, lambda: cross_entropy(student.logits, labels)),
            ("contrast", o.beta, lambda: self._contrast(student, teacher)),
        )

    def parameters(self) -> Iterator[nn.Parameter]:
        """Of both heads."""
        return self._built().parameters()

    def state_dict(self) -> dict[str, Any]:
        """Heads, memories with what the last step saw, log Z, generator."""
        parts = self._built()
        self._settle(parts)
        return {"parts": parts.state_dict(), "generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """What `state_dict` gave, after a `setup` on the same models and data; ValueError for
        another state."""
        if set(state) != {"parts", "generator"}:
            raise ValueError(
                "state must hold parts and generator for the objective 'crd', but it holds"
                f" {', '.join(state) or 'nothing'}; resume with the objective that the run was"
                " started with."
            )
        self._built().load_state_dict(state["parts"])
        self._normalised = not bool(self._built().log_normalisers.isnan().any())
        self._generator.set_state(state["generator"].cpu())
        self._seen = None

    def _contrast(self, student: Outputs, teacher: Outputs) -> Tensor:
        assert student.features is not None
        assert teacher.features is not None
        assert student.ids is not None
        with without_autocast(student.features):
            return self._both_sides(student.features, teacher.features.detach(), student.ids)

    def _both_sides(
        self, student_features: Tensor, teacher_features: Tensor, ids: Tensor
    ) -> Tensor:
        parts, tau = self._built(), self.options.tau
        self._settle(parts)
        s, t = (
            _project(parts.student_head, student_features),
            _project(parts.teacher_head, teacher_features),
        )
        rows = parts.index.rows(ids)
        chosen = self._choose(parts, rows)
        if not self._normalised:  # the first batch of the run
            self._normalised = True
            for i, (anchors, memory) in enumerate(
                ((s, parts.teacher_memory), (t, parts.student_memory))
            ):
                found = _similarities(anchors.detach(), memory, chosen, tau)
                mean = torch.logsumexp(found.flatten(), 0) - math.log(found.numel())
                parts.log_normalisers[i] = mean + math.log(len(memory))
        log_z = parts.log_normalisers.clone()
        self._seen = (rows, s.detach(), t.detach())
        return crd(s, parts.teacher_memory, chosen, tau=tau, log_normaliser=log_z[0]) + crd(
            t, parts.student_memory, chosen, tau=tau, log_normaliser=log_z[1]
        )

    def _choose(self, parts: "_Parts", rows: Tensor) -> Tensor:
        """[B, K + 1] rows of the memory: the sample's own, then its negatives."""
        count = min(self.options.negatives, len(parts.student_memory))
        others = self.options.negatives_from == "other_classes"
        return torch.cat(
            [
                rows[:, None],
                parts.index.negatives(rows, count, others=others, generator=self._generator),
            ],
            dim=1,
        )

    @torch.no_grad()
    def _settle(self, parts: "_Parts") -> None:
        """Move the memory towards what the last step saw: after its backward pass, which reads the
        memory."""
        if self._seen is not None:
            rows, *seen = self._seen
            for memory, found in zip(
                (parts.student_memory, parts.teacher_memory), seen, strict=True
            ):
                kept = self.options.momentum
                memory[rows] = unit_vectors(kept * memory[rows] + (1 - kept) * found)
            self._seen = None

    def _built(self) -> "_Parts":
        if self._parts is None:
            raise ValueError(
                "setup must be called before the objective 'crd' is used, but it was not."
            )
        return self._parts


class _Parts(nn.Module):
    """What is trained and remembered: two heads to W numbers, two memories [N, W], log Z of both
    anchors."""

    student_memory: Tensor
    teacher_memory: Tensor
    log_normalisers: Tensor

    def __init__(
        self, student_size: int, teacher_size: int, width: int, index: MemoryIndex
    ) -> None:
        super().__init__()
        self.index = index
        self.student_head = nn.Linear(student_size, width)
        self.teacher_head = nn.Linear(teacher_size, width)
        bound = math.sqrt(3 / width)
        for name in ("student_memory", "teacher_memory"):
            self.register_buffer(name, torch.empty(len(index), width).uniform_(-bound, bound))
        self.register_buffer("log_normalisers", torch.full((2,), torch.nan))


def _project(head: nn.Linear, features: Tensor) -> Tensor:
    return unit_vectors(head(features.to(head.weight.dtype)))


def _similarities(anchors: Tensor, memory: Tensor, chosen: Tensor, tau: float) -> Tensor:
    """v m / tau of the chosen, [B, K + 1]. All N products cost less than fetching K rows for each
    anchor."""
    return (anchors @ memory.T).gather(1, chosen) / tau


def _feature_size(model: nn.Module) -> int:
    size = getattr(model, "feature_size", None)
    if size is None:
        size = getattr(getattr(model, "fc", None), "in_features", None)
    if not isinstance(size, int):
        raise ValueError(
            f"{type(model).__name__} must tell the width of its features for the objective 'crd',"
            " but it has neither `feature_size` nor `fc.in_features`; add one."
        )
    return size
