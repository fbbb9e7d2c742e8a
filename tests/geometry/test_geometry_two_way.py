"""Two recipes over seeds and images together: against plain loops, and by simulation."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bickd_core.geometry.disagreement import mcnemar_exact
from bickd_core.geometry.gram_figures import replicated_overlap
from bickd_core.geometry.gram_streams import shard_grams
from bickd_core.geometry.intervals import paired_share_difference
from bickd_core.geometry.jackknife import Replicated
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.two_way import holm, two_way_difference, two_way_mean_difference


def slow(first: list[list[float]], second: list[list[float]]) -> tuple[float, float, float]:
    """The formula with loops over one stratum: difference, standard error, degrees of freedom."""
    n = len(first[0])

    def mean(values):
        return sum(values) / len(values)

    def variance(values):
        return sum((v - mean(values)) ** 2 for v in values) / (len(values) - 1)

    by_image = [
        mean([run[i] for run in first]) - mean([run[i] for run in second]) for i in range(n)
    ]
    total = variance(by_image) / n
    spent = total**2 / (n - 1)
    for runs in (first, second):
        own = variance([mean(run) for run in runs])
        rest = 0.0
        for run in runs:
            residual = [run[i] - mean([other[i] for other in runs]) for i in range(n)]
            rest += variance(residual) / n
        net = max(0.0, own - rest / (len(runs) - 1))
        total += net / len(runs)
        spent += net * own / len(runs) ** 2 / (len(runs) - 1)
    return mean(by_image), total**0.5, total**2 / spent


def test_it_is_the_formula_with_loops():
    rng = np.random.default_rng(0)
    first = rng.normal(0, 1, (3, 120)) + rng.normal(0, 0.5, (3, 1))
    second = rng.normal(0.2, 1, (5, 120)) + rng.normal(0, 0.3, (5, 1))
    found = two_way_mean_difference(first, second)
    difference, error, freedom = slow(first.tolist(), second.tolist())
    assert found.interval.estimate == pytest.approx(difference)
    half = stats.t.ppf(0.975, freedom) * error
    assert (found.interval.low, found.interval.high) == pytest.approx(
        (difference - half, difference + half)
    )
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(difference) / error, freedom))


def test_networks_that_are_meant_themselves_have_the_paired_interval_of_their_images():
    rng = np.random.default_rng(1)
    scores, labels = rng.random((2, 60)) < 0.6, np.arange(60) % 3
    found = two_way_mean_difference(scores[:1], scores[1:], labels, drawn=(False, False))
    assert found.interval == paired_share_difference(scores[0], scores[1], labels)
    assert found.p_value == mcnemar_exact(
        (scores[0] > scores[1]).sum(), (scores[0] < scores[1]).sum()
    )


def test_a_sample_of_one_seed_and_other_images_are_refused_and_no_variance_gives_no_limits():
    scores = np.random.default_rng(2).random((3, 10))
    with pytest.raises(ValueError, match="needs two runs or more, got 1"):
        two_way_mean_difference(scores[:1], scores)
    with pytest.raises(ValueError, match="the same images, got 10 and 9"):
        two_way_mean_difference(scores, scores[:, :9])
    found = two_way_mean_difference(np.ones((2, 10)), np.zeros((2, 10)))
    assert (found.interval.estimate, found.interval.low, found.p_value) == (1.0, None, 1.0)
    few = Replicated(0.2, np.zeros(0), 3, (0, 1))
    assert two_way_difference([few, few], [few, few]).interval.low is None
    with pytest.raises(ValueError, match="the same shards"):
        two_way_difference([few, few], [few, Replicated(0.2, np.zeros(5), 3, (0, 1))])


def at_once(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The formula for many data sets at once, [repeats, S, N] each: differences and half widths."""
    n = first.shape[2]
    total = (first.mean(1) - second.mean(1)).var(axis=1, ddof=1) / n
    spent = total**2 / (n - 1)
    for y in (first, second):
        seeds = y.shape[1]
        whole = y.mean(2).var(axis=1, ddof=1)
        twice = ((y - y.mean(1, keepdims=True)).var(axis=2, ddof=1) / n).sum(1) / (seeds - 1)
        net = np.maximum(0, whole - twice)
        total = total + net / seeds
        spent += net * whole / seeds**2 / (seeds - 1)
    half = stats.t.ppf(0.975, total**2 / spent) * np.sqrt(total)
    return first.mean((1, 2)) - second.mean((1, 2)), half


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.06, 0.12, 0.5])
def test_accuracy_differences_hold_the_true_one_in_93_to_97_of_100(seeds, spread):
    """Right or wrong by a latent score: difficulty of the image, a seed's skill, and luck; recipes
    differ a little."""
    rng = np.random.default_rng([seeds, round(100 * spread)])
    n, repeats, skill = 160, 2000, (0.35, 0.2)
    # A share right is the chance of a normal latent score above 0, over images, seeds and luck.
    true = [stats.norm.cdf(mean / np.sqrt(2 + spread**2)) for mean in skill]
    image = rng.standard_normal((repeats, 1, n), np.float32)
    first, second = (
        (
            mean
            + image
            + spread * rng.standard_normal((repeats, seeds, 1), np.float32)
            + rng.standard_normal((repeats, seeds, n), np.float32)
            > 0
        ).astype(np.float64)
        for mean in skill
    )
    difference, half = at_once(first, second)
    for i in range(20):  # these are the limits of the function under test
        found = two_way_mean_difference(first[i], second[i]).interval
        assert (found.low, found.high) == pytest.approx(
            (difference[i] - half[i], difference[i] + half[i])
        )
    share = np.mean(np.abs(difference - (true[0] - true[1])) <= half)
    assert 0.93 <= share <= (0.98 if spread == 0 else 0.97)


@pytest.mark.parametrize("seeds", [3, 5])
def test_overlap_differences_of_one_recipe_with_itself_hold_zero_in_93_to_97_of_100(seeds):
    rng = np.random.default_rng(seeds)
    n, classes, repeats, inside = 150, 5, 200, 0
    labels = np.arange(n) % classes
    shard = stratified_shards(n, labels)
    for _ in range(repeats):
        image = 2.0 * np.eye(classes)[labels] + rng.normal(0, 1, (n, classes))
        sides = [
            [
                replicated_overlap(
                    shard_grams(softmax(rng.normal(1.6, 0.2) * image + rng.normal(0, 0.7, image.shape), 1.0), shard)
                )
                for _ in range(seeds)
            ]
            for _ in range(2)
        ]  # fmt: skip
        found = two_way_difference(*sides).interval
        inside += found.low <= 0 <= found.high
    assert 0.925 <= inside / repeats <= 0.975, inside / repeats


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_closed_testing_with_bonferroni(p_values):
    indices = range(len(p_values))
    subsets = [set(s) for size in range(1, len(p_values) + 1) for s in combinations(indices, size)]
    expected = [
        max(min(1.0, len(s) * min(p_values[j] for j in s)) for s in subsets if i in s)
        for i in indices
    ]
    assert holm(p_values) == pytest.approx(expected)


def test_few_images_have_no_limits_and_the_freedom_is_never_below_that_of_the_least_part():
    rng = np.random.default_rng(3)
    scores = (rng.random((2, 3, 110)) < 0.95).astype(float)
    assert two_way_mean_difference(scores[0, :, :99], scores[1, :, :99]).interval.low is None
    assert two_way_mean_difference(scores[0, :, :100], scores[1, :, :100]).interval.low is not None
    tiny = np.full(110, 0.5)
    tiny[0] += 1e-3  # the images hardly say anything, and what they say is more than the seeds do
    runs = np.array([tiny, tiny[::-1], np.roll(tiny, 7)])
    found = two_way_mean_difference(runs, np.full((3, 110), 0.5)).interval
    error = slow(runs.tolist(), np.full((3, 110), 0.5).tolist())[1]
    assert found.high - found.estimate <= 1.0001 * stats.t.ppf(0.975, 2) * error


@pytest.mark.parametrize(("seeds", "shared"), [(20, 0.0), (20, 0.7), (5, 0.0), (3, 0.0)])
def test_strata_and_many_seeds_keep_the_level_and_shared_seeds_only_widen(seeds, shared):
    """1,208 images in 95 classes, as in the study. With `shared`, seed s makes runs of both recipes
    alike, which the intervals leave out."""
    rng = np.random.default_rng([seeds, round(10 * shared)])
    labels = np.sort(np.arange(1208) % 95)
    classes = rng.normal(0, 0.7, 95)[labels]
    repeats, inside = 300, 0
    for _ in range(repeats):
        image = classes + 1.4 * rng.standard_normal(1208)
        common = rng.standard_normal((seeds, 1)), rng.standard_normal((seeds, 1208))
        sides = []
        for _ in range(2):
            own = rng.standard_normal((seeds, 1)), rng.standard_normal((seeds, 1208))
            skill, luck = (
                shared**0.5 * both + (1 - shared) ** 0.5 * mine
                for both, mine in zip(common, own, strict=True)
            )
            recipe = 0.35 * rng.standard_normal(1208)
            sides.append((0.35 + image + recipe + 0.04 * skill + luck > 0).astype(float))
        found = two_way_mean_difference(sides[0], sides[1], labels).interval
        inside += found.low <= 0 <= found.high
    assert (0.95 if shared else 0.92) <= inside / repeats <= (1 if shared else 0.985)
