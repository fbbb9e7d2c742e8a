"""Layouts: repeatable, stored without pickles, aligned; and the orders of a matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.geometry.layout import (
    Layout,
    align_to,
    pca_layout,
    with_quality,
)
from bickd_core.geometry.map_space import (
    map_space,
    map_space_from_logits,
    principal_components,
    principal_components_of,
)
from bickd_core.geometry.ordering import cluster_order
from bickd_core.geometry.orthogonality import class_gram
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.umap_maps import umap_layout


def probabilities(n=60, c=5, seed=0):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(n, c))
    logits[np.arange(n), np.arange(n) % c] += 5
    return softmax(logits)


def test_umap_is_repeatable_keeps_its_start_and_leaks_no_warning():
    P = probabilities()
    first, second = umap_layout(map_space(P), seed=3), umap_layout(map_space(P), seed=3)
    np.testing.assert_array_equal(first.coordinates, second.coordinates)
    assert first.coordinates.shape == (60, 2)
    assert first.coordinates.dtype == np.float32
    assert first.parameters["n_neighbors"] == 15
    assert (first.method, first.seed, first.n, first.quality_n) == ("umap", 3, 60, 60)
    assert first.trustworthiness > 0.8
    started = umap_layout(map_space(P), seed=3, init=first.coordinates)
    assert started.parameters["init"] == "given"
    saturated = umap_layout(map_space(softmax(np.eye(4)[np.arange(12) % 4] * 1e4)), n_neighbors=50)
    assert np.isfinite(saturated.coordinates).all()
    assert saturated.parameters["n_neighbors"] == 11
    assert saturated.duplicate_fraction == pytest.approx(8 / 12)


def test_umap_refuses_what_it_cannot_lay_out():
    P = probabilities(6)
    with pytest.raises(ValueError, match="at least 4 samples for a UMAP, got 3"):
        umap_layout(map_space(P[:3]))
    with pytest.raises(ValueError, match=r"init must be finite coordinates of shape \(6, 2\)"):
        umap_layout(map_space(P), init=np.zeros((5, 2)))
    with pytest.raises(ValueError, match="n_neighbors must be at least 2"):
        umap_layout(map_space(P), n_neighbors=1)


def test_pca_is_the_svd_with_a_fixed_sign():
    P = probabilities(40)
    layout = pca_layout(map_space(P))
    space = np.sqrt(P) - np.sqrt(P).mean(axis=0)
    U, s, Vt = np.linalg.svd(space, full_matrices=False)
    for axis in range(2):
        expected = U[:, axis] * s[axis] * np.sign(Vt[axis, np.abs(Vt[axis]).argmax()])
        np.testing.assert_allclose(layout.coordinates[:, axis], expected, atol=1e-5)
    assert layout.seed is None
    rows = np.random.default_rng(0).permutation(40)
    np.testing.assert_allclose(
        pca_layout(map_space(P[rows])).coordinates, layout.coordinates[rows], atol=1e-5
    )


@pytest.mark.parametrize(
    "P", [np.array([[0.5, 0.5]]), np.array([[1.0], [1.0]]), np.full((3, 2), 0.5)]
)
def test_pca_of_next_to_nothing(P):
    layout = pca_layout(map_space(P))
    assert layout.coordinates.shape == (len(P), 2)
    np.testing.assert_allclose(layout.coordinates, 0, atol=1e-7)
    assert layout.trustworthiness is None


def naive_trustworthiness(X, Y, k):
    n, total = len(X), 0.0
    for i in range(n):
        near = sorted((j for j in range(n) if j != i), key=lambda j: np.linalg.norm(X[i] - X[j]))
        shown = sorted((j for j in range(n) if j != i), key=lambda j: np.linalg.norm(Y[i] - Y[j]))[
            :k
        ]
        total += sum(max(0, near.index(j) + 1 - k) for j in shown)
    return 1 - total * 2 / (n * k * (2 * n - 3 * k - 1))


def test_quality_is_the_formula_both_ways(monkeypatch):
    P = probabilities(31)
    coordinates = np.random.default_rng(1).normal(size=(31, 2))
    found = with_quality(map_space(P), coordinates, "made", {}, None)
    assert found.trustworthiness == pytest.approx(
        naive_trustworthiness(np.sqrt(P), coordinates, 15)
    )
    assert found.continuity == pytest.approx(naive_trustworthiness(coordinates, np.sqrt(P), 15))
    assert found.quality_n == 31
    monkeypatch.setattr("bickd_core.geometry.map_space.QUALITY_LIMIT", 20)
    some = with_quality(map_space(P), coordinates, "made", {}, None)
    assert some.quality_n == 20
    again = with_quality(map_space(P), coordinates, "made", {}, None)
    assert (some.trustworthiness, some.continuity) == (again.trustworthiness, again.continuity)


def test_a_layout_is_stored_whole_and_without_pickles(tmp_path):
    layout = pca_layout(map_space(probabilities(20)))
    path = tmp_path / "layout.tmp"
    layout.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["layout.tmp"]
    again = Layout.load(path)
    np.testing.assert_array_equal(again.coordinates, layout.coordinates)
    for name in ("method", "parameters", "seed", "trustworthiness", "continuity", "n", "quality_n"):
        assert getattr(again, name) == getattr(layout, name), name
    other = tmp_path / "other.npz"
    np.savez(other, x=np.zeros(3))
    with pytest.raises(ValueError, match="must hold 'coordinates' and 'meta'"):
        Layout.load(other)
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, coordinates=np.array([{}], dtype=object), meta=np.array("{}"))
    with pytest.raises(ValueError, match="without pickles"):
        Layout.load(pickled)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), mirrored=st.booleans())
def test_alignment_undoes_turn_mirror_scale_and_shift(seed, mirrored):
    random = np.random.default_rng(seed)
    reference = random.normal(size=(12, 2))
    turn = np.linalg.qr(random.normal(size=(2, 2)))[0] * (np.array([1, -1]) if mirrored else 1)
    moved = 2.5 * reference @ turn + random.normal(size=2)
    np.testing.assert_allclose(align_to(reference, moved), reference, atol=1e-5)


def test_alignment_without_a_scale_keeps_distances():
    random = np.random.default_rng(3)
    reference, moved = random.normal(size=(2, 15, 2))
    turned = align_to(reference, moved, scaled=False)
    gaps = [np.linalg.norm(xy[:, None] - xy[None], axis=2) for xy in (moved, turned)]
    np.testing.assert_allclose(gaps[0], gaps[1], atol=1e-5)
    misses = [np.linalg.norm(xy - reference) for xy in (moved, turned)]
    assert misses[1] < misses[0]


def test_alignment_of_a_point_cloud_without_spread():
    reference = np.array([[0.0, 0.0], [2.0, 4.0]])
    np.testing.assert_allclose(align_to(reference, np.ones((2, 2))), [[1, 2], [1, 2]])
    with pytest.raises(ValueError, match="same shape"):
        align_to(reference, np.ones((3, 2)))


def test_duplicates():
    P = np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1], [0.5, 0.5]])
    assert map_space(P).duplicate_fraction == 0.5
    assert map_space(P[2:]).duplicate_fraction == 0.0


def test_cluster_order_brings_similar_classes_together_and_empty_ones_last():
    P = np.zeros((8, 5))
    P[:4, [0, 3]] = [0.5, 0.5]
    P[4:, [1, 4]] = [0.4, 0.6]
    P[0, 0], P[5, 1] = 0.6, 0.5
    gram, empty = class_gram(P)
    order = cluster_order(gram, empty)
    assert order[-1] == 2
    blocks = {frozenset(order[:2].tolist()), frozenset(order[2:4].tolist())}
    assert blocks == {frozenset({0, 3}), frozenset({1, 4})}
    np.testing.assert_array_equal(cluster_order(gram), order)
    assert cluster_order(np.eye(2)).tolist() == [0, 1]
    assert cluster_order(np.zeros((3, 3))).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="gram must be square"):
        cluster_order(np.zeros((2, 3)))


def test_cluster_order_is_a_permutation():
    gram, _ = class_gram(probabilities(80, 12))
    assert np.sort(cluster_order(gram)).tolist() == list(range(12))


@pytest.mark.parametrize("many", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_space_from_logits_is_that_of_the_probabilities(dtype, many, monkeypatch):
    where = "bickd_core.geometry.map_space"
    if dtype == "float32":
        monkeypatch.setattr("bickd_core.geometry.probabilities.FLOAT32_ABOVE", 0)
    monkeypatch.setattr(f"{where}._ROWS", 70)
    monkeypatch.setattr(f"{where}.QUALITY_LIMIT", 50)
    if many:
        monkeypatch.setattr(f"{where}.MOST_DIMENSIONS", 6)
        monkeypatch.setattr(f"{where}.REDUCED_TO", 4)
    logits = np.random.default_rng(3).normal(0, 2, (300, 7)).astype(np.float32)
    logits[200:] = logits[:100]
    P = softmax(logits, 2.0)
    whole, blocks = map_space(P), map_space_from_logits(logits, 2.0)
    assert blocks.points.shape == (300, 4 if many else 7)
    assert blocks.points.dtype == dtype
    np.testing.assert_allclose(blocks.points, whole.points, atol=1e-5)
    np.testing.assert_allclose(blocks.rows, np.sqrt(P)[blocks.sampled], atol=1e-6)
    assert blocks.duplicate_fraction == whole.duplicate_fraction == pytest.approx(1 / 3)

    centred = np.sqrt(P) - np.sqrt(P).mean(axis=0)
    first_two = np.abs(centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T)
    np.testing.assert_allclose(np.abs(principal_components(blocks)), first_two, atol=1e-5)
    np.testing.assert_allclose(
        principal_components_of(logits, 2.0), principal_components(blocks), atol=1e-5
    )


def test_a_space_with_the_axes_of_another_keeps_distances_between_them(monkeypatch):
    monkeypatch.setattr("bickd_core.geometry.map_space.MOST_DIMENSIONS", 4)
    teacher, student = probabilities(seed=1), probabilities(seed=2)
    base = map_space(teacher)
    placed = map_space(student, like=base)
    between = np.linalg.norm(placed.points[:, None] - base.points, axis=2)
    whole = np.linalg.norm(np.sqrt(student)[:, None] - np.sqrt(teacher), axis=2)
    np.testing.assert_allclose(between, whole, atol=1e-9)  # all five axes are kept


def test_principal_components_of_one_class_are_zero():
    space = map_space_from_logits(np.zeros((9, 1)), 2.0)
    assert principal_components(space).tolist() == [[0.0, 0.0]] * 9
