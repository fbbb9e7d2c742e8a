import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_core.data.base import (
    Dataset,
    Split,
    carve_validation,
    channel_statistics,
    content_hash,
    limit,
    mix64,
    shuffle_keys,
    stratified_counts,
)

quick = settings(max_examples=25)
class_sizes = st.lists(st.integers(2, 40), min_size=1, max_size=8)


def made_split(sizes: list[int], seed: int = 0) -> Split:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int64)
    ids = np.arange(len(labels), dtype=np.int64)
    return Split(rng.integers(0, 256, (len(labels), 1, 2, 2), dtype=np.uint8), labels, ids)


def test_mix64_gives_the_published_stream_of_splitmix64():
    # The first outputs of java.util.SplittableRandom's algorithm with seed 1234567 (Vigna's
    # reference code).
    golden = 0x9E3779B97F4A7C15
    stream = [mix64(1234567 + step * golden) for step in (1, 2, 3)]
    assert stream == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_shuffle_keys_are_mix64_of_id_plus_the_seeds_key():
    ids = np.array([0, 1, 59_999], dtype=np.int64)
    key = mix64(7 + 0x9E3779B97F4A7C15)
    assert shuffle_keys(ids, seed=7).tolist() == [mix64(int(id) + key) for id in ids]


@quick
@given(sizes=class_sizes, data=st.data())
def test_stratified_counts_are_exact_and_near_proportion(sizes, data):
    counts = np.array(sizes)
    size = data.draw(st.integers(len(sizes), int(counts.sum())))
    taken = stratified_counts(counts, size)
    assert taken.sum() == size
    assert (taken >= 1).all()
    assert (taken <= counts).all()
    if (counts * size / counts.sum() >= 1).all():  # nobody had to be lifted to one
        assert np.abs(taken - counts * size / counts.sum()).max() < 1


@quick
@given(sizes=class_sizes, seed=st.integers(0, 2**31))
def test_carving_parts_the_split_by_class_and_keeps_ids(sizes, seed):
    split = made_split(sizes)
    train, validation = carve_validation(split, size=len(sizes), seed=seed)
    assert sorted([*train.ids, *validation.ids]) == split.ids.tolist()
    assert np.bincount(validation.labels).tolist() == [1] * len(sizes)
    for part in (train, validation):
        np.testing.assert_array_equal(part.labels, split.labels[part.ids])
        np.testing.assert_array_equal(part.images, split.images[part.ids])
        assert (np.diff(part.ids) > 0).all()


def test_carving_is_the_same_each_time_and_differs_between_seeds():
    split = made_split([50, 50])
    first, again, other = (
        carve_validation(split, size=20, seed=seed)[1].ids.tolist() for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_membership_does_not_depend_on_the_order_of_rows():
    split = made_split([30, 20, 10])
    shuffled = split.take(np.random.default_rng(1).permutation(len(split)))
    here = carve_validation(split, size=12, seed=0)[1].ids
    there = carve_validation(shuffled, size=12, seed=0)[1].ids
    assert set(here) == set(there)


@pytest.mark.parametrize("size", [1, 4, 100])
def test_carving_refuses_a_size_that_starves_a_class(size):
    with pytest.raises(ValueError, match="size"):
        carve_validation(made_split([2, 2]), size=size, seed=0)


def test_limit_keeps_ids_and_classes():
    split = made_split([40, 20])
    part = limit(split, 12, seed=0)
    assert np.bincount(part.labels).tolist() == [8, 4]
    np.testing.assert_array_equal(part.images, split.images[part.ids])
    assert limit(split, 1000, seed=0) is split
    with pytest.raises(ValueError, match="at least 2"):
        limit(split, 1, seed=0)


def test_content_hash_is_sha256_over_dtype_shape_and_bytes():
    split = made_split([2, 1])
    digest = hashlib.sha256()
    for array, head in (
        (split.images, "|u1 (3, 1, 2, 2)"),
        (split.labels, "<i8 (3,)"),
        (split.ids, "<i8 (3,)"),
    ):
        digest.update(f"{head}\n".encode() + array.tobytes())
    assert content_hash(split) == digest.hexdigest()


def test_content_hash_sees_every_change():
    split = made_split([3, 3])
    pixel = split.images.copy()
    pixel[5, 0, 1, 1] ^= 1
    hashes = {
        content_hash(split),
        content_hash(Split(pixel, split.labels, split.ids)),
        content_hash(Split(split.images, split.labels[::-1].copy(), split.ids)),
        content_hash(Split(split.images, split.labels, split.ids + 1)),
        content_hash(Split(split.images.reshape(6, 1, 4, 1), split.labels, split.ids)),
    }
    assert len(hashes) == 5


def test_statistics_agree_with_float64():
    images = np.random.default_rng(0).integers(0, 256, (5000, 3, 4, 4), dtype=np.uint8)
    mean, std = channel_statistics(images)
    np.testing.assert_allclose(mean, (images / 255).mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, (images / 255).std(axis=(0, 2, 3)), rtol=1e-12)


def test_a_split_says_what_it_expected():
    images, labels = np.zeros((2, 1, 4, 4), np.uint8), np.zeros(2, np.int64)
    with pytest.raises(ValueError, match="images must be uint8"):
        Split(images.astype(np.float32), labels, labels)
    with pytest.raises(ValueError, match=r"labels must be int64 \[2\], not int32 \[2\]"):
        Split(images, labels.astype(np.int32), labels)
    with pytest.raises(ValueError, match=r"ids must be int64 \[2\], not int64 \[1\]"):
        Split(images, labels, labels[:1])


def test_a_dataset_names_its_splits():
    split = made_split([2])
    dataset = Dataset("x", split, split, split, ("a",), (0.5,), (0.2,), augmentation=None)
    assert dataset.split("validation") is dataset.validation
    assert (dataset.num_classes, dataset.in_channels, dataset.image_size) == (1, 1, 2)
    with pytest.raises(ValueError, match="train, validation, test, not 'valid'"):
        dataset.split("valid")
