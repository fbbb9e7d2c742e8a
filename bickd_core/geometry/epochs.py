"""A model's geometry by epoch, from its stored logits on a fixed probe set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bickd_core.geometry import agreement, checks
from bickd_core.geometry.matching import Matching, match
from bickd_core.geometry.orthogonality import class_gram
from bickd_core.geometry.overlap_streams import streamed_overlap
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.shards import stratified_shards


@dataclass(frozen=True)
class EpochFigures:
    """Figures on the probe set after each of E epochs.

    Attributes:
        epochs: [E] as stored, the first is 0.
        grams: float32 [E, C, C] class Grams at T, rows and columns of empty classes 0; or what
            `reduce` made.
        overlap: [E] at these temperatures, corrected for the bias of few samples; NaN below two
            usable classes.
        accuracy: [E] share right; None without labels.
        agreement: [E] share with the reference's top-1 class; None without a reference.
        n: samples of the probe set.
        temperatures: [E] T of each Gram, or [E, P] with one for each sample.
        unreached: [E] number of samples that do not reach the target entropy. With matched mean
            entropy it is all or none; if all, the plain T is used.
    """

    epochs: np.ndarray
    grams: np.ndarray
    overlap: np.ndarray
    accuracy: np.ndarray | None
    agreement: np.ndarray | None
    n: int
    temperatures: np.ndarray
    unreached: np.ndarray

    def at(self, epoch: int) -> int:
        """Return the position of the last stored epoch that is not after `epoch`, or of the first
        one if all are."""
        return max(int(np.searchsorted(self.epochs, epoch, side="right")) - 1, 0)


def epoch_figures(
    logits: np.ndarray,
    epochs: np.ndarray,
    *,
    T: float = 4.0,
    matching: Matching = "none",
    targets: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    reference: np.ndarray | None = None,
    reduce: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> EpochFigures:
    """Compute all figures of one model by epoch.

    Args:
        logits: [E, P, C] of the same P samples after each epoch.
        epochs: [E] their numbers, rising.
        T: temperature of the Grams.
        matching, targets: as in `match`; each epoch at the temperatures where its entropies are
            these [P], in nats.
        labels: [P] true classes, or None.
        reference: [P, C] logits of the finished teacher on the same samples, or None.
        reduce: (Gram [C, C], empty [C]) -> what to keep of it [S, S], for example `group_matrix`;
            None keeps all.

    Raises:
        ValueError: shapes that do not fit, or matching without targets.
    """
    logits = np.asarray(logits)
    if logits.ndim != 3 or not len(logits) or len(epochs) != len(logits):
        raise ValueError(
            "logits must be [epochs, samples, classes] with a number an epoch, got shape"
            f" {logits.shape} and {len(epochs)} numbers: pass the arrays of one trajectory."
        )
    count, n, n_classes = logits.shape
    grams: list[np.ndarray] = []
    overlap = np.full(count, np.nan)
    shard = stratified_shards(n, labels)
    if targets is None:
        if matching != "none":
            raise ValueError(f"targets must be given for matching {matching!r}, got None.")
        targets = np.zeros(n)
    matches = [match(epoch_logits, targets, T, matching) for epoch_logits in logits]
    for e, epoch_logits in enumerate(logits):
        P = softmax(epoch_logits, matches[e].T)
        gram, empty = class_gram(P)
        grams.append((gram if reduce is None else reduce(gram, empty)).astype(np.float32))
        replicated = streamed_overlap(epoch_logits, matches[e].T, shard)
        overlap[e] = np.nan if replicated is None else replicated.estimate
    right, same = None, None
    if labels is not None:
        labels = checks.labels_for(labels, n, n_classes, "accuracy by epoch")
        right = (logits.argmax(axis=2) == labels).mean(axis=1)
    if reference is not None:
        same = np.array(
            [agreement.agreement_rate(reference, epoch_logits) for epoch_logits in logits]
        )
    return EpochFigures(
        epochs=np.asarray(epochs, dtype=np.int64),
        grams=np.array(grams),
        overlap=overlap,
        accuracy=right,
        agreement=same,
        n=n,
        temperatures=np.array([matched.T for matched in matches]),
        unreached=np.array([matched.unreached for matched in matches]),
    )
