"""The two forms of a side of BicKD, on a square matrix of cosines whose diagonal is to be near 1.

With M [n, n], its off-diagonal entries to be pushed down, and weights v [n] with mean 1,

    rows(M)     = mean_i v_i [log(e^(M_ii / tau) + sum_{j != i} v_j e^(M_ij / tau)) - M_ii / tau]
    contrast(M) = 1/2 [rows(M) + rows(M')]
    gram(M)     = mean_i v_i (1 - M_ii)^2 + w sum_{i != j} v_i v_j M_ij^2 / sum_{i != j} v_i v_j

Without weights, v = 1: an InfoNCE in both directions, and squared distances from 1 and 0.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_SMALLEST_SHARED_TAU = 1 / 60
_FORMS = ("contrast", "gram")
_ANCHORS = ("both", "student", "teacher")


@dataclass(frozen=True)
class Side:
    """How a side is computed.

    Attributes:
        tau: contrast temperature, above 0; for "contrast" only.
        form: "contrast" or "gram".
        gram_weight: w >= 0; for "gram" only.
        anchors: "student" has rows(M) only, "teacher" has rows(M') only, "both" is their mean; for
            "contrast" only.
    """

    tau: float
    form: str
    gram_weight: float
    anchors: str

    def __post_init__(self) -> None:
        check_choice("form", self.form, _FORMS)
        check_choice("anchors", self.anchors, _ANCHORS)
        if not self.tau > 0:
            raise ValueError(f"tau must be above 0, got {self.tau}.")

    def __call__(
        self,
        m: Tensor,
        *,
        positives: Tensor | None = None,
        ignored: Tensor | None = None,
        log_weights: Tensor | None = None,
        lowest: float = 0.0,
    ) -> Tensor:
        """Return contrast(M) or gram(M), a scalar; lower is better.

        Args:
            m: [n, n]; rows belong to the student, columns to the teacher.
            positives: [n, n] bool, pairs to pull together, in place of the diagonal. It is
                symmetric. Without weights only.
            ignored: [n, n] bool, pairs to leave out.
            log_weights: log v [n], without gradient.
            lowest: what no entry of m is below, 0 or -1. No entry is above 2.
        """
        if self.form == "gram":
            return _gram(m, self.gram_weight, positives, ignored, log_weights)
        pulled = (
            m.diagonal() if positives is None else _mean_over(m, positives)
        )  # [n]; a row's mean is its column's
        both = pulled if positives is None else (pulled + _mean_over(m.T, positives)) / 2
        if log_weights is None and self.anchors == "both":
            return _log_sums(m, self.tau, ignored, lowest) - both.mean() / self.tau
        sides = {"both": (m, m.T), "student": (m,), "teacher": (m.T,)}[self.anchors]
        values = [self._rows(side, positives, ignored, log_weights) for side in sides]
        return torch.stack(values).mean()

    def _rows(
        self,
        m: Tensor,
        positives: Tensor | None,
        ignored: Tensor | None,
        log_weights: Tensor | None,
    ) -> Tensor:
        pulled = m.diagonal() if positives is None else _mean_over(m, positives)
        scaled = m / self.tau
        if ignored is not None:
            scaled = scaled.masked_fill(ignored, -torch.inf)
        if log_weights is not None:
            scaled = scaled + log_weights * ~_diagonal(m)
        losses = torch.logsumexp(scaled, dim=1) - pulled / self.tau
        return losses.mean() if log_weights is None else (log_weights.exp() * losses).mean()


def check_choice(name: str, given: str, allowed: tuple[str, ...]) -> None:
    """Raise a ValueError unless an option has one of its values."""
    if given not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {given!r}.")


def _log_sums(m: Tensor, tau: float, ignored: Tensor | None, lowest: float) -> Tensor:
    """Return 1/2 [mean_i log sum_j e^(M_ij / tau) + mean_j log sum_i e^(M_ij / tau)], over the
    pairs that are not ignored."""
    if tau >= (1 - lowest) * _SMALLEST_SHARED_TAU:
        shared: Tensor = _LogSums.apply(m, tau, ignored)
        return shared
    scaled = m / tau if ignored is None else (m / tau).masked_fill(ignored, -torch.inf)
    return (torch.logsumexp(scaled, dim=1).mean() + torch.logsumexp(scaled, dim=0).mean()) / 2


class _LogSums(torch.autograd.Function):
    """`_log_sums` with one exponential for both directions.

    For entries in [lowest, 2], e^((M - 1) / tau) does not overflow, and does not underflow for tau
    of at least (1 - lowest) / 60.
    """

    @staticmethod
    def forward(ctx: Any, m: Tensor, tau: float, ignored: Tensor | None) -> Tensor:
        e = (m - 1).mul_(1 / tau).exp_()
        if ignored is not None:
            e.masked_fill_(ignored, 0.0)
        rows, columns = (
            e.sum(dim=1, keepdim=True),
            e.sum(dim=0, keepdim=True),
        )  # the diagonal is always there
        ctx.tau = tau
        ctx.save_for_backward(e, rows, columns)
        return (rows.log().mean() + columns.log().mean()) / 2 + 1 / tau

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        e, rows, columns = ctx.saved_tensors
        scale = gradient / (2 * ctx.tau * len(e))
        return (scale / rows + scale / columns).mul_(e), None, None


def _gram(
    m: Tensor,
    weight: float,
    positives: Tensor | None,
    ignored: Tensor | None,
    log_weights: Tensor | None,
) -> Tensor:
    diagonal = _diagonal(m)
    if log_weights is not None:
        v = log_weights.exp()
        pairs = (v[:, None] * v[None, :]).masked_fill(diagonal, 0.0)
        shares = pairs / pairs.sum().clamp(min=torch.finfo(m.dtype).tiny)
        repulsion = (m.square() * shares).sum()  # 0 where one class has all the weight
        return (v * (1 - m.diagonal()).square()).mean() + weight * repulsion
    pulled = diagonal if positives is None else positives
    pushed = ~pulled if ignored is None else ~pulled & ~ignored
    attraction = _mean_over((1 - m).square(), pulled).mean()
    repulsion = (m.square() * pushed).sum() / pushed.sum().clamp(min=1)  # 0 where no pair is left
    return attraction + weight * repulsion


def _diagonal(m: Tensor) -> Tensor:
    return torch.eye(len(m), dtype=torch.bool, device=m.device)


def _mean_over(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of each row over the entries in `mask`, at least one for each row."""
    return (values * mask).sum(1) / mask.sum(1)
