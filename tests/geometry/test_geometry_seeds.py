"""The difference of mean overlaps over the seeds of two methods."""

import numpy as np
import pytest

from bickd_core.geometry.gram_figures import replicated_overlap
from bickd_core.geometry.gram_streams import shard_grams
from bickd_core.geometry.jackknife import mean_replicated, replicated_difference
from bickd_core.geometry.orthogonality import overlap
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.shards import stratified_shards

N, C = 300, 6
LABELS = np.arange(N) % C
SHARD = stratified_shards(N, LABELS)


def predictions(seed, sharpness):
    logits = np.random.default_rng(seed).normal(size=(N, C))
    logits[np.arange(N), LABELS] += sharpness
    return softmax(logits)


def test_it_is_the_difference_of_the_means_with_a_leave_one_shard_out_interval():
    first = [predictions(seed, 4.0) for seed in (0, 1)]
    second = [predictions(seed, 2.0) for seed in (2, 3, 4)]
    found = replicated_difference(
        *(
            mean_replicated([replicated_overlap(shard_grams(P, SHARD)) for P in group])
            for group in (first, second)
        )
    )

    def gap(keep):
        return np.mean([overlap(P[keep]) for P in first]) - np.mean(
            [overlap(P[keep]) for P in second]
        )

    leave = np.array([gap(s != SHARD) for s in np.unique(SHARD)])
    g = len(leave)
    error = np.sqrt((g - 1) / g * ((leave - leave.mean()) ** 2).sum())
    assert found.raw == pytest.approx(gap(np.ones(N, dtype=bool)))
    assert found.estimate == pytest.approx(g * found.raw - (g - 1) * leave.mean())
    assert found.high - found.estimate == pytest.approx(
        2.0930 * error, rel=1e-4
    )  # t, 19 degrees of freedom
    assert found.high < 0
