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

from bickd_core.geometry import checks
from bickd_core.geometry.gram_figures import class_figures
from bickd_core.geometry.gram_streams import logit_grams
from bickd_core.geometry.probabilities import mean_entropy_at

TEMPERATURES = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True)
class TemperatureCurve:
    """One model's figures at K temperatures.

    Attributes:
        temperatures: [K], rising.
        entropy: [K] mean entropy in nats, which never falls with T.
        overlap: [K] mean off-diagonal of the class Gram, corrected for the bias of few samples; NaN
            with fewer than two usable classes.
        score: [K] orthogonality score, likewise.
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
    logits = checks.matrix(logits, "logits")
    ordered = np.sort(np.asarray(temperatures, dtype=np.float64))
    entropy, overlap, score = [], [], []
    for T in ordered.tolist():
        sums = logit_grams([logits], [T], shard, dtype=np.float64 if centred else np.float32)
        figures = class_figures(sums.models[0], centred=centred, effective_rank=False)
        entropy.append(mean_entropy_at(logits, T))
        overlap.append(np.nan if figures.overlap is None else figures.overlap.estimate)
        score.append(np.nan if figures.score is None else figures.score.estimate)
    return TemperatureCurve(ordered, np.array(entropy), np.array(overlap), np.array(score))
