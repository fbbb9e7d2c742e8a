"""BicKD, a reconstruction: bilateral contrast between the teacher's and the student's probabilities.

After the abstract of arXiv 2602.01265, *BicKD: Bilateral Contrastive Knowledge Distillation*: a contrast
on two sides, sample-wise and class-wise, which makes the spaces of different classes more orthogonal,
keeps the same class consistent, and adds to vanilla KD. The authors' equations and code were not at
hand; what the abstract leaves open is an option. With P = softmax(z / T), B samples by C classes,

    R[i, j] = cos(p_i^S, p_j^T)    [B, B]  between rows      (sample-wise)
    K[c, d] = cos(q_c^S, q_d^T)    [C, C]  between columns   (class-wise, the cross Gram)

    contrast(M) = 1/2 [CE(M / tau, diagonal) + CE(M' / tau, diagonal)]
    gram(M)     = mean_i (1 - M_ii)^2 + w mean_{i != j} M_ij^2

Rows and columns are scaled to length 1 from log-probabilities (`numerics.unit_columns`): the column of a
class that nobody predicts underflows in no precision, so K is exact, K_cc = 1 for equal logits, and no
epsilon bends the gradient. Such a column therefore counts like any other; `absent="drop"` leaves out the
classes without a sample in the batch. Both sides see the whole batch given to them: under data
parallelism gather the logits (with gradient) and the labels first.
"""

from typing import ClassVar

import torch
from torch import Tensor

from bickd_core.losses.ce import cross_entropy
from bickd_core.losses.kd import kd
from bickd_core.losses.numerics import (
    check_labels,
    check_pair,
    log_probabilities,
    logit_pair,
    unit_columns,
    unit_rows,
    without_autocast,
)
from bickd_core.losses.objective import LogitObjective
from bickd_core.presets import BicKDOptions

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
    """The sample-wise side: contrast(R) or gram(R).

    student_logits, teacher_logits: [B, C]; the teacher's get no gradient.
    labels: [B] int64, needed unless same_class is "negative".
    temperature: T > 0. tau: contrast temperature > 0, for the contrast only.
    form: "contrast" or "gram". gram_weight: w >= 0, for gram only.
    same_class: what a pair i != j of one label is.
        "negative": like any other pair. "ignore": left out of the denominator (gram: of the mean).
        "positive": a supervised contrast, -mean_i mean_{j: y_j = y_i} log softmax_j(R_ij / tau) in both
        directions (gram: mean_i mean_{j: y_j = y_i} (1 - R_ij)^2, repulsion from other labels only).
    Returns a scalar, at least 0, lower is better. On one sample (B = 1) the contrast is 0.

    >>> import torch
    >>> z = 1e4 * torch.eye(3)
    >>> bickd_sample(z, z, form="gram")  # one-hot rows, each orthogonal to the others
    tensor(0.)
    """
    _check(student_logits, teacher_logits, tau, form)
    _check_choice("same_class", same_class, _SAME_CLASS)
    positives, ignored = None, None
    if same_class != "negative":
        known = check_labels(labels, student_logits, f"same_class={same_class!r}")
        same = known[:, None] == known[None, :]  # [B, B]
        if same_class == "positive":
            positives = same
        else:
            ignored = same & ~torch.eye(len(known), dtype=torch.bool, device=known.device)
    with without_autocast(student_logits):
        s = unit_rows(log_probabilities(student_logits, temperature))
        t = unit_rows(log_probabilities(teacher_logits.detach(), temperature))
        return _side(s @ t.T, tau, form, gram_weight, positives, ignored)


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
    """The class-wise side: contrast(K) or gram(K).

    absent: "keep" takes all C columns; "drop" only those of classes with a sample in the batch.
    labels: [B] int64, needed for "drop" only. The other arguments as in `bickd_sample`.
    Returns a scalar, at least 0, lower is better; it depends on which samples share a batch. On one
    sample all columns are parallel: the contrast is log C then (0 with "drop"), without gradient.

    >>> import torch
    >>> one_sample = bickd_class(torch.zeros(1, 5), torch.ones(1, 5))  # log 5
    >>> round(one_sample.exp().item(), 4)
    5.0
    """
    _check(student_logits, teacher_logits, tau, form)
    _check_choice("absent", absent, _ABSENT)
    with without_autocast(student_logits):
        log_s = log_probabilities(student_logits, temperature)
        log_t = log_probabilities(teacher_logits.detach(), temperature)
        if absent == "drop":
            present = check_labels(labels, student_logits, "absent='drop'").unique()
            log_s, log_t = log_s[:, present], log_t[:, present]
        return _side(unit_columns(log_s).T @ unit_columns(log_t), tau, form, gram_weight, None, None)


class BicKDObjective(LogitObjective):
    """Terms "ce" = alpha CE, "kl" = beta T^2 KL, "sample" and "class": lambda times each side.

    BicKD as reconstructed here; a weight of 0 computes nothing for its term.
    """

    kind: ClassVar[str] = "bickd"

    def __init__(self, options: BicKDOptions) -> None:
        self.options = options

    def terms(
        self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor | None, progress: float
    ) -> dict[str, Tensor]:
        o, pair = self.options, logit_pair(student_logits, teacher_logits, self.options.standardize)
        terms = {}
        if o.alpha > 0:
            terms["ce"] = o.alpha * cross_entropy(student_logits, labels)
        if o.beta > 0:
            terms["kl"] = o.beta * kd(*pair, temperature=o.temperature)
        if o.lambda_sample > 0:
            terms["sample"] = o.lambda_sample * bickd_sample(
                *pair,
                labels,
                temperature=o.temperature,
                tau=o.tau,
                form=o.form,
                same_class=o.same_class,
                gram_weight=o.gram_weight,
            )
        if o.lambda_class > 0:
            terms["class"] = o.lambda_class * bickd_class(
                *pair,
                labels,
                temperature=o.temperature,
                tau=o.tau,
                form=o.form,
                absent=o.absent,
                gram_weight=o.gram_weight,
            )
        return terms


def _check(student_logits: Tensor, teacher_logits: Tensor, tau: float, form: str) -> None:
    check_pair(student_logits, teacher_logits)
    _check_choice("form", form, _FORMS)
    if not tau > 0:
        raise ValueError(f"tau must be above 0, but {tau} came.")


def _check_choice(name: str, given: str, allowed: tuple[str, ...]) -> None:
    if given not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, but {given!r} came.")


def _side(
    m: Tensor, tau: float, form: str, gram_weight: float, positives: Tensor | None, ignored: Tensor | None
) -> Tensor:
    if form == "gram":
        return _gram(m, gram_weight, positives, ignored)
    scaled = m / tau
    return (_contrast(scaled, positives, ignored) + _contrast(scaled.T, positives, ignored)) / 2


def _contrast(scaled: Tensor, positives: Tensor | None, ignored: Tensor | None) -> Tensor:
    """mean_i [logsumexp_j M_ij / tau - (mean of the positives' M_ij / tau)], one direction."""
    kept = scaled if ignored is None else scaled.masked_fill(ignored, -torch.inf)
    denominator = torch.logsumexp(kept, dim=1)  # the diagonal is always there, so never -inf
    if positives is None:
        return (denominator - scaled.diagonal()).mean()
    return (denominator - _mean_over(scaled, positives)).mean()


def _gram(m: Tensor, weight: float, positives: Tensor | None, ignored: Tensor | None) -> Tensor:
    diagonal = torch.eye(len(m), dtype=torch.bool, device=m.device)
    pulled = diagonal if positives is None else positives
    pushed = ~pulled if ignored is None else ~pulled & ~ignored
    attraction = _mean_over((1 - m).square(), pulled).mean()
    repulsion = (m.square() * pushed).sum() / pushed.sum().clamp(min=1)  # 0 where no pair is left
    return attraction + weight * repulsion


def _mean_over(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of each row over its True entries, of which there is at least one."""
    return (values * mask).sum(1) / mask.sum(1)
