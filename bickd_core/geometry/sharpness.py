"""How temperature alone changes the geometry of classes.

A higher temperature spreads every sample's probability over the classes, so columns become more
similar and overlap rises. Over a range of temperatures each model gives a curve. Compare two models
at the same mean entropy: at the same position on the horizontal axis if overlap is drawn against
entropy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bickd_core.geometry.gram_figures import class_figures
from bickd_core.geometry.gram_streams import logit_grams
from bickd_core.geometry.overlap_streams import streamed_overlaps
from bickd_core.geometry.probabilities import pass_dtype

MOST_SCORED = 200
TEMPERATURES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True)
class TemperatureCurve:
    """One model's figures at K temperatures.

    Attributes:
        temperatures: [K], rising.
        entropy: [K] mean entropy in nats, which never falls with T.
        overlap: [K] mean off-diagonal of the class Gram, corrected for the bias of few samples; NaN
            with fewer than two usable classes.
        score: [K] orthogonality score, likewise; NaN above `MOST_SCORED` classes, where it would
            take a product of matrices for each temperature.
    """

    temperatures: np.ndarray
    entropy: np.ndarray
    overlap: np.ndarray
    score: np.ndarray


def temperature_curve(
    logits: np.ndarray,
    shard: np.ndarray,
    temperatures: Sequence[float] = TEMPERATURES,
    *,
    centred: bool = False,
) -> TemperatureCurve:
    """Compute overlap, orthogonality score and mean entropy of one model at each temperature.

    Args:
        logits: [N, C].
        shard: [N] from `stratified_shards`.
        temperatures: K of them, above 0.
        centred: Pearson correlations in place of cosines.
    """
    ordered = np.sort(np.asarray(temperatures, dtype=np.float64))
    every = streamed_overlaps(logits, ordered.tolist(), shard, centred=centred)
    overlap = [np.nan if at.overlap is None else at.overlap.estimate for at in every]
    return TemperatureCurve(
        ordered,
        np.array([at.entropy for at in every]),
        np.array(overlap),
        np.array([_score(logits, T, shard, centred) for T in ordered.tolist()]),
    )


def _score(logits: np.ndarray, T: float, shard: np.ndarray, centred: bool) -> float:
    if logits.shape[1] > MOST_SCORED:
        return np.nan
    sums = logit_grams([logits], [T], shard, dtype=np.float64 if centred else pass_dtype(logits))
    score = class_figures(sums.models[0], centred=centred, effective_rank=False).score
    return np.nan if score is None else score.estimate
