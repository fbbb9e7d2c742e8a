"""Agreement of two models, sample by sample. All distances are in the full space, not on a 2-D
map."""

from __future__ import annotations

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.probabilities import shifted_blocks, softmax


def correct(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether the top-1 class of each row of logits or probabilities [N, C] is the label: [N]
    bool."""
    scores = checks.matrix(scores, "scores")
    return scores.argmax(axis=1) == checks.labels_for(
        labels, len(scores), scores.shape[1], "accuracy"
    )


def agrees(teacher: np.ndarray, student: np.ndarray) -> np.ndarray:
    """Whether both models have the same top-1 class, from logits or probabilities [N, C] each: [N]
    bool."""
    teacher, student = checks.matrix(teacher, "teacher"), checks.matrix(student, "student")
    checks.same_shape(teacher, student, "teacher and student")
    return teacher.argmax(axis=1) == student.argmax(axis=1)


def agreement_rate(teacher: np.ndarray, student: np.ndarray) -> float:
    """Share of samples with the same top-1 class in both models, 0 to 1."""
    return float(agrees(teacher, student).mean())


def kl_and_hellinger(
    teacher_logits: np.ndarray, student_logits: np.ndarray, T: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """`KL(p^T || p^S)` of each sample in nats [N], without the factor T^2, and `hellinger` [N], in
    one pass with no N x C matrix made.

    The divergence is computed from logits, so it is large but finite for a saturated student, and
    exactly 0 for equal logits.

    Args:
        teacher_logits, student_logits: [N, C] each.
        T: temperature of both, above 0.
    """
    checks.same_shape(teacher_logits, student_logits, "teacher_logits and student_logits")
    half = 0.5 / checks.positive(T, "T")
    divergence, distance = np.empty(len(teacher_logits)), np.empty(len(teacher_logits))
    for (rows, a), (_, b) in zip(
        shifted_blocks(teacher_logits), shifted_blocks(student_logits), strict=True
    ):
        scale = a.dtype.type(half)
        a *= scale
        b *= scale
        root_a, root_b = np.exp(a), np.exp(b)
        a -= b  # half the difference of the log-probabilities, up to the logs of the totals
        totals = [np.einsum("ij,ij->i", root, root) for root in (root_a, root_b)]
        logs = [np.log(total.astype(np.float64)) for total in totals]
        root_a *= (1.0 / np.sqrt(totals[0]))[:, None]
        root_b *= (1.0 / np.sqrt(totals[1]))[:, None]
        root_b -= root_a
        distance[rows] = np.sqrt(np.einsum("ij,ij->i", root_b, root_b) / 2)
        root_a *= root_a
        mean = np.einsum("ij,ij->i", root_a, a).astype(np.float64)
        divergence[rows] = 2.0 * mean - logs[0] + logs[1]
    return np.maximum(divergence, 0.0), np.minimum(distance, 1.0)


def hellinger(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """Displacement of each sample, `||sqrt p - sqrt q|| / sqrt 2` [N], 0 (same) to 1 (nothing in
    common).

    >>> hellinger(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).round(6).tolist()
    [1.0]
    """
    P, Q = checks.probabilities(P), checks.probabilities(Q, "Q")
    checks.same_shape(P, Q, "P and Q")
    gap = np.sqrt(P) - np.sqrt(Q)
    return np.minimum(np.sqrt(np.einsum("ij,ij->i", gap, gap) / 2), 1.0)


def nearest_neighbours(
    logits: np.ndarray, position: int, k: int, T: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest samples to the one at `position` and their Hellinger distances, [k]
    each, the nearest first, in one pass without an N x C matrix of probabilities.

    The distance is in the full space. The sample itself is left out. Ties are in the order of the
    samples.

    Args:
        logits: [N, C].
        T: temperature.
    """
    if not 0 <= position < len(logits):
        raise ValueError(f"position must be between 0 and {len(logits) - 1}, got {position!r}.")
    own = np.sqrt(softmax(logits[position : position + 1], T)[0])
    alike = np.empty(len(logits))  # 1 - the square of the distance
    for rows, root in shifted_blocks(logits):
        root *= root.dtype.type(0.5 / checks.positive(T, "T"))
        np.exp(root, out=root)
        lengths = np.sqrt(np.einsum("ij,ij->i", root, root))
        alike[rows] = (root @ own.astype(root.dtype)) / lengths
    alike[position] = -1.0
    k = min(k, len(logits) - 1)
    if k < 1:
        return np.zeros(0, np.int64), np.zeros(0)
    least = np.partition(alike, -k)[-k]
    near = np.flatnonzero(alike >= least - _ROUNDING)  # ordered by distances in float64
    gap = np.sqrt(softmax(logits[near], T)) - own
    distances = np.minimum(np.sqrt(np.einsum("ij,ij->i", gap, gap) / 2), 1.0)
    order = np.argsort(distances, kind="stable")[:k]
    return near[order], distances[order]


_ROUNDING = 1e-5
"""More than the error of a sum of products of roots in float32."""
