"""Jackknife replicates at matched mean entropy, where the temperature changes without a shard.

The temperature T of matched mean entropy depends on all samples. Without shard g it is `T
exp(s_g)`, with one Newton step

    s_g = -sum_{i not in g} (H_i - target_i) / sum_{i not in g} dH_i / dlog T

and the Gram moves by `s_g d(P'P) / dlog T`. The steps are centred, so that the limits change but
not the corrected estimate. In simulations the limits agreed with a full match in each replicate.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.gram_sums import ROWS, Rematch, ShardGrams
from bickd_core.geometry.probabilities import row_blocks, shifted


def rematched(
    grams: ShardGrams,
    logits: np.ndarray,
    T: float,
    targets: np.ndarray,
    *,
    dtype: type[np.floating] = np.float64,
) -> ShardGrams:
    """Return the sums with replicates at their own matched temperatures.

    Args:
        grams: of `softmax(logits / T)`, without weights.
        logits: [N, C] of the model.
        T: the temperature at which the mean entropy of all samples is that of `targets`.
        targets: [N] the teacher's entropies on the same samples, in nats.
        dtype: of the products.

    Raises:
        ValueError: other numbers of samples.
    """
    T = checks.positive(T, "T")
    if not len(logits) == len(targets) == grams.n:
        raise ValueError(
            f"logits and targets must be on the {grams.n} samples of the Gram, got {len(logits)}"
            f" and {len(targets)}: align them first."
        )
    n_classes = grams.sums.shape[1]
    products, sums = np.zeros((n_classes, n_classes)), np.zeros(n_classes)
    gaps, slopes = np.empty(grams.n), np.empty(grams.n)
    both = np.empty((2, min(ROWS, grams.n), n_classes), dtype)
    for start in range(0, grams.n, ROWS):
        stop = min(start + ROWS, grams.n)
        for piece in row_blocks(stop - start, n_classes):  # which stay in the processor's cache
            here = slice(start + piece.start, start + piece.stop)
            scaled = shifted(logits[here], dtype)
            scaled *= dtype(1.0 / T)
            P, moved = both[:, piece]
            np.exp(scaled, out=P)
            total = P.sum(axis=1)
            P *= (1.0 / total)[:, None]
            mean = np.einsum("ij,ij->i", P, scaled)
            gaps[here] = np.log(total.astype(np.float64)) - mean - targets[here]
            np.subtract(mean[:, None], scaled, out=scaled)
            np.multiply(P, scaled, out=moved)  # dP / dlog T
            slopes[here] = np.einsum("ij,ij->i", moved, scaled)
            sums += moved.sum(axis=0)
        products += both[0, : stop - start].T @ both[1, : stop - start]
    steps = rematch_steps(gaps, slopes, grams.shard)
    return replace(grams, rematch=Rematch(steps, products + products.T, sums))


def rematch_steps(gaps: np.ndarray, slopes: np.ndarray, shard: np.ndarray) -> np.ndarray:
    """The change of log T without each shard, float64 [G], centred.

    Args:
        gaps: [N] entropies minus their targets. slopes: [N] `dH / dlog T`.
        shard: [N] from `stratified_shards`.
    """
    rest = [values.sum() - np.bincount(shard, weights=values) for values in (gaps, slopes)]
    steps = np.where(rest[1] > 0, -rest[0] / np.where(rest[1] > 0, rest[1], 1.0), 0.0)
    return steps - steps.mean()
