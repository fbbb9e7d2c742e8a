"""Kept sums: one streaming pass equals the matrices in memory, and each interval its own slow
loop."""

import numpy as np
import pytest
from gram_references import consistency, cross_gram, cross_overlap
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.geometry import gram_figures as module
from bickd_core.geometry.gram_figures import (
    class_figures,
    cross_figures,
    cross_geometry_from_sums,
    geometry_from_sums,
)
from bickd_core.geometry.gram_streams import column_cosine, logit_grams, shard_grams, stream_grams
from bickd_core.geometry.gram_sums import GramPass
from bickd_core.geometry.orthogonality import class_geometry
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.shards import stratified_shards


def draw(seed, n=120, c=6, T=2.0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, c, n)
    shared = random.normal(size=(n, c)) * 2
    shared[np.arange(n), labels] += 4
    logits = [shared + random.normal(size=(n, c)) for _ in range(2)]
    return logits, [softmax(z, T) for z in logits], labels


def slow_cosine(a, b):
    """Cosine of two columns, with loops; 0 where one of them is zero."""
    top = sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))
    lengths = [sum(x * x for x in column.tolist()) ** 0.5 for column in (a, b)]
    return top / (lengths[0] * lengths[1]) if min(lengths) > 1e-9 else 0.0


def slow_gram(P, Q):
    return np.array(
        [[slow_cosine(P[:, c], Q[:, d]) for d in range(Q.shape[1])] for c in range(P.shape[1])]
    )


def slow_jackknife(value, shard):
    """The corrected estimate and its error from `value(positions)` without each shard, and the
    value itself."""
    groups = shard.max() + 1
    replicates = [value(np.flatnonzero(shard != g)) for g in range(groups)]
    error = ((groups - 1) / groups * sum((f - np.mean(replicates)) ** 2 for f in replicates)) ** 0.5
    whole = value(np.arange(len(shard)))
    return groups * whole - (groups - 1) * np.mean(replicates), error, whole


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 70),
    c=st.integers(1, 7),
    size=st.integers(1, 40),
    centred=st.booleans(),
)
@settings(max_examples=60)
def test_streaming_in_blocks_of_any_size_equals_the_matrices_in_memory(seed, n, c, size, centred):
    _, (P, Q), labels = draw(seed, n, c)
    shard = stratified_shards(n, labels, shards=5, seed=seed)
    blocks = ((P[i : i + size], Q[i : i + size]) for i in range(0, n, size))
    kept = stream_grams(blocks, shard, dtype=np.float64)
    for grams, matrix in zip(kept.models, (P, Q), strict=True):
        ours, theirs = (
            geometry_from_sums(grams, centred=centred),
            class_geometry(matrix, centred=centred),
        )
        assert ours.gram == pytest.approx(theirs.gram, abs=1e-9)
        assert ours.empty.tolist() == theirs.empty.tolist()
        assert ours.overlap == pytest.approx(theirs.overlap, abs=1e-9)
        assert ours.class_overlap == pytest.approx(theirs.class_overlap, abs=1e-9)
    across = cross_geometry_from_sums(kept.crosses[0], centred=centred)
    assert across.gram == pytest.approx(cross_gram(P, Q, centred=centred), abs=1e-9)


def test_a_gram_is_that_of_a_plain_loop():
    logits, (P, Q), labels = draw(3, n=40, c=4)
    kept = logit_grams(
        logits, (2.0, 2.0), stratified_shards(40, labels, shards=4), dtype=np.float64
    )
    assert geometry_from_sums(kept.models[0]).gram == pytest.approx(slow_gram(P, P), abs=1e-12)
    assert cross_geometry_from_sums(kept.crosses[0]).gram == pytest.approx(
        slow_gram(P, Q), abs=1e-12
    )


@pytest.mark.parametrize("centred", [False, True])
def test_intervals_are_those_of_recomputed_replicates(centred):
    _, (P, Q), labels = draw(5)
    shard = stratified_shards(len(P), labels, shards=6)
    kept = stream_grams([(P, Q)], shard, dtype=np.float64)
    figures = class_figures(kept.models[0], centred=centred)
    across = cross_figures(kept.crosses[0], centred=centred)
    cases = {
        "overlap": (figures.overlap, lambda rows: class_geometry(P[rows], centred=centred).overlap),
        "score": (figures.score, lambda rows: class_geometry(P[rows], centred=centred).score),
        "rank": (
            figures.effective_rank,
            lambda rows: class_geometry(P[rows], centred=centred).effective_rank,
        ),
        "consistency": (
            across.consistency,
            lambda rows: consistency(cross_gram(P[rows], Q[rows], centred=centred)),
        ),
        "cross": (
            across.overlap,
            lambda rows: cross_overlap(cross_gram(P[rows], Q[rows], centred=centred)),
        ),
    }
    for name, (found, value) in cases.items():
        estimate, error, whole = slow_jackknife(value, shard)
        assert found.raw == pytest.approx(whole), name
        assert found.estimate == pytest.approx(estimate), name
        assert found.high - found.estimate == pytest.approx(2.5705818 * error, rel=1e-5), (
            name
        )  # t, 5 degrees
        assert found.low == pytest.approx(2 * found.estimate - found.high), name
    for c in range(P.shape[1]):
        estimate, error, _ = slow_jackknife(
            lambda rows, c=c: class_geometry(P[rows], centred=centred).class_overlap[c], shard
        )
        assert figures.class_overlap.estimate[c] == pytest.approx(estimate)
        assert figures.class_overlap.high[c] - estimate == pytest.approx(
            2.5705818 * error, rel=1e-5
        )


@pytest.mark.parametrize("centred", [False, True])
def test_one_cell_has_the_interval_of_its_recomputed_replicates(centred):
    _, (P, Q), labels = draw(5)
    shard = stratified_shards(len(P), labels, shards=6)
    for first, second, whole in (
        (P[:, 1], P[:, 3], (P, P, 1, 3)),
        (P[:, 2], Q[:, 2], (P, Q, 2, 2)),
    ):
        left, right, i, j = whole
        found = column_cosine(first, second, shard, centred=centred)
        _, error, whole = slow_jackknife(
            lambda rows, left=left, right=right, i=i, j=j: cross_gram(
                left[rows], right[rows], centred=centred
            )[i, j],
            shard,
        )
        assert found.estimate == pytest.approx(whole)  # as the matrix shows it
        assert found.high - found.estimate == pytest.approx(2.5705818 * error, rel=1e-5)
    assert column_cosine(P[:, 0], np.zeros(len(P)), shard) is None


def test_float32_keeps_what_the_module_says():
    logits, (P, Q), labels = draw(7, n=6000, c=20)
    shard = stratified_shards(6000, labels)
    kept = logit_grams([z.astype(np.float32) for z in logits], (2.0, 2.0), shard)
    assert kept.models[0].products.dtype == np.float32
    assert np.abs(geometry_from_sums(kept.models[0]).gram - class_geometry(P).gram).max() < 2e-6
    assert np.abs(cross_geometry_from_sums(kept.crosses[0]).gram - cross_gram(P, Q)).max() < 2e-6
    exact = class_figures(shard_grams(P, shard)).overlap
    ours = class_figures(kept.models[0]).overlap
    assert (ours.low, ours.high) == pytest.approx((exact.low, exact.high), abs=2e-6)


def test_the_linearised_effective_rank_is_near_the_exact_one(monkeypatch):
    _, (P, _), labels = draw(9, n=600, c=30)
    grams = shard_grams(P, stratified_shards(600, labels))
    exact = class_figures(grams).effective_rank
    monkeypatch.setattr(module, "EXACT_RANK", 10)
    ours = class_figures(grams).effective_rank
    assert ours.raw == pytest.approx(exact.raw)
    assert abs(ours.estimate - exact.estimate) < 0.2 * (exact.high - exact.low)
    assert ours.high - ours.low == pytest.approx(exact.high - exact.low, rel=0.1)


def test_a_class_that_nobody_predicts_stays_out():
    _, (P, Q), labels = draw(1)
    P = np.where(np.arange(6) == 2, 0.0, P)
    kept = stream_grams([(P, Q)], stratified_shards(len(P), labels), dtype=np.float64)
    figures, across = class_figures(kept.models[0]), cross_figures(kept.crosses[0])
    assert figures.n_classes_used == 5
    assert figures.class_overlap.estimate[2] == 0
    assert figures.overlap.raw == pytest.approx(class_geometry(P).overlap)
    assert across.overlap.raw == pytest.approx(cross_overlap(cross_gram(P, Q)))
    cross = cross_geometry_from_sums(kept.crosses[0])
    assert cross.empty_teacher.tolist() == [False, False, True, False, False, False]
    assert not cross.empty_student.any()


def test_a_cross_gram_of_few_samples_a_class_has_no_limits():
    _, both, labels = draw(3, n=120, c=25)
    few = cross_figures(stream_grams([both], stratified_shards(120, labels)).crosses[0])
    assert few.overlap.low is None
    assert few.consistency.low is None


def test_one_sample_has_figures_without_limits():
    kept = stream_grams([(np.array([[0.6, 0.4]]),)], np.array([0]))
    figures = class_figures(kept.models[0])
    assert figures.overlap.estimate == pytest.approx(1.0)
    assert figures.overlap.low is None
    assert kept.crosses == ()


def test_saturated_logits_stay_finite():
    logits = np.array([[1e4, 0.0], [0.0, 1e4], [1e4, 0.0]], dtype=np.float32)
    kept = logit_grams([logits, logits], (1.0, 4.0), np.array([0, 1, 2]))
    assert geometry_from_sums(kept.models[0]).overlap == 0.0


def test_unfit_blocks_are_refused_with_a_sentence():
    one = GramPass(2, 3, shards=2)
    P = np.full((2, 3), 1 / 3)
    with pytest.raises(ValueError, match="rows must hold 2 blocks of 2 x 3"):
        one.add([P], np.array([0, 1]))
    with pytest.raises(ValueError, match="pass softmax"):
        one.add([P, -P], np.array([0, 1]))
    with pytest.raises(ValueError, match="pass softmax"):
        one.add([P, P * np.nan], np.array([0, 1]))
    with pytest.raises(ValueError, match="between 0 and 1, got 0 to 2"):
        one.add([P, P], np.array([0, 2]))
    one.add([P, P], np.array([0, 0]))
    with pytest.raises(ValueError, match="got none in shard 1"):
        one.finish()
    with pytest.raises(ValueError, match="at least one block"):
        stream_grams([])
    with pytest.raises(ValueError, match="must be at least 1"):
        GramPass(0, 3)
