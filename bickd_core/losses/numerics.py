"""Functions that all losses share: conversion to float32, and numerically safe formulas.

Probabilities at temperature T are P = softmax(z / T), B samples by C classes. A probability may be
too small for any floating type (logits that differ by 10^4 at T = 4 give e^-2500). So unit rows and
columns are computed from log-probabilities, which never underflow.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def lift(logits: Tensor) -> Tensor:
    """Convert float16 and bfloat16 to float32. Other types do not change."""
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def without_autocast(tensor: Tensor) -> torch.autocast:
    """Return a context without automatic mixed precision on this tensor's device."""
    return torch.autocast(device_type=tensor.device.type, enabled=False)


def log_probabilities(logits: Tensor, temperature: float) -> Tensor:
    """Return log softmax(z / T) of logits [B, C], at least in float32. Finite for finite logits."""
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}.")
    return torch.log_softmax(lift(logits) / temperature, dim=1)


def unit_rows(log_p: Tensor) -> Tensor:
    """Return the rows of P, scaled to Euclidean length 1, from log P [B, C]."""
    return _unit(log_p, dim=1)


def unit_columns(log_p: Tensor) -> Tensor:
    """Return the columns of P, scaled to Euclidean length 1, from log P [B, C].

    They are exact even for a class that is never predicted, see `_Unit`.
    """
    return _unit(log_p, dim=0)


def _unit(log_p: Tensor, dim: int) -> Tensor:
    unit: Tensor = _Unit.apply(log_p, dim)
    return unit


class _Unit(torch.autograd.Function):
    """u = exp(l) / |exp(l)| along one dimension, with dL/dl = u (g - u <u, g>).

    Scaling a vector does not change its unit vector, so each is divided by its largest entry before
    exp. The largest then becomes 1, the length is in [1, sqrt(n)], and no epsilon is needed. The
    hand-written gradient needs half as many passes over the matrix.
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
    """Subtract the mean along `dim`. Vectors that are constant to within rounding become 0, without
    gradient; NaN stays NaN."""
    left = values - values.mean(dim, keepdim=True)
    rounding = 8 * torch.finfo(values.dtype).eps * values.norm(dim=dim, keepdim=True)
    return torch.where(left.norm(dim=dim, keepdim=True) <= rounding, 0.0, left)


def standardized(logits: Tensor) -> Tensor:
    """Z-score each sample's logits [B, C]: (z - mean) / (standard deviation + 1e-7), at least in
    float32.

    The standard deviation divides by C - 1, and the constant is that of the released code (Sun,
    Ren, Li, Wang and Cao, CVPR 2024, equation 8). A sample with equal logits becomes 0, without
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
    """Split log P [B, C] into the label and the other classes. All results are finite for C >= 2.

    Returns:
        log p_y [B], log (1 - p_y) [B], the normalised log-probabilities of the other classes [B, C]
        (0 at the label) and the mask of the label [B, C].
    """
    at_label = torch.zeros_like(log_p, dtype=torch.bool).scatter_(1, labels[:, None], True)
    log_target = log_p.gather(1, labels[:, None])[:, 0]
    log_rest = torch.logsumexp(log_p.masked_fill(at_label, -torch.inf), dim=1)
    return log_target, log_rest, (log_p - log_rest[:, None]).masked_fill(at_label, 0.0), at_label


def mean_of_labelled(values: Tensor, labelled: Tensor) -> Tensor:
    """Return the mean of values [B] over the samples with a label; 0 if there are none.

    Args:
        labelled: [B] bool.
    """
    return values.masked_fill(~labelled, 0.0).sum() / labelled.sum().clamp(min=1)


def logit_pair(
    student_logits: Tensor, teacher_logits: Tensor, standardize: bool
) -> tuple[Tensor, Tensor]:
    """Return both logits, `standardized` if requested."""
    if standardize:
        return standardized(student_logits), standardized(teacher_logits)
    return student_logits, teacher_logits


def unit_vectors(values: Tensor) -> Tensor:
    """Scale vectors along the last dimension to length 1. Zeros stay 0, without gradient; NaN stays
    NaN."""
    largest = values.detach().abs().amax(dim=-1, keepdim=True)
    zeros = largest == 0
    scaled = torch.where(zeros, 0.0, values / torch.where(zeros, 1.0, largest))
    length = torch.linalg.vector_norm(scaled, dim=-1, keepdim=True)  # in [1, sqrt(n)], or 0
    return scaled / torch.where(zeros, 1.0, length)
