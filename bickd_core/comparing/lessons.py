"""Data for the lessons: samples and classes picked by a rule, and the losses of the presets on a
batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bickd_core.comparing import gradients
from bickd_core.comparing.gradients import Pull
from bickd_core.geometry.agreement import hellinger
from bickd_core.presets.logits import BicKDOptions, DISTOptions, KDOptions

BATCH = 64
"""Samples of a batch, as in the bundled runs' training."""


def from_sure_to_unsure(entropies: np.ndarray, count: int) -> np.ndarray:
    """Return the positions [count] of samples at evenly spaced ranks of entropy, the lowest entropy
    first.

    >>> from_sure_to_unsure(np.array([0.3, 0.1, 0.2]), 3).tolist()
    [1, 2, 0]
    """
    order = np.argsort(entropies, kind="stable")
    return order[np.round(np.linspace(0, len(order) - 1, min(count, len(order)))).astype(int)]


def closest_three(gram: np.ndarray, empty: np.ndarray) -> tuple[int, ...]:
    """Return three classes with a high mean cosine, in index order: the closest pair, then the
    class that is closest to both. There are fewer if not enough classes exist.
    """
    usable = np.flatnonzero(~empty)
    if len(usable) < 2:
        return tuple(int(c) for c in usable)
    inner = gram[np.ix_(usable, usable)].astype(np.float64)
    np.fill_diagonal(inner, -np.inf)
    a, b = np.unravel_index(int(inner.argmax()), inner.shape)
    chosen = [int(a), int(b)]
    if len(usable) > 2:
        both = inner[a] + inner[b]
        chosen.append(int(both.argmax()))
    return tuple(sorted(int(usable[c]) for c in chosen))


def furthest_of_each(
    P: np.ndarray, Q: np.ndarray, truth: np.ndarray, classes: Sequence[int], each: int
) -> np.ndarray:
    """Return the positions of up to `each` samples of every class on which P and Q [N, C] differ
    most (Hellinger distance)."""
    apart = hellinger(P, Q)
    chosen = []
    for c in classes:
        own = np.flatnonzero(truth == c)
        chosen.extend(own[np.argsort(-apart[own], kind="stable")[:each]].tolist())
    return np.array(chosen, dtype=np.int64)


def batch(samples: int, number: int, size: int = BATCH) -> np.ndarray:
    """Return the positions of batch `number` (from 0) of a seeded shuffle. An incomplete last batch
    is left out, as in training.

    With fewer samples than `size`, there is one batch with all of them.
    """
    order = np.random.default_rng(0).permutation(samples)
    count = max(samples // size, 1)
    return order[(number % count) * size : (number % count + 1) * size]


def preset_pulls(student: np.ndarray, teacher: np.ndarray, labels: np.ndarray) -> dict[str, Pull]:
    """Compute the distillation loss of each method and its gradient on the student's logits [B, C],
    with the presets' defaults. BicKD leaves out pairs with the same label [B].

    "kd": beta T^2 KL. "dist": beta rows + gamma columns. "bickd": beta T^2 KL + lambda_s sample +
    lambda_c class, and its two contrasts alone as "sample" and "class". The cross-entropy with the
    labels is left out, because all methods share it.
    """
    k, d, b = KDOptions(), DISTOptions(), BicKDOptions()
    kl = gradients.kd(student, teacher, temperature=b.temperature).times(b.beta)
    sides = dict(temperature=b.temperature, tau=b.tau)
    sample = gradients.bickd_sample(student, teacher, labels, **sides).times(b.lambda_sample)
    classes = gradients.bickd_class(student, teacher, **sides).times(b.lambda_class)
    return {
        "kd": gradients.kd(student, teacher, temperature=k.temperature).times(k.beta),
        "dist": gradients.dist_rows(student, teacher, temperature=d.temperature).times(d.beta)
        + gradients.dist_columns(student, teacher, temperature=d.temperature).times(d.gamma),
        "bickd": kl + sample + classes,
        "sample": sample,
        "class": classes,
    }


def same_way(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of two gradients as vectors: 1 for the same direction, 0 for right angles, -1 for
    opposite directions; 0 if a gradient is zero."""
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / length if length > 0 else 0.0


def share_on(gradient: np.ndarray, rows: np.ndarray) -> float:
    """Share of the sum of |gradient| [B, C] in the rows of the mask [B]; 0 if the gradient is
    zero."""
    size = np.abs(gradient).sum(axis=1)
    return float(size[rows].sum() / size.sum()) if size.sum() > 0 else 0.0


def strongest(
    gradients: Sequence[np.ndarray], rows: int, columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns (positions, in order) with the largest part of several gradients,
    each scaled to unit length."""
    total = sum(np.abs(g) / (np.linalg.norm(g) or 1.0) for g in gradients)
    total = np.asarray(total)
    best_rows = np.argsort(-total.sum(axis=1), kind="stable")[:rows]
    best_columns = np.argsort(-total[best_rows].sum(axis=0), kind="stable")[:columns]
    return np.sort(best_rows), np.sort(best_columns)
