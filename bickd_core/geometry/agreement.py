"""How far two models agree, sample by sample, always in the full space and never in a 2-D map."""

from __future__ import annotations

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.probabilities import log_softmax


def correct(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether the top-1 class of each row of logits or probabilities [N, C] is the label: [N] bool."""
    scores = checks.matrix(scores, "scores")
    return scores.argmax(axis=1) == checks.labels_for(labels, len(scores), scores.shape[1], "accuracy")


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of samples whose top-1 class is the label, 0 to 1.

    >>> accuracy(np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0, 0]))
    0.5
    """
    return float(correct(scores, labels).mean())


def agrees(teacher: np.ndarray, student: np.ndarray) -> np.ndarray:
    """Whether both models have the same top-1 class, from logits or probabilities [N, C] each: [N] bool."""
    teacher, student = checks.matrix(teacher, "teacher"), checks.matrix(student, "student")
    checks.same_shape(teacher, student, "teacher and student")
    return teacher.argmax(axis=1) == student.argmax(axis=1)


def agreement_rate(teacher: np.ndarray, student: np.ndarray) -> float:
    """Share of samples with the same top-1 class in both models, 0 to 1."""
    return float(agrees(teacher, student).mean())


def kl_divergence(teacher_logits: np.ndarray, student_logits: np.ndarray, T: float = 1.0) -> np.ndarray:
    """`KL(p^T || p^S) = sum_c p_c^T (log p_c^T - log p_c^S)` of each sample in nats [N], without the factor
    T^2.

    Taken from logits, so that a saturated student gives a large finite figure and not infinity; exactly 0
    for equal logits.

    Args:
        teacher_logits, student_logits: [N, C] each.
        T: temperature of both, above 0.
    """
    log_t, log_s = log_softmax(teacher_logits, T), log_softmax(student_logits, T)
    checks.same_shape(log_t, log_s, "teacher_logits and student_logits")
    return kl_from_logs(log_t, log_s)


def kl_from_logs(log_t: np.ndarray, log_s: np.ndarray) -> np.ndarray:
    """The same from log-probabilities [N, C] of both."""
    return np.maximum(np.einsum("ij,ij->i", np.exp(log_t), log_t - log_s), 0.0)


def hellinger_from_logs(log_t: np.ndarray, log_s: np.ndarray) -> np.ndarray:
    """Displacement of each sample [N] as `hellinger`, from log-probabilities [N, C] of both."""
    gap = np.exp(log_t / 2) - np.exp(log_s / 2)
    return np.minimum(np.sqrt(np.einsum("ij,ij->i", gap, gap) / 2), 1.0)


def hellinger(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """Displacement of each sample, `||sqrt p - sqrt q|| / sqrt 2` [N], 0 (same) to 1 (nothing in common).

    >>> hellinger(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])).round(6).tolist()
    [1.0]
    """
    P, Q = checks.probabilities(P), checks.probabilities(Q, "Q")
    checks.same_shape(P, Q, "P and Q")
    gap = np.sqrt(P) - np.sqrt(Q)
    return np.minimum(np.sqrt(np.einsum("ij,ij->i", gap, gap) / 2), 1.0)


def row_cosine(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """Cosine between the two models' probabilities of each sample, R_ii [N], 0 to 1."""
    P, Q = checks.probabilities(P), checks.probabilities(Q, "Q")
    checks.same_shape(P, Q, "P and Q")
    lengths = np.sqrt(np.einsum("ij,ij->i", P, P) * np.einsum("ij,ij->i", Q, Q))
    return np.clip(np.einsum("ij,ij->i", P, Q) / np.where(lengths > 0, lengths, 1.0), 0.0, 1.0)


def neighbour_overlap(
    P_teacher: np.ndarray, P_student: np.ndarray, *, k: int = 10, chunk: int = 1024
) -> np.ndarray:
    """Share of each sample's k nearest neighbours that both models name: [N], 0 to 1; by chance k / (N - 1).

    Euclidean distance between square-rooted probabilities (Hellinger's, up to a constant), exact, in the full
    space, `chunk` rows at a time. A saturated softmax makes ties, which fall as the sort leaves them.

    Raises:
        ValueError: k not between 1 and N - 1.
    """
    a, b = (
        np.sqrt(checks.probabilities(P_teacher, "P_teacher")),
        np.sqrt(checks.probabilities(P_student, "P_student")),
    )
    checks.same_shape(a, b, "P_teacher and P_student")
    n = len(a)
    if not 1 <= k < n:
        raise ValueError(
            f"k must be between 1 and {n - 1} for {n} samples, got {k!r}: ask for fewer neighbours."
        )
    shared = np.empty(n)
    for start in range(0, n, chunk):
        rows = slice(start, min(start + chunk, n))
        shared[rows] = (_nearest(a, rows, k) & _nearest(b, rows, k)).sum(axis=1) / k
    return shared


def nearest_neighbours(P: np.ndarray, position: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k samples nearest to the one at `position`, the nearest first, and their Hellinger distances: [k] each.

    In the full space, without the sample itself; ties in the order of the samples; all others where k is more.
    """
    P = checks.probabilities(P)
    if not 0 <= position < len(P):
        raise ValueError(f"position must be between 0 and {len(P) - 1}, got {position!r}.")
    gap = np.sqrt(P) - np.sqrt(P[position])
    distances = np.minimum(np.sqrt(np.einsum("ij,ij->i", gap, gap) / 2), 1.0)
    order = np.argsort(distances, kind="stable")
    order = order[order != position][:k]
    return order, distances[order]


def _nearest(points: np.ndarray, rows: slice, k: int) -> np.ndarray:
    squares = np.einsum("ij,ij->i", points, points)
    distances = squares - 2.0 * (points[rows] @ points.T)  # up to a constant a row
    here = np.arange(rows.start, rows.stop)
    distances[np.arange(len(here)), here] = np.inf
    chosen = np.zeros(distances.shape, dtype=bool)
    np.put_along_axis(chosen, np.argpartition(distances, k - 1, axis=1)[:, :k], True, axis=1)
    return chosen
