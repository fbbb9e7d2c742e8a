"""Corrupted images, each kind against its definition."""

import numpy as np
import pytest

from bickd_core.data.corruptions import CORRUPTIONS, corrupted

IDS = np.array([7, 3, 12, 5], dtype=np.int64)


def images(channels: int = 3, size: int = 16) -> np.ndarray:
    shape = (len(IDS), channels, size, size)
    return np.random.default_rng(0).integers(40, 180, shape, dtype=np.uint8)


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_is_corrupted_alike_in_any_batch(kind, channels):
    clean = images(channels)
    before = clean.copy()
    all_at_once = corrupted(clean, IDS, kind)
    assert (all_at_once.dtype, all_at_once.shape) == (np.uint8, clean.shape)
    assert (all_at_once != clean).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(clean, before)
    order = np.array([2, 0])
    np.testing.assert_array_equal(corrupted(clean[order], IDS[order], kind), all_at_once[order])


def test_noise_has_its_standard_deviation_and_depends_on_the_id():
    grey = np.full((len(IDS), 3, 64, 64), 128, dtype=np.uint8)
    noisy = corrupted(grey, IDS, "gaussian_noise").astype(float) - 128
    assert noisy.std() / 255 == pytest.approx(0.08, rel=0.02)
    assert abs(noisy.mean()) < 0.5
    assert not np.array_equal(noisy[0], noisy[1])


def test_blur_is_a_gaussian_of_one_pixel():
    point = np.zeros((len(IDS), 1, 17, 17), dtype=np.uint8)
    point[:, :, 8, 8] = 255
    offsets = np.arange(-4, 5)
    kernel = np.exp(-(offsets**2) / 2)
    kernel /= kernel.sum()
    expected = np.rint(255 * np.outer(kernel, kernel))
    np.testing.assert_allclose(corrupted(point, IDS, "gaussian_blur")[0, 0, 4:13, 4:13], expected)


def test_contrast_is_halved_around_the_mean_and_brightness_is_added():
    clean = images().astype(float)
    mean = clean.mean(axis=(2, 3), keepdims=True)
    low = corrupted(images(), IDS, "contrast")
    np.testing.assert_allclose(low, (clean + mean) / 2, atol=0.51)
    bright = corrupted(images(), IDS, "brightness")
    np.testing.assert_array_equal(bright, clean + 51)
    white = np.full((len(IDS), 3, 4, 4), 230, dtype=np.uint8)
    assert (corrupted(white, IDS, "brightness") == 255).all()


def test_jpeg_changes_noise_much_and_a_plain_image_little():
    plain = np.full((len(IDS), 3, 16, 16), 100, dtype=np.uint8)
    assert abs(corrupted(plain, IDS, "jpeg").astype(int) - 100).max() <= 4
    assert abs(corrupted(images(), IDS, "jpeg").astype(int) - images()).mean() > 10


def test_what_cannot_be_corrupted_is_refused():
    with pytest.raises(ValueError, match="kind must be one of gaussian_noise.*got 'fog'"):
        corrupted(images(), IDS, "fog")
    with pytest.raises(ValueError, match="1 or 3 channels, got 4"):
        corrupted(images(4), IDS, "jpeg")
