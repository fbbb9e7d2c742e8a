"""BicKD, a reconstruction: bilateral contrast between the teacher's and the student's
probabilities.

This follows the abstract of arXiv 2602.01265, *BicKD: Bilateral Contrastive Knowledge
Distillation*: a sample-wise and a class-wise contrast, in addition to vanilla KD. It makes the
spaces of different classes more orthogonal, and keeps the same class consistent. We do not have the
authors' equations and code, so whatever the abstract leaves open is an option. With P = softmax(z /
T), B samples by C classes,

    R[i, j] = cos(p_i^S, p_j^T)    [B, B]  between rows      (sample-wise)
    K[c, d] = cos(q_c^S, q_d^T)    [C, C]  between columns   (class-wise, the cross Gram)

    contrast(M) = 1/2 [CE(M / tau, diagonal) + CE(M' / tau, diagonal)]
    gram(M)     = mean_i (1 - M_ii)^2 + w mean_{i != j} M_ij^2

Rows and columns are scaled to length 1 from log-probabilities (`numerics.unit_columns`), so the
column of a class that is never predicted does not underflow. K is exact, K_cc = 1 for equal logits,
and no epsilon changes the gradient. Such a column counts like any other; `absent="drop"` leaves out
the classes without a sample in the batch. Both sides depend on the whole batch, so under data
parallelism gather the logits (with gradient) and the labels first.
"""

from typing import Any, ClassVar, TypedDict

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from bickd_core.losses.ce import cross_entropy
from bickd_core.losses.kd import divergence
from bickd_core.losses.numerics import (
    check_labels,
    check_pair,
    log_probabilities,
    logit_pair,
    unit_columns,
    unit_rows,
    without_autocast,
)
from bickd_core.losses.objective import LogitObjective, weighted
from bickd_core.presets.logits import BicKDOptions

_SMALLEST_SHARED_TAU = 1 / 60
_FORMS = ("contrast", "gram")
_SAME_CLASS = ("negative", "ignore", "positive")
_ABSENT = ("keep", "drop")


def bickd_sample(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None = None,
    *,
    temperature: float = 4.0,
    tau: float = 0.2,
    form: str = "contrast",
    same_class: str = "negative",
    gram_weight: float = 1.0,
) -> Tensor:
    """Return the sample-wise side: contrast(R) or gram(R).

    Args:
        student_logits, teacher_logits: [B, C]. The teacher's get no gradient.
        labels: [B] int64, needed unless `same_class` is "negative".
        temperature: T > 0.
        tau: contrast temperature, above 0; for "contrast" only.
        form: "contrast" or "gram".
        same_class: how to treat a pair i != j with the same label. "negative": like any other pair.
            "ignore": left out of the denominator (gram: of the mean). "positive": a supervised
            contrast, -mean_i mean_{j: y_j = y_i} log softmax_j(R_ij / tau) in both directions
            (gram: mean_i mean_{j: y_j = y_i} (1 - R_ij)^2, with repulsion from other labels only).
        gram_weight: w >= 0; for "gram" only.

    Returns:
        A scalar, at least 0; lower is better. For one sample (B = 1), the contrast is 0.

    >>> import torch
    >>> z = 1e4 * torch.eye(3)
    >>> bickd_sample(z, z, form="gram")  # one-hot rows, each orthogonal to the others
    tensor(0.)
    """
    check_pair(student_logits, teacher_logits)
    with without_autocast(student_logits):
        return _sample_side(
            log_probabilities(student_logits, temperature),
            log_probabilities(teacher_logits.detach(), temperature),
            labels,
            tau=tau,
            form=form,
            same_class=same_class,
            gram_weight=gram_weight,
        )


def bickd_class(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None = None,
    *,
    temperature: float = 4.0,
    tau: float = 0.2,
    form: str = "contrast",
    absent: str = "keep",
    gram_weight: float = 1.0,
) -> Tensor:
    """Return the class-wise side: contrast(K) or gram(K).

    It depends on which samples share a batch. For one sample, all columns are parallel, so the
    contrast is log C (0 with "drop"), without gradient.

    Args:
        labels: [B] int64, needed only for "drop".
        absent: "keep" uses all C columns, "drop" only those of classes with a sample in the batch.

    The other arguments are those of `bickd_sample`.

    Returns:
        A scalar, at least 0; lower is better.

    >>> import torch
    >>> one_sample = bickd_class(torch.zeros(1, 5), torch.ones(1, 5))  # log 5
    >>> round(one_sample.exp().item(), 4)
    5.0
    """
    check_pair(student_logits, teacher_logits)
    with without_autocast(student_logits):
        return _class_side(
            log_probabilities(student_logits, temperature),
            log_probabilities(teacher_logits.detach(), temperature),
            labels,
            tau=tau,
            form=form,
            absent=absent,
            gram_weight=gram_weight,
        )


class _How(TypedDict):
    """Arguments that both sides share."""

    tau: float
    form: str
    gram_weight: float


class BicKDObjective(LogitObjective[BicKDOptions]):
    """Terms "ce" = alpha CE, "kl" = beta T^2 KL, "sample" and "class": lambda times each side.

    A term of weight 0 is not computed.
    """

    kind: ClassVar[str] = "bickd"

    def terms(
        self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        o = self.options
        ce = weighted(("ce", o.alpha, lambda: cross_entropy(student_logits, labels)))
        if o.beta == o.lambda_sample == o.lambda_class == 0:
            return ce
        with without_autocast(student_logits):
            # Shared by the three terms, because softmaxes of 1,000 classes are expensive.
            s, t = logit_pair(student_logits, teacher_logits, o.standardize)
            both = log_probabilities(s, o.temperature), log_probabilities(t, o.temperature)
            how: _How = {"tau": o.tau, "form": o.form, "gram_weight": o.gram_weight}
            return ce | weighted(
                ("kl", o.beta * o.temperature**2, lambda: divergence(*both)),
                (
                    "sample",
                    o.lambda_sample,
                    lambda: _sample_side(*both, labels, same_class=o.same_class, **how),
                ),
                (
                    "class",
                    o.lambda_class,
                    lambda: _class_side(*both, labels, absent=o.absent, **how),
                ),
            )


def _sample_side(
    log_s: Tensor,
    log_t: Tensor,
    labels: Tensor | None,
    *,
    tau: float,
    form: str,
    same_class: str,
    gram_weight: float,
) -> Tensor:
    _check(tau, form)
    _check_choice("same_class", same_class, _SAME_CLASS)
    positives, ignored = None, None
    if same_class != "negative":
        known = check_labels(labels, log_s, f"same_class={same_class!r}")
        same = known[:, None] == known[None, :]  # [B, B]
        if same_class == "positive":
            positives = same
        else:
            ignored = same & ~torch.eye(len(known), dtype=torch.bool, device=known.device)
    return _side(unit_rows(log_s) @ unit_rows(log_t).T, tau, form, gram_weight, positives, ignored)


def _class_side(
    log_s: Tensor,
    log_t: Tensor,
    labels: Tensor | None,
    *,
    tau: float,
    form: str,
    absent: str,
    gram_weight: float,
) -> Tensor:
    _check(tau, form)
    _check_choice("absent", absent, _ABSENT)
    if absent == "drop":
        present = check_labels(labels, log_s, "absent='drop'").unique()
        log_s, log_t = log_s[:, present], log_t[:, present]
    return _side(unit_columns(log_s).T @ unit_columns(log_t), tau, form, gram_weight, None, None)


def _check(tau: float, form: str) -> None:
    _check_choice("form", form, _FORMS)
    if not tau > 0:
        raise ValueError(f"tau must be above 0, got {tau}.")


def _check_choice(name: str, given: str, allowed: tuple[str, ...]) -> None:
    if given not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {given!r}.")


def _side(
    m: Tensor,
    tau: float,
    form: str,
    gram_weight: float,
    positives: Tensor | None,
    ignored: Tensor | None,
) -> Tensor:
    if form == "gram":
        return _gram(m, gram_weight, positives, ignored)
    pulled = (
        m.diagonal() if positives is None else _mean_over(m, positives)
    )  # [n]; a row's mean is its column's
    both = pulled if positives is None else (pulled + _mean_over(m.T, positives)) / 2
    return _log_sums(m, tau, ignored) - both.mean() / tau


def _log_sums(m: Tensor, tau: float, ignored: Tensor | None) -> Tensor:
    """Return 1/2 [mean_i log sum_j e^(M_ij / tau) + mean_j log sum_i e^(M_ij / tau)], over the
    pairs that are not ignored."""
    if tau >= _SMALLEST_SHARED_TAU:
        shared: Tensor = _LogSums.apply(m, tau, ignored)
        return shared
    scaled = m / tau if ignored is None else (m / tau).masked_fill(ignored, -torch.inf)
    return (torch.logsumexp(scaled, dim=1).mean() + torch.logsumexp(scaled, dim=0).mean()) / 2


class _LogSums(torch.autograd.Function):
    """`_log_sums` with one exponential for both directions.

    Cosines of probabilities are in [0, 1], so e^((M - 1) / tau) does not overflow, and does not
    underflow for tau of at least 1/60.
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


def _gram(m: Tensor, weight: float, positives: Tensor | None, ignored: Tensor | None) -> Tensor:
    diagonal = torch.eye(len(m), dtype=torch.bool, device=m.device)
    pulled = diagonal if positives is None else positives
    pushed = ~pulled if ignored is None else ~pulled & ~ignored
    attraction = _mean_over((1 - m).square(), pulled).mean()
    repulsion = (m.square() * pushed).sum() / pushed.sum().clamp(min=1)  # 0 where no pair is left
    return attraction + weight * repulsion


def _mean_over(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of each row over the entries in `mask`, at least one for each row."""
    return (values * mask).sum(1) / mask.sum(1)
