"""Values and gradients of the losses in closed form, in numpy.

`bickd_core.losses` has these losses in torch, for training. A page that only shows them must not
load torch. So this module has the same formulas with their derivatives by hand, for the forms that
the presets use (BicKD: "contrast", same-class pairs ignored, absent classes included). A test
compares each with torch's gradient. P = softmax(z / T), B samples by C classes, and every gradient
is with respect to the student's logits z [B, C]; the teacher is constant. With

    h = dL / d log P,      dL / dz = (h - P sum_c h_c) / T

only h has to be derived. A row or column of length 1, u = p / ||p||, gives h = u * (g - (g . u) u)
with g = dL / du. There is no division, so the column of a class that is never predicted is exact
too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bickd_core.geometry.probabilities import log_softmax

_EPSILON = 1e-8  # beside DIST's norms, as in bickd_core.losses.dist
_NOTHING = -1e12  # e^x is 0, and x is finite


@dataclass(frozen=True)
class Pull:
    """One loss on one batch.

    Attributes:
        value: the loss.
        gradient: [B, C], dL / dz; the loss falls along its negative.
    """

    value: float
    gradient: np.ndarray

    def __add__(self, other: Pull) -> Pull:
        return Pull(self.value + other.value, self.gradient + other.gradient)

    def times(self, weight: float) -> Pull:
        """The loss multiplied by a weight."""
        return Pull(weight * self.value, weight * self.gradient)


def kd(student: np.ndarray, teacher: np.ndarray, *, temperature: float = 4.0) -> Pull:
    """T^2 KL(P^T || P^S), mean over samples; gradient T (P^S - P^T) / B.

    student, teacher: logits [B, C]. Value in nats times T^2, at least 0, 0 for equal logits.

    >>> kd(np.array([[0.0, 0.0]]), np.array([[0.0, 0.0]])).value
    0.0
    """
    log_s, log_t = _pair(student, teacher, temperature)
    p_s, p_t = np.exp(log_s), np.exp(log_t)
    value = temperature**2 * float((p_t * (log_t - log_s)).sum(axis=1).mean())
    return Pull(value, temperature * (p_s - p_t) / len(p_s))


def bickd_sample(
    student: np.ndarray,
    teacher: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    temperature: float = 4.0,
    tau: float = 0.2,
) -> Pull:
    """contrast(R), R_ij = cos(p_i^S, p_j^T) between rows; see `bickd_core.losses.bickd`.

    Pairs with the same label [B] are ignored, as by default in training. Without labels, every
    other sample is a negative.
    """
    log_s, log_t = _pair(student, teacher, temperature)
    u = _unit(log_s, axis=1)
    n = len(u)
    known = np.arange(n) if labels is None else np.asarray(labels)
    ignored = (known[:, None] == known[None, :]) & ~np.eye(n, dtype=bool)
    value, h = _contrast(u, _unit(log_t, axis=1), tau, ignored)
    return Pull(value, _to_logits(h, log_s, temperature))


def bickd_class(
    student: np.ndarray, teacher: np.ndarray, *, temperature: float = 4.0, tau: float = 0.2
) -> Pull:
    """contrast(K), K_cd = cos(q_c^S, q_d^T) between columns; see `bickd_core.losses.bickd`."""
    log_s, log_t = _pair(student, teacher, temperature)
    u = _unit(log_s, axis=0).T
    value, h = _contrast(u, _unit(log_t, axis=0).T, tau)
    return Pull(value, _to_logits(h.T, log_s, temperature))


def dist_rows(student: np.ndarray, teacher: np.ndarray, *, temperature: float = 4.0) -> Pull:
    """T^2 (1 - mean Pearson of rows); see `bickd_core.losses.dist`."""
    return _one_minus_pearson(student, teacher, temperature, axis=1)


def dist_columns(student: np.ndarray, teacher: np.ndarray, *, temperature: float = 4.0) -> Pull:
    """T^2 (1 - mean Pearson of columns); see `bickd_core.losses.dist`."""
    return _one_minus_pearson(student, teacher, temperature, axis=0)


def _pair(
    student: np.ndarray, teacher: np.ndarray, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    if np.shape(student) != np.shape(teacher):
        raise ValueError(
            f"teacher must have the student's shape {np.shape(student)}, got {np.shape(teacher)}: "
            "pass logits of the same samples and classes."
        )
    return log_softmax(student, temperature), log_softmax(teacher, temperature)


def _unit(log_p: np.ndarray, axis: int) -> np.ndarray:
    """Rows (axis 1) or columns (axis 0) of P at length 1, each scaled by its largest entry before
    exp."""
    scaled = np.exp(log_p - log_p.max(axis=axis, keepdims=True))
    return scaled / np.linalg.norm(scaled, axis=axis, keepdims=True)


def _contrast(
    u: np.ndarray, v: np.ndarray, tau: float, ignored: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """contrast(u v') for unit rows u (student), v (teacher), without the pairs `ignored` [n, n],
    and h [n, k] of the student's rows."""
    if not tau > 0:
        raise ValueError(f"tau must be above 0, got {tau!r}: the presets use 0.2.")
    scaled = u @ v.T / tau
    if ignored is not None:
        scaled = np.where(ignored, _NOTHING, scaled)
    n = len(scaled)
    rows, columns = log_softmax(scaled), log_softmax(scaled.T).T
    value = -float(np.trace(rows) + np.trace(columns)) / (2 * n)
    toward = (np.exp(rows) + np.exp(columns) - 2 * np.eye(n)) / (2 * n * tau)  # dL / d(u v')
    g = toward @ v
    return value, u * (g - (g * u).sum(axis=1, keepdims=True) * u)


def _one_minus_pearson(
    student: np.ndarray, teacher: np.ndarray, temperature: float, axis: int
) -> Pull:
    log_s, log_t = _pair(student, teacher, temperature)
    p = np.exp(log_s)
    s, t = _centred(p, axis), _centred(np.exp(log_t), axis)
    s_norm = np.linalg.norm(s, axis=axis, keepdims=True)
    t_norm = np.linalg.norm(t, axis=axis, keepdims=True)
    below = s_norm * t_norm + _EPSILON
    dot = (s * t).sum(axis=axis, keepdims=True)
    value = temperature**2 * (1 - float((dot / below).mean()))
    direction = s / np.where(s_norm > 0, s_norm, 1.0)
    g = np.where(s_norm > 0, t / below - dot * t_norm * direction / below**2, 0.0)
    g = -(temperature**2) / dot.size * (g - g.mean(axis=axis, keepdims=True))
    return Pull(value, _to_logits(p * g, log_s, temperature))


def _centred(p: np.ndarray, axis: int) -> np.ndarray:
    """p minus its mean; differences within the rounding of the mean are 0."""
    left = p - p.mean(axis=axis, keepdims=True)
    rounding = 8 * np.finfo(np.float64).eps * np.linalg.norm(p, axis=axis, keepdims=True)
    return np.where(np.linalg.norm(left, axis=axis, keepdims=True) > rounding, left, 0.0)


def _to_logits(h: np.ndarray, log_p: np.ndarray, temperature: float) -> np.ndarray:
    """Convert dL / d log P to dL / dz."""
    return (h - np.exp(log_p) * h.sum(axis=1, keepdims=True)) / temperature
