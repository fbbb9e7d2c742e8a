"""BicKD, a reconstruction: bilateral contrast between the teacher's and the student's
probabilities.

This follows the abstract of arXiv 2602.01265, *BicKD: Bilateral Contrastive Knowledge
Distillation*: a sample-wise and a class-wise contrast, in addition to vanilla KD. It makes the
spaces of different classes more orthogonal, and keeps the same class consistent. We do not have the
authors' equations and code, so whatever the abstract leaves open is an option. With P = softmax(z /
T), B samples by C classes,

    R[i, j] = cos(p_i^S, p_j^T)    [B, B]  between rows      (sample-wise)
    K[c, d] = cos(q_c^S, q_d^T)    [C, C]  between columns   (class-wise, the cross Gram)

`contrast` has the two forms of a side. Rows and columns are scaled to length 1 from
log-probabilities (`numerics.unit_columns`), so the column of a class that is never predicted does
not underflow. K is exact, K_cc = 1 for equal logits, and no epsilon changes the gradient. Such a
column counts like any other; `absent="drop"` leaves out the classes without a sample in the batch.
Both sides depend on the whole batch, so under data parallelism gather the logits (with gradient)
and the labels first.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from bickd_core.losses.batch_queue import BatchQueue, Rows
from bickd_core.losses.ce import cross_entropy
from bickd_core.losses.contrast import Side, check_choice
from bickd_core.losses.inputs import NO_LABEL, check_labels, check_pair
from bickd_core.losses.kd import divergence
from bickd_core.losses.numerics import (
    centred,
    log_probabilities,
    logit_pair,
    unit_columns,
    unit_rows,
    unit_vectors,
    without_autocast,
)
from bickd_core.losses.objective import LogitObjective, check_state, weighted
from bickd_core.presets.logits import BicKDOptions

_SAME_CLASS = ("negative", "ignore", "positive")
_ABSENT = ("keep", "drop")
_VECTORS = ("plain", "root", "centred")
_OFF_DIAGONAL = ("cross", "student")
_REPEL = ("all", "above_teacher", "above_margin")
_COLUMN_WEIGHTS = ("equal", "teacher_mass")


def bickd_sample(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None = None,
    *,
    temperature: float = 4.0,
    tau: float = 0.2,
    form: str = "contrast",
    same_class: str = "ignore",
    gram_weight: float = 1.0,
    vectors: str = "plain",
    anchors: str = "both",
) -> Tensor:
    """Return the sample-wise side: contrast(R) or gram(R).

    Args:
        student_logits, teacher_logits: [B, C]. The teacher's get no gradient.
        labels: [B] integers; may be None if `same_class` is "negative". A sample with -100 has
            no label: it is like no other.
        temperature: T > 0.
        tau: contrast temperature, above 0; for "contrast" only.
        form: "contrast" or "gram".
        same_class: how to treat a pair i != j with the same label. "negative": like any other pair.
            "ignore": left out of the denominator (gram: of the mean). "positive": a supervised
            contrast, -mean_i mean_{j: y_j = y_i} log softmax_j(R_ij / tau) in both directions
            (gram: mean_i mean_{j: y_j = y_i} (1 - R_ij)^2, with repulsion from other labels only).
        gram_weight: w >= 0; for "gram" only.
        vectors: "root" compares square roots of probabilities, so a cosine is a Bhattacharyya
            coefficient. "plain" and "centred" are the same here.
        anchors: "both" directions, or only "student" or "teacher"; for "contrast" only.

    Returns:
        A scalar, at least 0; lower is better. For one sample (B = 1), the contrast is 0.

    >>> import torch
    >>> z = 1e4 * torch.eye(3)
    >>> bickd_sample(z, z, torch.arange(3), form="gram")  # one-hot rows, orthogonal to each other
    tensor(0.)
    """
    student_logits, teacher_logits = check_pair(student_logits, teacher_logits)
    with without_autocast(student_logits):
        return _sample_side(
            log_probabilities(student_logits, temperature),
            log_probabilities(teacher_logits, temperature),
            labels,
            Side(tau, form, gram_weight, anchors),
            same_class=same_class,
            vectors=vectors,
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
    vectors: str = "plain",
    anchors: str = "both",
    off_diagonal: str = "cross",
    repel: str = "all",
    margin: float = 0.1,
    column_weights: str = "equal",
    earlier: Rows | None = None,
) -> Tensor:
    """Return the class-wise side: contrast(M) or gram(M) of a C x C matrix M, by default K.

    It depends on which samples share a batch. For one sample, all columns are parallel, so the
    contrast is log C (0 with "drop"), without gradient.

    Args:
        labels: [B] integers, needed only for "drop", where -100 counts for no class.
        absent: "keep" uses all C columns, "drop" only those of classes with a sample in the batch.
        vectors: as for `bickd_sample`; "centred" subtracts each column's mean, so a cosine is a
            correlation. A column that is constant to within rounding becomes 0, without gradient.
        off_diagonal: "cross" takes the entries c != d of M from K, "student" from the student's own
            Gram, cos(q_c^S, q_d^S).
        repel: "above_teacher" replaces them by max(0, M_cd - G_cd), with the teacher's own Gram G.
            "above_margin" replaces them by max(0, M_cd - margin).
        margin: in [0, 1], for "above_margin" only.
        column_weights: "teacher_mass" weighs class c by v_c, the sum of its column of the teacher,
            scaled so that the mean of v is 1.
        earlier: rows to add below those of the batch, without gradient.

    The other arguments are those of `bickd_sample`.

    Returns:
        A scalar, at least 0; lower is better.

    >>> import torch
    >>> one_sample = bickd_class(torch.zeros(1, 5), torch.ones(1, 5))  # log 5
    >>> round(one_sample.exp().item(), 4)
    5.0
    """
    student_logits, teacher_logits = check_pair(student_logits, teacher_logits)
    columns = _Columns(absent, vectors, off_diagonal, repel, margin, column_weights)
    with without_autocast(student_logits):
        return _class_side(
            *_with_earlier(
                log_probabilities(student_logits, temperature),
                log_probabilities(teacher_logits, temperature),
                labels,
                earlier,
                temperature,
                standardize=False,
            ),
            Side(tau, form, gram_weight, anchors),
            columns,
        )


class BicKDObjective(LogitObjective[BicKDOptions]):
    """Terms "ce" = alpha CE, "kl" = beta T^2 KL, "sample" and "class": lambda times each side.

    A term of weight 0 is not computed. With `queue` M, the class-wise side has the logits of the
    last M batches as further rows, without gradient. They are part of the state, so a resumed run
    continues exactly. Only a call whose student has a gradient adds its batch, so an evaluation
    leaves the queue as it is.
    """

    kind: ClassVar[str] = "bickd"

    def __init__(self, options: BicKDOptions) -> None:
        super().__init__(options)
        self._queue = BatchQueue(options.queue) if options.queue else None

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
            own, contrasted = o.contrast_temperature, both
            if own not in (None, o.temperature) and o.lambda_sample + o.lambda_class > 0:
                contrasted = log_probabilities(s, own), log_probabilities(t, own)
            side = Side(o.tau, o.form, o.gram_weight, o.anchors)
            terms = ce | weighted(
                ("kl", o.beta * o.temperature**2, lambda: divergence(*both)),
                (
                    "sample",
                    o.lambda_sample,
                    lambda: _sample_side(
                        *contrasted, labels, side, same_class=o.same_class, vectors=o.vectors
                    ),
                ),
                (
                    "class",
                    o.lambda_class,
                    lambda: _class_side(
                        *self._rows(*contrasted, student_logits, labels), side, _columns(o)
                    ),
                ),
            )
        if self._queue is not None and torch.is_grad_enabled() and student_logits.requires_grad:
            self._queue.add(student_logits, teacher_logits, labels)
        return terms

    def state_dict(self) -> dict[str, Any]:
        """Return the queue; empty without one."""
        return {} if self._queue is None else self._queue.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load a state of the same options. Raises a ValueError for another objective's state."""
        if self._queue is None:
            return super().load_state_dict(state)
        check_state(self.kind, state, ("batches",))
        return self._queue.load_state_dict(state)

    def _rows(
        self, log_s: Tensor, log_t: Tensor, student_logits: Tensor, labels: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        o = self.options
        earlier = None if self._queue is None else self._queue.rows(student_logits, labels)
        temperature = o.temperature if o.contrast_temperature is None else o.contrast_temperature
        return _with_earlier(log_s, log_t, labels, earlier, temperature, standardize=o.standardize)


@dataclass(frozen=True)
class _Columns:
    """The options of the class-wise side alone, see `bickd_class`."""

    absent: str
    vectors: str
    off_diagonal: str
    repel: str
    margin: float
    weights: str

    def __post_init__(self) -> None:
        check_choice("absent", self.absent, _ABSENT)
        check_choice("vectors", self.vectors, _VECTORS)
        check_choice("off_diagonal", self.off_diagonal, _OFF_DIAGONAL)
        check_choice("repel", self.repel, _REPEL)
        check_choice("column_weights", self.weights, _COLUMN_WEIGHTS)


def _columns(o: BicKDOptions) -> _Columns:
    return _Columns(o.absent, o.vectors, o.off_diagonal, o.repel, o.margin, o.column_weights)


def _sample_side(
    log_s: Tensor,
    log_t: Tensor,
    labels: Tensor | None,
    side: Side,
    *,
    same_class: str,
    vectors: str,
) -> Tensor:
    check_choice("same_class", same_class, _SAME_CLASS)
    check_choice("vectors", vectors, _VECTORS)
    positives, ignored = None, None
    if same_class != "negative":
        known = check_labels(labels, log_s, f"same_class={same_class!r}")
        own = torch.eye(len(known), dtype=torch.bool, device=known.device)
        same = (known[:, None] == known[None, :]) & (known != NO_LABEL)  # [B, B]
        if same_class == "positive":
            positives = same | own
        else:
            ignored = same & ~own
    if vectors == "root":
        log_s, log_t = log_s / 2, log_t / 2  # log of the square root
    return side(unit_rows(log_s) @ unit_rows(log_t).T, positives=positives, ignored=ignored)


def _class_side(
    log_s: Tensor, log_t: Tensor, labels: Tensor | None, side: Side, columns: _Columns
) -> Tensor:
    if columns.absent == "drop":
        known = check_labels(labels, log_s, "absent='drop'")
        labelled = known != NO_LABEL
        samples = log_s.new_zeros(log_s.shape[1])  # of each class
        samples.index_add_(0, known.masked_fill(~labelled, 0), labelled.to(log_s.dtype))
        present = samples.nonzero()[:, 0]
        if not len(present):
            return 0 * log_s.sum()
        log_s, log_t = log_s[:, present], log_t[:, present]
    s, t = _unit(log_s, columns.vectors), _unit(log_t, columns.vectors)
    return side(
        _compared(s, t, columns),
        log_weights=_log_mass(log_t) if columns.weights == "teacher_mass" else None,
        lowest=-1.0 if columns.vectors == "centred" else 0.0,
    )


def _unit(log_p: Tensor, vectors: str) -> Tensor:
    """Return columns [N, C] of length 1; 0 for a centred column that is constant."""
    if vectors != "centred":
        return unit_columns(log_p / 2 if vectors == "root" else log_p)
    scaled = (log_p - log_p.detach().amax(dim=0, keepdim=True)).exp()
    return unit_vectors(centred(scaled, dim=0).T).T


def _compared(s: Tensor, t: Tensor, columns: _Columns) -> Tensor:
    """Return M [C, C]: K on the diagonal, and what is to be pushed down off the diagonal."""
    k = s.T @ t
    if columns.off_diagonal == "cross" and columns.repel == "all":
        return k
    pushed = k if columns.off_diagonal == "cross" else s.T @ s
    if columns.repel == "above_teacher":
        pushed = torch.relu(pushed - t.T @ t)
    elif columns.repel == "above_margin":
        pushed = torch.relu(pushed - columns.margin)
    return torch.where(torch.eye(len(k), dtype=torch.bool, device=k.device), k, pushed)


def _log_mass(log_t: Tensor) -> Tensor:
    """Return log v [C]: the sums of the columns of the teacher, scaled to a mean of 1."""
    mass = torch.logsumexp(log_t, dim=0)
    return mass - torch.logsumexp(mass, dim=0) + math.log(len(mass))


def _with_earlier(
    log_s: Tensor,
    log_t: Tensor,
    labels: Tensor | None,
    earlier: Rows | None,
    temperature: float,
    *,
    standardize: bool,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return log-probabilities and labels with the rows of earlier batches below."""
    if earlier is None:
        return log_s, log_t, labels
    pair = logit_pair(
        *check_pair(earlier.student_logits.detach(), earlier.teacher_logits), standardize
    )
    below_s, below_t = (log_probabilities(logits, temperature) for logits in pair)
    together = labels
    if labels is not None and earlier.labels is not None:
        together = torch.cat([labels, earlier.labels])
    return torch.cat([log_s, below_s]), torch.cat([log_t, below_t]), together
