"""CRD: Tian, Krishnan and Isola, "Contrastive Representation Distillation", ICLR 2020, arXiv
1910.10699.

Equations 10 to 19. A trained linear head projects each model's pooled features to length 1, v^S and
v^T. Each model has a memory of its projections of all N training samples. For an anchor of one
model, the sample's own entry in the other model's memory is the positive, and K other entries are
negatives. A critic h(v, m) = e^(v m / tau) / Z distinguishes them by noise-contrastive estimation,
once with the student's and once with the teacher's projections as anchors.

As in the released code (HobbitLong/RepDistiller, `crd/`): memories start uniform, an entry keeps a
share `momentum` of its old value when its sample is seen, the first batch fixes Z (N times the mean
of e^(v m / tau)), 1e-7 is added to the noise in the denominators, and negatives are drawn uniformly
from other classes. Different here: negatives are drawn with replacement by the objective's own
generator, K is at most N, and everything is computed in logarithms.
"""

import hashlib
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from bickd_core.losses.ce import cross_entropy
from bickd_core.losses.inputs import check_features
from bickd_core.losses.memory import MemoryIndex
from bickd_core.losses.numerics import unit_vectors, without_autocast
from bickd_core.losses.objective import FeatureObjective, check_state, weighted
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

    Args:
        anchors: [B, W], v of length 1.
        memory: [N, W], m of length 1, without gradient.
        chosen: [B, K + 1] int64, positions in the memory, the positive first.
        tau: above 0; 0.07 in the paper.
        log_normaliser: log Z.

    Returns:
        A scalar in nats, at least 0; lower is better.

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

    It trains two heads in addition to the student. Its state has the heads, the memories, log Z and
    the generator of negatives. Memory rows belong to sample ids of the original data set, so a
    limited split uses the same rows.
    """

    kind: ClassVar[str] = "crd"
    needs = frozenset({"features", "ids"})

    def __init__(self, options: CRDOptions) -> None:
        super().__init__(options)
        self._parts: _Parts | None = None

    def setup(self, student: nn.Module, teacher: nn.Module | None, dataset: Any) -> None:
        """Build heads and memories for `dataset.train` on the student's device, from torch's global
        generator.

        The width of a model's features is its `feature_size` or `fc.in_features`.

        Raises:
            ValueError: there is no teacher, or negatives must come from other classes but all
                samples have the same label.
        """
        if teacher is None:
            raise ValueError("teacher must be a model for the objective 'crd', got None.")
        o, device = self.options, next(student.parameters()).device
        index = MemoryIndex(dataset.train.ids, dataset.train.labels)
        if o.negatives_from == "other_classes" and index.one_class:
            raise ValueError(
                "negatives_from must be 'all' if the training split has only one class, got"
                " 'other_classes'."
            )
        self._parts = _Parts(_feature_size(student), _feature_size(teacher), o.width, index).to(
            device
        )
        self._generator = torch.Generator(device=device).manual_seed(int(torch.randint(2**62, ())))
        self._seen: tuple[Tensor, Tensor, Tensor] | None = None
        self._normalised = False  # so that it need not be read from a GPU

    def terms(
        self, student: Outputs, teacher: Outputs, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        o = self.options
        return weighted(
            ("ce", o.alpha, lambda: cross_entropy(student.logits, labels)),
            ("contrast", o.beta, lambda: self._contrast(student, teacher)),
        )

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the parameters of both heads."""
        return self._built().parameters()

    def state_dict(self) -> dict[str, Any]:
        """Return heads, memories (updated by the last step), log Z and the generator."""
        parts = self._built()
        self._settle(parts)
        return {"parts": parts.state_dict(), "generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load a state after a `setup` with the same models and data. On another kind of device,
        later negatives differ. Raises a ValueError for the state of another objective."""
        check_state(self.kind, state, ("parts", "generator"))
        self._built().load_state_dict(state["parts"])
        self._normalised = not bool(self._built().log_normalisers.isnan().any())
        saved = state["generator"].cpu()
        if saved.shape == self._generator.get_state().shape:
            self._generator.set_state(saved)
        else:  # of another kind of device, such as a GPU's 16 bytes: negatives are drawn anew
            digest = hashlib.sha256(saved.numpy().tobytes()).digest()
            self._generator.manual_seed(int.from_bytes(digest[:7], "big"))
        self._seen = None

    def _contrast(self, student: Outputs, teacher: Outputs) -> Tensor:
        assert student.features is not None
        assert teacher.features is not None
        assert student.ids is not None
        features = check_features(student.features, teacher.features, "features")
        with without_autocast(student.features):
            return self._both_sides(*features, student.ids)

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
                similarities = _similarities(anchors.detach(), memory, chosen, tau)
                mean = torch.logsumexp(similarities.flatten(), 0) - math.log(similarities.numel())
                parts.log_normalisers[i] = mean + math.log(len(memory))
        log_z = parts.log_normalisers.clone()
        self._seen = (rows, s.detach(), t.detach())
        return crd(s, parts.teacher_memory, chosen, tau=tau, log_normaliser=log_z[0]) + crd(
            t, parts.student_memory, chosen, tau=tau, log_normaliser=log_z[1]
        )

    def _choose(self, parts: "_Parts", rows: Tensor) -> Tensor:
        """Return rows of the memory, [B, K + 1]: the sample's own, then its negatives."""
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
        """Update the memories with the last step's projections. This must be after its backward
        pass, which reads the memories."""
        if self._seen is not None:
            rows, *seen = self._seen
            for memory, projections in zip(
                (parts.student_memory, parts.teacher_memory), seen, strict=True
            ):
                momentum = self.options.momentum
                memory[rows] = unit_vectors(momentum * memory[rows] + (1 - momentum) * projections)
            self._seen = None

    def _built(self) -> "_Parts":
        if self._parts is None:
            raise ValueError(
                "setup must be called before the objective 'crd' is used, but it was not."
            )
        return self._parts


class _Parts(nn.Module):
    """Two heads with W outputs, two memories [N, W], and log Z of both anchors."""

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
    """Return v m / tau of the chosen rows, [B, K + 1]. Computing all N products is faster than
    reading K rows for each anchor."""
    return (anchors @ memory.T).gather(1, chosen) / tau


def _feature_size(model: nn.Module) -> int:
    size = getattr(model, "feature_size", None)
    if size is None:
        size = getattr(getattr(model, "fc", None), "in_features", None)
    if not isinstance(size, int):
        raise ValueError(
            f"{type(model).__name__} has neither `feature_size` nor `fc.in_features`, which the"
            " objective 'crd' needs; add one."
        )
    return size
