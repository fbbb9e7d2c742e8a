"""Agreement of two models, sample by sample. All distances are in the full space, not on a 2-D
map."""

from __future__ import annotations

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.probabilities import log_softmax, row_blocks


def correct(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether the top-1 class of each row of logits or probabilities [N, C] is the label: [N]
    bool."""
    scores = checks.matrix(scores, "scores")
    return scores.argmax(axis=1) == checks.labels_for(
        labels, len(scores), scores.shape[1], "accuracy"
    )


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of samples whose top-1 class is the label, 0 to 1.

    >>> accuracy(np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0, 0]))
    0.5
    """
    return float(correct(scores, labels).mean())


def agrees(teacher: np.ndarray, student: np.ndarray) -> np.ndarray:
    """Whether both models have the same top-1 class, from logits or probabilities [N, C] each: [N]
    bool."""
    teacher, student = checks.matrix(teacher, "teacher"), checks.matrix(student, "student")
    checks.same_shape(teacher, student, "teacher and student")
    return teacher.argmax(axis=1) == student.argmax(axis=1)


def agreement_rate(teacher: np.ndarray, student: np.ndarray) -> float:
    """Share of samples with the same top-1 class in both models, 0 to 1."""
    return float(agrees(teacher, student).mean())


def kl_divergence(
    teacher_logits: np.ndarray, student_logits: np.ndarray, T: float = 1.0
) -> np.ndarray:
    """`KL(p^T || p^S) = sum_c p_c^T (log p_c^T - log p_c^S)` of each sample in nats [N], without
    the factor T^2.

    It is computed from logits, so it is large but finite for a saturated student, and exactly 0 for
    equal logits.

    Args:
        teacher_logits, student_logits: [N, C] each.
        T: temperature of both, above 0.
    """
    log_t, log_s = log_softmax(teacher_logits, T), log_softmax(student_logits, T)
    checks.same_shape(log_t, log_s, "teacher_logits and student_logits")
    return kl_from_logs(log_t, log_s)


def kl_from_logs(log_t: np.ndarray, log_s: np.ndarray) -> np.ndarray:
    """`kl_divergence` from log-probabilities [N, C]."""
    return np.maximum(np.einsum("ij,ij->i", np.exp(log_t), log_t - log_s), 0.0)


def hellinger_from_logs(log_t: np.ndarray, log_s: np.ndarray) -> np.ndarray:
    """`hellinger` from log-probabilities [N, C]."""
    gap = np.exp(log_t / 2) - np.exp(log_s / 2)
    return np.minimum(np.sqrt(np.einsum("ij,ij->i", gap, gap) / 2), 1.0)


def kl_and_hellinger(
    teacher_logits: np.ndarray, student_logits: np.ndarray, T: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """`kl_divergence` and `hellinger` of each sample [N], in one pass with no N x C matrix made.

    Args:
        teacher_logits, student_logits: [N, C] each.
        T: temperature of both, above 0.
    """
    checks.same_shape(teacher_logits, student_logits, "teacher_logits and student_logits")
    divergence, distance = np.empty(len(teacher_logits)), np.empty(len(teacher_logits))
    for rows in row_blocks(*np.shape(teacher_logits)):
        log_t, log_s = log_softmax(teacher_logits[rows], T), log_softmax(student_logits[rows], T)
        divergence[rows] = kl_from_logs(log_t, log_s)
        distance[rows] = hellinger_from_logs(log_t, log_s)
    return divergence, distance


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


def nearest_neighbours(P: np.ndarray, position: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest samples to the one at `position` and their Hellinger distances, [k]
    each, the nearest first.

    The distance is in the full space. The sample itself is left out. Ties are in the order of the
    samples.
    """
    P = checks.probabilities(P)
    if not 0 <= position < len(P):
        raise ValueError(f"position must be between 0 and {len(P) - 1}, got {position!r}.")
    gap = np.sqrt(P) - np.sqrt(P[position])
    distances = np.minimum(np.sqrt(np.einsum("ij,ij->i", gap, gap) / 2), 1.0)
    order = np.argsort(distances, kind="stable")
    order = order[order != position][:k]
    return order, distances[order]
