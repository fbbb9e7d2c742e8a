"""What every loss does with its logits first: check them, lift them to float32, detach the teacher.

Probabilities at temperature T are P = softmax(z / T), B samples by C classes. A probability may be
too small for any floating type (logits 10^4 apart at T = 4 give e^-2500), so the unit rows and
columns here are built from log-probabilities, which never underflow.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def lift(logits: Tensor) -> Tensor:
    """float16 and bfloat16 to float32; float32 and float64 as they are."""
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def without_autocast(tensor: Tensor) -> torch.autocast:
    """A context in which the products of this tensor's device keep their precision."""
    return torch.autocast(device_type=tensor.device.type, enabled=False)


def check_pair(student_logits: Tensor, teacher_logits: Tensor) -> None:
    """ValueError unless both are [B, C] of the same shape, with B >= 1 and C >= 2."""
    shape = tuple(student_logits.shape)
    if len(shape) != 2 or shape[0] < 1 or shape[1] < 2:
        raise ValueError(
            f"student_logits must be [samples >= 1, classes >= 2], but {list(shape)} came; "
            "give one row of logits a sample."
        )
    if tuple(teacher_logits.shape) != shape:
        raise ValueError(
            f"teacher_logits must have the student's shape {list(shape)}, but"
            f" {list(teacher_logits.shape)} came; run both models on the same samples and classes."
        )


def check_labels(labels: Tensor | None, logits: Tensor, reason: str) -> Tensor:
    """The labels [B]; ValueError where they are missing though `reason` needs them, or do not
    fit."""
    if labels is None:
        raise ValueError(
            f"labels must be given for {reason}, but None came; give [{logits.shape[0]}] labels."
        )
    if tuple(labels.shape) != (logits.shape[0],):
        raise ValueError(
            f"labels must be [{logits.shape[0]}], one for each sample, but {list(labels.shape)}"
            " came."
        )
    return labels


def log_probabilities(logits: Tensor, temperature: float) -> Tensor:
    """log softmax(z / T) of logits [B, C], in float32 at least; finite for any finite logits."""
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, but {temperature} came.")
    return torch.log_softmax(lift(logits) / temperature, dim=1)


def unit_rows(log_p: Tensor) -> Tensor:
    """The rows of P, each of Euclidean length 1, from log P [B, C]."""
    return _unit(log_p, dim=1)


def unit_columns(log_p: Tensor) -> Tensor:
    """The columns of P, each of Euclidean length 1, from log P [B, C].

    Exact even for a class that nobody predicts: see `_unit`.
    """
    return _unit(log_p, dim=0)


def _unit(log_p: Tensor, dim: int) -> Tensor:
    unit: Tensor = _Unit.apply(log_p, dim)
    return unit


class _Unit(torch.autograd.Function):
    """u = exp(l) / |exp(l)| along one dimension, with dL/dl = u (g - u <u, g>).

    A unit vector does not change when its vector is scaled, so each is divided by its own largest
    entry before
    exp: the largest becomes 1, the length lies in [1, sqrt(n)], and no epsilon is needed. Written
    by hand, the gradient takes half the passes over the matrix.
    """

    @staticmethod
    def forward(ctx: Any, log_p: Tensor, dim: int) -> Tensor:
        scaled = (log_p - log_p.amax(dim=dim, keepdim=True)).exp_()
        unit = scaled.div_(scaled.square().sum(dim=dim, keepdim=True).sqrt_())
        ctx.dim = dim
        ctx.save_for_backward(unit)
        return unit

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (unit,) = ctx.saved_tensors
        along = unit * gradient
        return along.addcmul_(unit, unit * along.sum(dim=ctx.dim, keepdim=True), value=-1), None


def centred(values: Tensor, dim: int) -> Tensor:
    """Values less their mean along `dim`; zero, without gradient, where what is left is within
    rounding."""
    left = values - values.mean(dim, keepdim=True)
    rounding = 8 * torch.finfo(values.dtype).eps * values.norm(dim=dim, keepdim=True)
    return torch.where(left.norm(dim=dim, keepdim=True) > rounding, left, 0.0)


def standardized(logits: Tensor) -> Tensor:
    """Each sample's logits [B, C] z-scored: (z - mean) / (standard deviation + 1e-7), in float32 at
    least.

    The deviation divides by C - 1 and the constant is that of the released code (Sun, Ren, Li, Wang
    and Cao, CVPR 2024, equation 8). A sample whose logits are all alike becomes 0, without
    gradient.

    >>> import torch
    >>> standardized(torch.tensor([[5.0, 7.0, 9.0], [4.0, 4.0, 4.0]])).round()
    tensor([[-1.,  0.,  1.],
            [ 0.,  0.,  0.]])
    """
    with without_autocast(logits):
        left = centred(lift(logits), dim=1)
        deviation = (
            torch.linalg.vector_norm(left, dim=1, keepdim=True) / (logits.shape[1] - 1) ** 0.5
        )
        return left / (deviation + 1e-7)


def split_target(log_p: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The label against the rest, from log P [B, C] and labels [B]; all finite for C >= 2.

    Returns log p_y [B], log (1 - p_y) [B], the log-probabilities of the other classes among
    themselves [B, C] (0 at the label, where they mean nothing) and the mask of the label [B, C].
    """
    at_label = torch.zeros_like(log_p, dtype=torch.bool).scatter_(1, labels[:, None], True)
    log_target = log_p.gather(1, labels[:, None])[:, 0]
    log_rest = torch.logsumexp(log_p.masked_fill(at_label, -torch.inf), dim=1)
    return log_target, log_rest, (log_p - log_rest[:, None]).masked_fill(at_label, 0.0), at_label


def logit_pair(
    student_logits: Tensor, teacher_logits: Tensor, standardize: bool
) -> tuple[Tensor, Tensor]:
    """Student's and teacher's logits as a loss is to see them: as they are, or each
    `standardized`."""
    if standardize:
        return standardized(student_logits), standardized(teacher_logits)
    return student_logits, teacher_logits


def check_features(student: Tensor, teacher: Tensor, name: str) -> None:
    """ValueError unless both hold one row or more of `name` for each of the same B samples."""
    if (
        student.ndim < 2
        or student.ndim != teacher.ndim
        or not len(student)
        or len(student) != len(teacher)
    ):
        raise ValueError(
            f"student and teacher must be {name} of the same samples, one row or more, but"
            f" {list(student.shape)} and {list(teacher.shape)} came; run both models on the same"
            " batch."
        )


def unit_vectors(values: Tensor) -> Tensor:
    """Vectors along the last dimension scaled to length 1, whatever their size; those that are 0
    stay 0.

    A vector of zeros gets no gradient.
    """
    largest = values.detach().abs().amax(dim=-1, keepdim=True)
    scaled = torch.where(largest > 0, values / torch.where(largest > 0, largest, 1.0), 0.0)
    length = torch.linalg.vector_norm(scaled, dim=-1, keepdim=True)  # in [1, sqrt(n)], or 0
    return scaled / torch.where(largest > 0, length, 1.0)
