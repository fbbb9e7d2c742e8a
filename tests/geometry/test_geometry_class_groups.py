"""Groups of classes: each class is in one group, and a cell of groups is over pairs of classes."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.geometry.class_groups import (
    FEWEST_GROUPS,
    MOST_CLASSES,
    MOST_GROUPS,
    Group,
    by_clusters,
    by_neighbours,
    by_paths,
    group_matrix,
)
from bickd_core.geometry.ordering import cluster_order


def blocks(groups: int, each: int, seed: int = 0) -> np.ndarray:
    """A Gram in which classes of one group are similar, and others nearly orthogonal."""
    chance = np.random.default_rng(seed)
    group = np.arange(groups * each) // each
    gram = np.where(group[:, None] == group, 0.6, 0.05) + chance.uniform(0, 0.02, 2 * group.shape)
    gram = (gram + gram.T) / 2
    np.fill_diagonal(gram, 1.0)
    return gram


def names(count: int) -> list[str]:
    return [f"class {c}" for c in range(count)]


def is_whole(root: Group) -> None:
    """Every level divides its classes, in the order shown, and no two groups have one name."""
    for group in (root, *(group for group, _ in root.walk())):
        if group.parts:
            assert tuple(c for part in group.parts for c in part.members) == group.members
    each = [group.name for group, _ in root.walk()]
    assert len(set(each)) == len(each)


def clusters(gram: np.ndarray) -> Group:
    empty = np.diag(gram) == 0
    return by_clusters(gram, empty, names(len(gram)), cluster_order(gram))


def test_clusters_are_found_as_groups():
    shuffle = np.random.default_rng(1).permutation(36)
    root = clusters(blocks(6, 6)[np.ix_(shuffle, shuffle)])
    is_whole(root)
    assert {frozenset(shuffle[list(g.members)] // 6) for g in root.parts} == {
        frozenset([k]) for k in range(6)
    }


def test_a_thousand_classes_make_a_matrix_of_a_few_groups_of_like_size():
    root = clusters(blocks(100, 10))
    is_whole(root)
    sizes = [len(group.members) for group in root.parts]
    assert len(sizes) == 32
    assert max(sizes) <= MOST_CLASSES
    assert all(size % 10 == 0 for size in sizes)


def test_a_class_like_no_other_stays_with_its_neighbours():
    gram = np.full((400, 400), 0.01) + 0.3 * blocks(1, 400)
    gram[:40] = gram[:, :40] = 0.0  # forty classes that resemble none
    np.fill_diagonal(gram, 1.0)
    sizes = [len(group.members) for group in clusters(gram).parts]
    assert len(sizes) == 20
    assert max(sizes) <= 4 * min(sizes)


def test_classes_that_are_never_predicted_are_the_last_group():
    gram = blocks(5, 5)
    gram[3] = gram[:, 3] = gram[7] = gram[:, 7] = 0.0
    root = clusters(gram)
    is_whole(root)
    assert set(root.parts[-1].members) == {3, 7}


@given(st.integers(1, 12), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_any_number_of_classes_can_be_grouped(count, seed):
    root = clusters(blocks(count, 1, seed))
    is_whole(root)
    is_whole(by_neighbours(names(count), np.arange(count)[::-1]))


def test_large_groups_have_groups():
    root = by_neighbours(names(20_000), np.arange(20_000))
    is_whole(root)
    assert len(root.parts) == MOST_GROUPS
    assert all(len(part.members) == 500 and part.parts for part in root.parts)
    deep = root.holding(19_999)
    assert 19_999 in deep.members
    assert len(deep.members) <= MOST_CLASSES
    assert root.above(deep.name).name == root.parts[-1].name
    assert root.find(deep.name) is not None
    assert root.find("none") is None


def test_a_hierarchy_begins_with_its_broadest_groups():
    paths = [(f"super {c // 50}", f"sub {c // 10}") for c in range(1000)]
    root = by_paths(paths, names(1000), np.arange(1000))
    is_whole(root)
    assert [group.name for group in root.parts] == [f"super {k}" for k in range(20)]
    assert not root.parts[0].parts  # 50 classes are shown one by one


def test_few_broad_groups_give_way_to_their_own_and_large_ones_open_into_groups():
    paths = [("animal" if c < 800 else "tool", f"kind {c // 25}") for c in range(1000)]
    root = by_paths(paths, names(1000), np.random.default_rng(0).permutation(1000))
    is_whole(root)
    assert FEWEST_GROUPS <= len(root.parts) <= MOST_GROUPS
    assert {group.name for group in root.parts} == {"tool", *(f"kind {k}" for k in range(32))}
    few = by_paths([("a",)] * 600 + [("b",)] * 300, names(900), np.arange(900))
    is_whole(few)
    assert [group.name for group in few.parts] == ["a", "b"]
    assert few.parts[0].parts  # a flat group of 600 classes opens into runs of neighbours


def test_groups_with_one_name_are_told_apart():
    paths = [("a", "other"), ("a", "x"), ("b", "other"), ("b", "y"), ("b",)]
    root = by_paths(paths, names(5), np.arange(5))
    is_whole(root)
    shown = {group.name for group in root.parts}
    assert {"a / other", "b / other", "x", "y", "class 4"} == shown


@given(st.integers(0, 1000), st.booleans(), st.booleans())
@settings(max_examples=50)
def test_a_cell_of_groups_is_over_pairs_of_different_classes(seed, ordered, total):
    chance = np.random.default_rng(seed)
    count = int(chance.integers(2, 9))
    values = chance.normal(size=(count, count))
    if not ordered:
        values = values + values.T
    empty = chance.random(count) < 0.2
    values[empty] = np.nan
    values[:, empty] = np.nan
    root = by_neighbours(names(count), chance.permutation(count))
    found = group_matrix(values, root.parts, empty, ordered=ordered, total=total)
    for (i, a), (j, b) in itertools.product(enumerate(root.parts), repeat=2):
        pairs = {
            (c, d) if ordered or i != j else tuple(sorted((c, d)))
            for c in a.members
            for d in b.members
            if c != d and not empty[c] and not empty[d]
        }
        assert found.pairs[i, j] == len(pairs)
        each = [values[pair] for pair in pairs]
        if not pairs:
            assert np.isnan(found.values[i, j])
        elif not total:
            assert found.values[i, j] == pytest.approx(np.mean(each))
        elif ordered:
            assert found.values[i, j] == pytest.approx(np.sum(each))


def test_counts_can_be_shares_of_the_rows_samples():
    counts = np.array([[5, 1, 4], [2, 6, 2], [0, 0, 10]])
    groups = [Group("a", (0, 1)), Group("b", (2,))]
    found = group_matrix(counts, groups, ordered=True, per_row=counts.sum(axis=1))
    assert found.values[0].tolist() == [3 / 20, 6 / 20]
    assert found.values[1, 0] == 0
    counts[2], samples = 0, np.array([10, 10, 0])
    nobody = group_matrix(counts, groups, ordered=True, per_row=samples)
    assert nobody.values[0].tolist() == [3 / 20, 6 / 20]
    assert np.isnan(nobody.values[1]).all()
