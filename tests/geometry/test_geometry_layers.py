"""CKA layer by layer: each figure is that of `cka` itself, on all samples, without shards, and
shuffled."""

import numpy as np
import pytest

from bickd_core.geometry import jackknife
from bickd_core.geometry.jackknife import cka_between, cka_side, replicated_difference
from bickd_core.geometry.layers import layer_cka
from bickd_core.geometry.shards import stratified_shards
from bickd_core.geometry.similarity import cka


def stages(n=40, widths=(3, 6, 50), seed=0, like=None):
    random = np.random.default_rng(seed)
    base = random.normal(size=(n, 8)) if like is None else like
    return [base @ random.normal(size=(8, w)) + random.normal(size=(n, w)) + 1 for w in widths]


@pytest.fixture
def found():
    base = np.random.default_rng(9).normal(size=(40, 8))
    teacher, student = stages(like=base, seed=1), stages(like=base, seed=2, widths=(4, 5))
    shard = stratified_shards(40, shards=5)
    return teacher, student, shard, layer_cka(teacher, student, shard, permutations=30)


def test_every_cell_is_the_cka_of_its_two_stages(found):
    teacher, student, _, layers = found
    assert layers.values.shape == (3, 2)
    for i, X in enumerate(teacher):
        for j, Y in enumerate(student):
            assert layers.values[i, j] == pytest.approx(cka(X, Y), abs=1e-9)


def test_intervals_leave_out_each_shard(found):
    teacher, student, shard, layers = found
    for i, X in enumerate(teacher):
        for j, Y in enumerate(student):
            expected = cka_between(cka_side(X, shard), cka_side(Y, shard)).interval()
            interval = layers.cell(i, j).interval()
            assert (interval.low, interval.high) == pytest.approx(
                (expected.low, expected.high), abs=1e-9
            )


def test_the_null_is_made_of_shuffles_of_the_student(found):
    teacher, student, _, layers = found
    random = np.random.default_rng(0)
    for b in range(3):
        order = random.permutation(40)
        for i, X in enumerate(teacher):
            for j, Y in enumerate(student):
                assert layers.null[b, i, j] == pytest.approx(cka(X, Y[order]), abs=1e-9)
    assert layers.p_values[0, 0] == (1 + (layers.null[:, 0, 0] >= layers.values[0, 0]).sum()) / 31
    assert layers.chance == pytest.approx(np.quantile(layers.null.max(axis=(1, 2)), 0.95))


def test_related_stages_stand_above_chance_and_unrelated_do_not(found):
    _, _, shard, layers = found
    assert (layers.values > layers.chance).all()
    unrelated = layer_cka(stages(seed=4), stages(seed=5), shard, permutations=99)
    assert abs(unrelated.null.mean()) < 0.02
    assert unrelated.p_values.min() > 0.01 / 9
    assert abs(unrelated.values.mean()) < 0.1


def test_copies_do_not_narrow_the_interval_as_they_would_a_bootstrap(found, monkeypatch):
    """Shards are disjoint: no replicate holds a sample twice, and the estimate lies inside."""
    _, _, shard, layers = found
    monkeypatch.setattr(jackknife, "FEWEST", 40)
    cell = layers.cell(1, 1)
    assert len(cell.replicates) == shard.max() + 1
    interval = cell.interval()
    assert interval.low < interval.estimate < interval.high
    assert interval.estimate == pytest.approx(layers.estimates[1, 1])
    assert interval.raw == pytest.approx(layers.values[1, 1])


def test_students_are_compared_on_the_same_shards(found, monkeypatch):
    monkeypatch.setattr(jackknife, "FEWEST", 40)
    teacher, student, shard, layers = found
    again = layer_cka(teacher, [student[1], student[0]], shard, permutations=1)
    difference = replicated_difference(layers.cell(2, 0), again.cell(2, 1))
    assert difference.estimate == pytest.approx(0.0, abs=1e-12)
    assert difference.high == pytest.approx(0.0, abs=1e-9)


def test_a_stage_that_does_not_vary_has_no_figure(found):
    teacher, student, shard, _ = found
    layers = layer_cka([np.ones((40, 3)), teacher[0]], student, shard, permutations=9)
    assert np.isnan(layers.values[0]).all()
    assert layers.cell(0, 0) is None
    assert layers.p_values[0].tolist() == [1.0, 1.0]
    assert np.isfinite(layers.values[1]).all()
    assert np.isfinite(layers.chance)
    dead = layer_cka([np.ones((40, 3))], [np.ones((40, 2))], shard, permutations=9)
    assert dead.chance == 0.0


def test_what_does_not_fit_is_refused(found):
    teacher, student, shard, _ = found
    with pytest.raises(ValueError, match="got 3 and 0 stages"):
        layer_cka(teacher, [], shard)
    with pytest.raises(ValueError, match=r"with \[39, 40\] samples"):
        layer_cka(teacher, [student[0][:39]], shard)
    with pytest.raises(ValueError, match="permutations must be at least 1"):
        layer_cka(teacher, student, shard, permutations=0)
    few = [X[:4] for X in teacher]
    assert layer_cka(few, few, np.arange(4), permutations=2).cell(0, 0).interval().low is None
