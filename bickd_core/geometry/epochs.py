"""A model's geometry while it learned: its stored logits on a fixed probe set, one slice an epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bickd_core.geometry import agreement, checks
from bickd_core.geometry.orthogonality import class_gram, orthogonality_score
from bickd_core.geometry.probabilities import matched_temperature, softmax


@dataclass(frozen=True)
class EpochFigures:
    """Figures on the probe set after each of E epochs.

    Attributes:
        epochs: [E] as stored, the first is 0.
        grams: float32 [E, C, C] class Grams at T, rows and columns of empty classes 0; or what `reduce` made.
        overlap, score: [E] of these Grams; NaN below two usable classes.
        accuracy: [E] share right; None without labels.
        agreement: [E] share with the reference's top-1 class; None without a reference.
        n: samples of the probe set.
        temperatures: [E] T of each Gram.
        reached: [E] bool, False where no temperature gave the wanted entropy and the plain T stands.
    """

    epochs: np.ndarray
    grams: np.ndarray
    overlap: np.ndarray
    score: np.ndarray
    accuracy: np.ndarray | None
    agreement: np.ndarray | None
    n: int
    temperatures: np.ndarray
    reached: np.ndarray

    def at(self, epoch: int) -> int:
        """The position of the last stored epoch that is not after `epoch`; the first if all are."""
        return max(int(np.searchsorted(self.epochs, epoch, side="right")) - 1, 0)


def epoch_figures(
    logits: np.ndarray,
    epochs: np.ndarray,
    *,
    T: float = 4.0,
    target_entropy: float | None = None,
    labels: np.ndarray | None = None,
    reference: np.ndarray | None = None,
    reduce: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> EpochFigures:
    """All figures of one model by epoch.

    Args:
        logits: [E, P, C] of the same P samples after each epoch.
        epochs: [E] their numbers, rising.
        T: temperature of the Grams.
        target_entropy: nats; each epoch at the temperature where its mean entropy is this, in place of T.
        labels: [P] true classes, or None.
        reference: [P, C] logits of the finished teacher on the same samples, or None.
        reduce: (Gram [C, C], empty [C]) -> what to keep of it [S, S], for example `group_means`; None keeps all.

    Raises:
        ValueError: shapes that do not fit.
    """
    logits = np.asarray(logits)
    if logits.ndim != 3 or not len(logits) or len(epochs) != len(logits):
        raise ValueError(
            f"logits must be [epochs, samples, classes] with a number an epoch, got shape {logits.shape} and "
            f"{len(epochs)} numbers: pass the arrays of one trajectory."
        )
    count, n, n_classes = logits.shape
    grams: list[np.ndarray] = []
    overlap, score = np.full(count, np.nan), np.full(count, np.nan)
    temperatures, reached = np.full(count, float(T)), np.ones(count, dtype=bool)
    start = float(T)
    for e, one in enumerate(logits):
        if target_entropy is not None:
            matched = matched_temperature(one, target_entropy, start=start)
            reached[e] = matched.reached
            if matched.reached:
                temperatures[e] = start = matched.temperature
        gram, empty = class_gram(softmax(one, float(temperatures[e])))
        grams.append((gram if reduce is None else reduce(gram, empty)).astype(np.float32))
        used = int((~empty).sum())
        if used > 1:
            overlap[e] = (gram.sum() - used) / (used * (used - 1))
            score[e] = orthogonality_score(gram, empty)
    right, same = None, None
    if labels is not None:
        labels = checks.labels_for(labels, n, n_classes, "accuracy by epoch")
        right = (logits.argmax(axis=2) == labels).mean(axis=1)
    if reference is not None:
        same = np.array([agreement.agreement_rate(reference, one) for one in logits])
    return EpochFigures(
        epochs=np.asarray(epochs, dtype=np.int64),
        grams=np.array(grams),
        overlap=overlap,
        score=score,
        accuracy=right,
        agreement=same,
        n=n,
        temperatures=temperatures,
        reached=reached,
    )
