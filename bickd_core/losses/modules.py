"""The losses on logits as PyTorch modules, for a training loop of your own.

A module holds no parameters, and no state unless an option asks for it (`queue` of BicKD). It
computes what the objective of the same name computes in this project's training, and the same
options set it.
"""

from typing import Any, ClassVar

import torch.nn as nn
from torch import Tensor

from bickd_core.losses.registry import create_objective
from bickd_core.models.outputs import Outputs


class LogitLoss(nn.Module):
    """A distillation loss on logits: `loss = BicKD(temperature=4)(student_logits, teacher_logits,
    labels)`.

    Args:
        options: fields of the options class in `bickd_core.presets` (docs/losses.md lists them with
            their ranges). The defaults are published values, except those of BicKD, which are this
            project's.

    Raises:
        ValueError: an option is unknown, or out of range.
    """

    kind: ClassVar[str]

    def __init__(self, **options: object) -> None:
        super().__init__()
        self._objective = create_objective(self.kind, **options)
        self._shown = options

    def forward(
        self,
        student_logits: Tensor,
        teacher_logits: Tensor,
        labels: Tensor | None = None,
        *,
        progress: float = 1.0,
    ) -> Tensor:
        """Return the loss of one batch.

        Args:
            student_logits: [B, C], before any softmax.
            teacher_logits: [B, C], the same samples; they get no gradient.
            labels: [B] integers; not needed by some losses, such as `KD(alpha=0)`.
            progress: share of the training that is done, in [0, 1], for warm-ups. They are over
                at 1.

        Returns:
            A scalar, float32 or float64; lower is better.

        Raises:
            TypeError: an argument is not a tensor, or labels are not integers.
            ValueError: shapes or devices differ, or labels are missing.
        """
        return sum(
            self.terms(student_logits, teacher_logits, labels, progress=progress).values(),
            student_logits.new_zeros(()),
        )

    def terms(
        self,
        student_logits: Tensor,
        teacher_logits: Tensor,
        labels: Tensor | None = None,
        *,
        progress: float = 1.0,
    ) -> dict[str, Tensor]:
        """Return the weighted terms by name. Their sum is the loss. Arguments as in `forward`."""
        return self._objective(Outputs(student_logits), Outputs(teacher_logits), labels, progress)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self._shown.items())


class KD(LogitLoss):
    """Vanilla distillation: cross-entropy, and the divergence from the teacher (Hinton, Vinyals and
    Dean 2015)."""

    kind = "kd"


class DKD(LogitLoss):
    """Decoupled distillation: separate weights for target and other classes (Zhao et al. 2022)."""

    kind = "dkd"


class DIST(LogitLoss):
    """Correlations of rows and of columns with the teacher's (Huang et al. 2022)."""

    kind = "dist"


class MLKD(LogitLoss):
    """Multi-level distillation: instance, batch and class, at several temperatures (Jin, Wang and
    Lin 2023)."""

    kind = "mlkd"


class NKD(LogitLoss):
    """Normalised distillation: the other classes' probabilities normalised before they are compared
    (Yang et al. 2023)."""

    kind = "nkd"


class BicKD(LogitLoss):
    """BicKD, reconstructed from its abstract: vanilla KD with contrasts between samples and between
    classes.

    Its column side compares classes over the batch, so the loss depends on which samples share a
    batch. Under data parallelism, gather logits (with gradient) and labels first. With `queue`, the
    logits of the last batches are in the module's state dict.

    >>> import torch
    >>> loss = BicKD(temperature=2.0)
    >>> logits = torch.zeros(8, 5, requires_grad=True)
    >>> loss(logits, torch.randn(8, 5), torch.zeros(8, dtype=torch.long)).shape
    torch.Size([])
    """

    kind = "bickd"

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        if options.get("queue"):
            self.register_state_dict_post_hook(_save_queue)
            self.register_load_state_dict_pre_hook(_load_queue)


def _save_queue(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    assert isinstance(module, BicKD)
    state[f"{prefix}queue"] = module._objective.state_dict()


def _load_queue(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    assert isinstance(module, BicKD)
    if f"{prefix}queue" in state:
        module._objective.load_state_dict(state.pop(f"{prefix}queue"))
