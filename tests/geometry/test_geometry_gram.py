"""Class Gram, overlap and what each sample adds, against loops written from the formulas."""

import math

import numpy as np
import pytest
from gram_references import cross_gram
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.geometry.gram_figures import (
    falls,
    greatest_fall,
    overlap_interval,
    paired_overlap_difference,
    replicated_overlap,
)
from bickd_core.geometry.gram_streams import shard_grams
from bickd_core.geometry.orthogonality import (
    class_geometry,
    class_gram,
    cross_contributions,
    geometry_of,
    overlap,
    pair_contributions,
)
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.shards import stratified_shards

MODES = [{}, {"centred": True}]


def draw(seed=0, n=30, c=5, scale=2.0):
    return softmax(np.random.default_rng(seed).normal(size=(n, c)) * scale)


def naive_cosine(a, b, centred=False):
    mean_a = sum(a) / len(a) if centred else 0.0
    mean_b = sum(b) / len(b) if centred else 0.0
    ab = aa = bb = 0.0
    for x, y in zip(a, b, strict=True):
        ab += (x - mean_a) * (y - mean_b)
        aa += (x - mean_a) ** 2
        bb += (y - mean_b) ** 2
    return ab / math.sqrt(aa * bb)


@pytest.mark.parametrize("mode", MODES)
def test_grams_are_the_formula(mode):
    P = draw()
    gram, empty = class_gram(P, **mode)
    expected = np.array(
        [[naive_cosine(P[:, a], P[:, b], **mode) for b in range(5)] for a in range(5)]
    )
    np.testing.assert_allclose(gram, expected, atol=1e-12)
    assert not empty.any()


@pytest.mark.parametrize("mode", MODES)
def test_overlap_is_the_mean_over_pairs(mode):
    P = draw(3)
    pairs = [naive_cosine(P[:, a], P[:, b], **mode) for a in range(5) for b in range(5) if a != b]
    if not mode:
        assert overlap(P) == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)
    geometry = class_geometry(P, **mode)
    assert geometry.overlap == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)
    assert geometry.score == pytest.approx(
        1 - math.sqrt(sum(p * p for p in pairs) / len(pairs)), abs=1e-12
    )
    assert geometry.class_overlap.mean() == pytest.approx(geometry.overlap)
    assert geometry.class_overlap[2] == pytest.approx(np.mean(pairs[8:12]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cell", [(0, 3), (2, 2)])
def test_contributions_sum_to_their_cell(mode, cell):
    P, S = draw(4), draw(5)
    gram, _ = class_gram(P, **mode)
    assert pair_contributions(P, *cell, **mode).sum() == pytest.approx(gram[cell])
    K = cross_gram(P, S, **mode)
    assert cross_contributions(P, S, *cell, **mode).sum() == pytest.approx(K[cell])


def test_contributions_by_hand():
    P = np.array([[0.6, 0.4], [0.8, 0.2]])  # column lengths 1 and sqrt(0.2)
    np.testing.assert_allclose(
        pair_contributions(P, 0, 1), [0.24 / math.sqrt(0.2), 0.16 / math.sqrt(0.2)]
    )
    with pytest.raises(ValueError, match="d must be a class between 0 and 1, got 2"):
        pair_contributions(P, 0, 2)


def test_orthogonal_and_parallel_extremes():
    one_hot = class_geometry(np.repeat(np.eye(4), 3, axis=0))
    assert (one_hot.overlap, one_hot.score) == (0.0, 1.0)
    assert one_hot.effective_rank == pytest.approx(4)
    uniform = class_geometry(np.full((6, 4), 0.25))
    assert uniform.overlap == pytest.approx(1.0)
    assert uniform.score == pytest.approx(0.0)
    assert uniform.effective_rank == pytest.approx(1.0)


def test_a_class_nobody_predicts_is_named_and_left_out():
    P = draw(6, c=4)
    wide = np.insert(P, 2, 0.0, axis=1)
    plain, geometry = class_geometry(P), class_geometry(wide)
    assert geometry.empty.tolist() == [False, False, True, False, False]
    assert geometry.n_classes_used == 4
    assert not geometry.gram[2].any()
    assert not geometry.gram[:, 2].any()
    assert geometry.class_overlap[2] == 0
    for name in ("overlap", "score", "effective_rank"):
        assert getattr(geometry, name) == pytest.approx(getattr(plain, name)), name
    assert not pair_contributions(wide, 2, 3).any()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_saturated_logits(n_classes):
    logits = np.full((5, n_classes), -1e4)
    logits[:, 0] = 1e4
    geometry = class_geometry(softmax(logits))
    assert geometry.n_classes_used == 1
    assert geometry.overlap is None
    assert geometry.score is None
    assert geometry.effective_rank == pytest.approx(1.0)
    assert np.isfinite(geometry.gram).all()


def test_one_sample_and_two_classes():
    P = np.array([[0.9, 0.1]])
    geometry = class_geometry(P)
    assert geometry.overlap == pytest.approx(1.0)  # every column of one row is parallel
    assert class_geometry(P, centred=True).overlap is None  # and none is left once centred
    assert class_geometry(P, centred=True).effective_rank == 0.0


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), mode=st.sampled_from(MODES))
def test_permutations(seed, mode):
    P = draw(seed, n=17, c=4)
    random = np.random.default_rng(seed)
    rows, columns = random.permutation(17), random.permutation(4)
    geometry = class_geometry(P, **mode)
    moved = class_geometry(P[rows], **mode)
    np.testing.assert_allclose(moved.gram, geometry.gram, atol=1e-10)
    renamed = class_geometry(P[:, columns], **mode)
    np.testing.assert_allclose(renamed.gram, geometry.gram[np.ix_(columns, columns)], atol=1e-10)
    np.testing.assert_allclose(renamed.class_overlap, geometry.class_overlap[columns], atol=1e-10)
    for name in ("overlap", "score", "effective_rank"):
        assert getattr(moved, name) == pytest.approx(getattr(geometry, name), abs=1e-8)
        assert getattr(renamed, name) == pytest.approx(getattr(geometry, name), abs=1e-8)


def test_a_sharper_softmax_alone_lowers_overlap():
    logits = np.random.default_rng(9).normal(size=(200, 6)) * 3
    overlaps = [overlap(softmax(logits, T)) for T in (8.0, 4.0, 2.0, 1.0)]
    assert overlaps == sorted(overlaps, reverse=True)


def test_the_pair_that_falls_most_or_the_greatest_cosine_where_none_falls():
    def found(*cosines):
        gram = np.eye(3)
        gram[0, 1], gram[0, 2], gram[1, 2] = cosines
        return geometry_of(np.maximum(gram, gram.T), np.zeros(3, dtype=bool))

    before, apart, alike = found(0.5, 0.9, 0.2), found(0.1, 0.8, 0.3), found(0.5, 0.898, 0.2)
    assert greatest_fall(before, apart) == (0, 1)
    assert falls(before, apart, (0, 1))
    assert greatest_fall(before, alike) == (0, 2)
    assert not falls(before, alike, (0, 2))


def test_two_samples_a_class_have_no_limits():
    rng = np.random.default_rng(5)
    few, enough = (
        shard_grams(softmax(rng.normal(0, 2, (n, 30))), stratified_shards(n)) for n in (149, 150)
    )
    assert overlap_interval(few).low is None
    assert overlap_interval(enough).low is not None
    assert replicated_overlap(few).interval().low is None
    assert paired_overlap_difference(few, few).low is None
