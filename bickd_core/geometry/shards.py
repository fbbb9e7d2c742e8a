"""Assign samples to shards, which all jackknives of a comparison share."""

from __future__ import annotations

import numpy as np

from bickd_core.geometry import checks

SHARDS = 20


def stratified_shards(
    n: int, labels: np.ndarray | None = None, *, shards: int = SHARDS, seed: int = 0
) -> np.ndarray:
    """Assign n samples to shards: shuffled within each class, then in turn, so that sizes differ by
    at most one.

    Args:
        n: samples.
        labels: [n] true classes; None deals all samples as one class.
        shards: at least 2; never more shards than samples are made.
        seed: of the shuffles. The deal follows the order of the samples: keep it when comparing
            models.

    Returns:
        [n] int64, the shard of each sample, 0 .. min(shards, n) - 1.
    """
    if n < 1 or shards < 2:
        raise ValueError(f"n must be at least 1 and shards at least 2, got {n!r} and {shards!r}.")
    keys = np.random.default_rng(seed).random(n)
    strata = (
        np.zeros(n) if labels is None else checks.labels_for(labels, n, None, "stratified shards")
    )
    shard = np.empty(n, dtype=np.int64)
    shard[np.lexsort((keys, strata))] = np.arange(n) % min(shards, n)
    return shard


def checked_shard(shard: np.ndarray, n: int) -> np.ndarray:
    """Return `shard` if it gives each of n samples a shard and uses every one, or raise
    ValueError."""
    shard = np.asarray(shard)
    if shard.shape != (n,) or shard.dtype.kind not in "iu" or np.bincount(shard).min() == 0:
        raise ValueError(
            f"shard must give each of {n} samples a shard, every shard in use, got shape"
            f" {shard.shape}: pass the result of stratified_shards."
        )
    return shard
