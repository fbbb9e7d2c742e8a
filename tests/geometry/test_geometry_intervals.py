"""Intervals: their formulas, what they cover, and that each holds its own estimate."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from bickd_core.geometry.calibration import calibration_interval, confidence_and_hits
from bickd_core.geometry.disagreement import mcnemar_exact
from bickd_core.geometry.gram_figures import (
    class_figures,
    overlap_interval,
    paired_overlap_difference,
)
from bickd_core.geometry.gram_streams import shard_grams
from bickd_core.geometry.intervals import (
    Interval,
    mean_interval,
    paired_mean_difference,
    paired_share_difference,
    proportion_interval,
    stratified_variance,
)
from bickd_core.geometry.orthogonality import class_geometry, overlap
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.shards import stratified_shards


def draw(seed, n=160, c=8, T=2.0):
    random = np.random.default_rng(seed)
    labels = np.arange(n) % c
    logits = random.normal(size=(n, c)) * 3
    logits[np.arange(n), labels] += 5
    return softmax(logits, T), labels


def test_mean_interval_is_the_stratified_formula():
    random = np.random.default_rng(0)
    labels = np.array([0] * 72 + [2] * 48)
    values = random.normal(size=120) + labels
    found = mean_interval(values, labels)
    borrowed = values.var(ddof=1)
    parts = [(((v - v.mean()) ** 2).sum() + borrowed) / 120**2 for v in (values[:72], values[72:])]
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 72 + parts[1] ** 2 / 48)
    assert freedom == pytest.approx(119, abs=3)
    half = float(stdtrit(min(freedom, 119), 0.975)) * math.sqrt(sum(parts))
    assert found.estimate == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half)
    assert found.high == pytest.approx(values.mean() + half)
    assert found.method == "normal approximation, stratified by class"
    assert found.high - found.low < (whole := mean_interval(values)).high - whole.low


def test_classes_that_agree_by_chance_borrow_variance():
    variance, _ = stratified_variance(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 1, 1]))
    assert variance == pytest.approx(2 * (1 / 3) / 16)
    alone, freedom = stratified_variance(np.array([0.0, 2.0, 5.0]), np.arange(3))
    assert (alone, freedom) == pytest.approx((np.var([0, 2, 5], ddof=1) / 3, 2))


def test_means_have_no_interval_below_100_samples():
    values = np.random.default_rng(0).normal(size=99)
    assert mean_interval(values).low is None
    assert mean_interval(np.append(values, 0.0)).low is not None


@given(
    cells=st.lists(
        st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), min_size=1, max_size=30
    ),
    level=st.sampled_from([0.9, 0.95]),
)
@settings(max_examples=300)
def test_paired_shares_never_contradict_mcnemar(cells, level):
    labels, a, b = (np.array(column) for column in zip(*cells, strict=True))
    found = paired_share_difference(a, b, labels, level=level)
    p = mcnemar_exact(int((a & ~b).sum()), int((~a & b).sum()))
    assert (found.low > 0 or found.high < 0) == (p < 1 - level)
    assert found.low <= found.estimate <= found.high
    assert found.low < found.high
    assert found.estimate == pytest.approx(a.mean() - b.mean())


def test_paired_shares_of_one_stratum_are_bonett_and_price():
    a, b = (
        np.repeat([True, False, True, False], [40, 30, 12, 4]),
        np.repeat([True, False, False, True], [40, 30, 12, 4]),
    )
    found = paired_share_difference(a, b)
    p1, p2 = 13 / 88, 5 / 88
    half = 1.959964 * math.sqrt((p1 + p2 - (p1 - p2) ** 2) / 88)
    assert (found.low, found.high) == pytest.approx((p1 - p2 - half, p1 - p2 + half), rel=1e-5)
    with pytest.raises(ValueError, match="shares between 0 and 1"):
        paired_share_difference(np.array([2.0]), np.array([0.0]))


@pytest.mark.parametrize(("classes", "each"), [(10, 2), (4, 5), (10, 5), (20, 12)])
def test_paired_shares_cover_on_small_sets(classes, each):
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), each)
    held = 0
    for _ in range(400):
        known = random.random(classes) < 0.6
        other = np.where(random.random(classes) < 0.5, known, random.random(classes) < 0.5)
        a, b = (np.where(of, 0.97, 0.03)[labels] for of in (known, other))
        found = paired_mean_difference(
            random.random(len(labels)) < a, random.random(len(labels)) < b, labels
        )
        held += found.low <= (a - b).mean() <= found.high
    assert held / 400 >= 0.95


def test_too_few_samples_have_no_limits():
    found = mean_interval(np.array([3.0]))
    assert (found.estimate, found.low, found.high, found.n) == (3.0, None, None, 1)
    assert found.text() == "3.000"
    assert overlap_interval(shard_grams(np.array([[0.6, 0.4]]), stratified_shards(1))).low is None


def test_wilson_by_hand_and_at_the_ends():
    found = proportion_interval(np.array([True] * 8 + [False] * 2))
    assert (found.low, found.high) == (
        pytest.approx(0.4902, abs=1e-4),
        pytest.approx(0.9433, abs=1e-4),
    )
    sure = proportion_interval(np.ones(100, dtype=bool), np.arange(100) % 4)
    assert (sure.estimate, sure.high) == (1.0, 1.0)
    assert sure.low == pytest.approx(0.963, abs=1e-3)
    never = proportion_interval(np.zeros(1, dtype=bool), np.array([0]))
    assert (never.estimate, never.low) == (0.0, 0.0)
    assert never.high > 0.5


def test_stratified_shares_cover():
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(10), 15)
    chance = np.linspace(0.2, 0.95, 10)[labels]
    covered = sum(
        (found := proportion_interval(random.random(150) < chance, labels)).low
        <= chance.mean()
        <= found.high
        for _ in range(400)
    )
    assert 0.92 <= covered / 400 <= 0.985


def test_paired_differences_are_narrower():
    random = np.random.default_rng(2)
    labels = np.arange(200) % 4
    shared = random.normal(size=200)
    a, b = shared + 0.1 + 0.1 * random.normal(size=200), shared + 0.1 * random.normal(size=200)
    found = paired_mean_difference(a, b, labels)
    assert found.low > 0
    assert found.high - found.low < 0.5 * (mean_interval(a).high - mean_interval(a).low)
    same = paired_mean_difference(a, a, labels)
    assert (same.estimate, same.low, same.high) == (0, 0, 0)
    assert paired_mean_difference(a > 0, b > 0).estimate == pytest.approx(
        (a > 0).mean() - (b > 0).mean()
    )


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="level must be between 0 and 1"):
        paired_share_difference(np.zeros(3), np.zeros(3), level=95)
    with pytest.raises(ValueError, match="got 3 and 2"):
        paired_mean_difference(np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="values must be finite"):
        mean_interval(np.array([1.0, np.nan]))
    P, labels = draw(0)
    with pytest.raises(ValueError, match="same shards"):
        paired_overlap_difference(
            shard_grams(P, stratified_shards(160, labels)),
            shard_grams(P, stratified_shards(160, labels, seed=1)),
        )
    with pytest.raises(ValueError, match="every shard in use"):
        shard_grams(P, np.ones(160, dtype=int))


def test_text():
    assert Interval(0.139, 0.13, 0.148, 0.95, "", 9).text() == "0.139 [0.130, 0.148]"
    assert Interval(0.6, 0.5, 0.7, 0.95, "", 9).text(1, scale=100) == "60.0 [50.0, 70.0]"


def test_shards_are_even_overall_and_within_each_class():
    labels = np.random.default_rng(3).integers(0, 7, 403)
    shard = stratified_shards(403, labels)
    sizes = np.bincount(shard)
    assert len(sizes) == 20
    assert np.ptp(sizes) <= 1
    for c in range(7):
        assert np.ptp(np.bincount(shard[labels == c], minlength=20)) <= 1
    np.testing.assert_array_equal(shard, stratified_shards(403, labels))
    assert (shard != stratified_shards(403, labels, seed=1)).any()
    assert np.sort(stratified_shards(5, None)).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("mode", [{}, {"centred": True}])
def test_jackknife_of_class_figures_leaves_out_each_shard(mode):
    P, labels = draw(4, n=120, c=5)
    shard = stratified_shards(120, labels, shards=6)
    found = class_figures(shard_grams(P, shard), **mode)
    whole = class_geometry(P, **mode)
    left = [class_geometry(P[shard != g], **mode) for g in range(6)]
    for name in ("overlap", "score", "effective_rank"):
        values = np.array([getattr(geometry, name) for geometry in left])
        half = 2.570582 * math.sqrt(5 / 6 * ((values - values.mean()) ** 2).sum())
        interval = getattr(found, name)
        assert interval.raw == pytest.approx(getattr(whole, name))
        assert interval.estimate == pytest.approx(6 * interval.raw - 5 * values.mean())
        assert interval.estimate - interval.low == pytest.approx(half, rel=1e-4)
    assert found.n_classes_used == 5


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000), T=st.floats(0.3, 8.0), n=st.integers(2, 60), c=st.integers(2, 6)
)
def test_every_interval_holds_its_estimate(seed, T, n, c):
    P, labels = draw(seed, n=n, c=c, T=T)
    other, _ = draw(seed + 1, n=n, c=c, T=T)
    shard = stratified_shards(n, labels, seed=seed)
    a, b = shard_grams(P, shard), shard_grams(other, shard)
    figures = class_figures(a)
    made = [
        figures.overlap,
        figures.score,
        figures.effective_rank,
        paired_overlap_difference(a, b),
        calibration_interval(*confidence_and_hits(P, labels)),
        mean_interval(P[:, 0], labels),
        proportion_interval(P[:, 0] > 0.5, labels),
    ]
    held = [i for i in made if i is not None and i.low is not None]
    assert all(i.low <= i.estimate <= i.high for i in held)
    assert held


def test_overlap_jackknife_covers_and_the_bootstrap_sits_too_high():
    truth = overlap(draw(999, n=40_000)[0])
    covered, above, trials = 0, [], 120
    for seed in range(trials):
        P, labels = draw(seed)
        found = overlap_interval(shard_grams(P, stratified_shards(160, labels, seed=seed)))
        covered += found.low <= truth <= found.high
        again = np.random.default_rng(seed).integers(0, 160, (8, 160))
        above.append(np.mean([overlap(P[rows]) for rows in again]) - found.raw)
    assert 0.90 <= covered / trials <= 0.99
    assert np.mean(above) > 6 * np.std(above) / math.sqrt(trials)


def test_a_bootstrap_of_many_classes_can_miss_the_estimate_itself():
    random = np.random.default_rng(0)
    labels = np.arange(600) % 100
    logits = random.normal(size=(600, 100)) * 3
    logits[np.arange(600), labels] += 8
    P = softmax(logits)
    resampled = [overlap(P[random.integers(0, 600, 600)]) for _ in range(60)]
    assert np.quantile(resampled, 0.025) > overlap(P)


def test_paired_overlap_difference_is_the_difference_and_narrower():
    P, labels = draw(6)
    Q = softmax(np.log(P) * 1.05)
    shard = stratified_shards(160, labels)
    a, b = shard_grams(P, shard), shard_grams(Q, shard)
    found = paired_overlap_difference(a, b)
    assert found.raw == pytest.approx(overlap(P) - overlap(Q))
    assert found.estimate == pytest.approx(
        overlap_interval(a).estimate - overlap_interval(b).estimate
    )
    assert found.low > 0
    alone = overlap_interval(a)
    assert found.high - found.low < 0.3 * (alone.high - alone.low)
    same = paired_overlap_difference(a, a)
    assert (same.low, same.high) == (0, 0)


def test_no_usable_pair_of_classes_is_none():
    one_hot = np.zeros((10, 3))
    one_hot[:, 0] = 1
    grams = shard_grams(one_hot, stratified_shards(10))
    figures = class_figures(grams)
    assert (figures.overlap, figures.score, figures.effective_rank) == (None, None, None)
    assert figures.n_classes_used == 1
    assert overlap_interval(grams) is None
    assert paired_overlap_difference(grams, grams) is None
