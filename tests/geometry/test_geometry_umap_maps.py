"""UMAP within a teacher's map, of models together, and how far another seed moves a map."""

import numpy as np
import pytest

from bickd_core.geometry.layout import align_to, displaced_share, pca_layout
from bickd_core.geometry.map_space import map_space
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.umap_maps import (
    COMPILED,
    _umap,
    aligned_layouts,
    transform_layout,
    umap_layout,
)


def two_models(n=48, c=4, seed=0):
    """Probabilities of a teacher and of a student that mostly agrees with it."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(n, c))
    logits[np.arange(n), np.arange(n) % c] += 5
    return softmax(logits), softmax(logits + random.normal(0, 0.5, logits.shape))


def test_transform_places_a_student_into_the_teachers_map_which_stays():
    teacher, student = two_models()
    base = umap_layout(map_space(teacher), seed=1)
    placed = transform_layout(map_space(student), map_space(teacher), base.coordinates, seed=2)
    assert (placed.method, placed.seed, placed.n) == ("transform", 2, 48)
    np.testing.assert_array_equal(
        transform_layout(
            map_space(student), map_space(teacher), base.coordinates, seed=2
        ).coordinates,
        placed.coordinates,
    )
    classes = np.arange(48) % 4
    centres = np.stack([base.coordinates[classes == c].mean(axis=0) for c in range(4)])
    gaps = np.linalg.norm(placed.coordinates[:, None] - centres, axis=2)
    assert (gaps.argmin(axis=1) == classes).mean() > 0.9
    same = transform_layout(map_space(teacher), map_space(teacher), base.coordinates, seed=2)
    np.testing.assert_array_equal(same.coordinates, base.coordinates)
    few = transform_layout(map_space(student[:1]), map_space(teacher), base.coordinates)
    assert few.coordinates.shape == (1, 2)


def test_aligned_maps_are_repeatable_and_hold_each_sample_near_its_place():
    teacher, student = two_models()
    first = aligned_layouts([map_space(teacher), map_space(student)], seed=3)
    again = aligned_layouts([map_space(teacher), map_space(student)], seed=3)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.coordinates, two.coordinates)
    assert [layout.method for layout in first] == ["aligned", "aligned"]
    assert first[0].parameters["models"] == 2
    moved = np.linalg.norm(first[0].coordinates - first[1].coordinates, axis=1).mean()
    assert moved < 0.25 * np.ptp(first[0].coordinates, axis=0).max()


def test_what_cannot_be_laid_out_is_refused():
    teacher, student = two_models(8)
    base = pca_layout(map_space(teacher)).coordinates
    with pytest.raises(ValueError, match=r"base must be finite coordinates of shape \(8, 2\)"):
        transform_layout(map_space(student), map_space(teacher), base[:5])
    with pytest.raises(ValueError, match="at least 4 samples for a UMAP, got 3"):
        transform_layout(map_space(student), map_space(teacher[:3]), base[:3])
    with pytest.raises(ValueError, match="at least two to be aligned, got 1"):
        aligned_layouts([map_space(teacher)])
    with pytest.raises(ValueError, match="the same samples, got 8 and 5 rows"):
        aligned_layouts([map_space(teacher), map_space(student[:5])])


def test_the_displaced_share_is_counted_by_hand():
    random = np.random.default_rng(0)
    reference = random.normal(size=(40, 2))
    others = [random.normal(size=(40, 2)), reference + random.normal(0, 0.3, (40, 2))]
    width = max(np.ptp(reference[:, 0]), np.ptp(reference[:, 1]))
    counts = []
    for other in others:
        turned = align_to(reference, other)
        far = 0
        for i in range(40):
            gap = np.hypot(turned[i, 0] - reference[i, 0], turned[i, 1] - reference[i, 1])
            far += gap > 0.1 * width
        counts.append(far / 40)
    assert displaced_share(reference, others) == pytest.approx(np.mean(counts))


def test_turning_and_scaling_displace_nothing_and_no_map_is_refused():
    reference = np.random.default_rng(1).normal(size=(20, 2))
    assert displaced_share(reference, [reference[:, ::-1] * 3 + 7]) == 0
    assert displaced_share(np.zeros((3, 2)), [np.ones((3, 2))]) == 0
    with pytest.raises(ValueError, match="at least one map, got none"):
        displaced_share(reference, [])


def test_the_functions_that_umap_compiles_are_kept_on_disk():
    """Without this every process compiles them anew, which takes 30 s on a slow core."""
    from numba.core.caching import FunctionCache

    umap = _umap()
    kept = [getattr(getattr(umap, module), name)._cache for module, name in COMPILED]
    assert all(isinstance(cache, FunctionCache) for cache in kept)
