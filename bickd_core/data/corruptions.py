"""Common corruptions of images, to test how robust a model is.

The five kinds are a small selection of the 15 in ImageNet-C (Hendrycks and Dietterich 2019), at one
severity each.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

NOISE = 0.08
BLUR = 1.0
CONTRAST = 0.5
BRIGHTNESS = 0.2
QUALITY = 15


def corrupted(images: np.ndarray, ids: np.ndarray, kind: str) -> np.ndarray:
    """Return corrupted copies of images. The result for an image depends on the image, its id and
    the kind, and on nothing else.

    Args:
        images: uint8 [N, ch, H, W].
        ids: int64 [N], which seed the noise.
        kind: a name in `CORRUPTIONS`.

    Returns:
        uint8 [N, ch, H, W].

    Raises:
        ValueError: the kind is unknown, or "jpeg" got images without 1 or 3 channels.
    """
    if kind not in CORRUPTIONS:
        raise ValueError(f"kind must be one of {', '.join(CORRUPTIONS)}, got {kind!r}.")
    return CORRUPTIONS[kind](images, ids)


def _noise(images: np.ndarray, ids: np.ndarray) -> np.ndarray:
    shape = images.shape[1:]
    draws = [np.random.default_rng(int(each)).standard_normal(shape, np.float32) for each in ids]
    return _rounded(images + 255 * NOISE * np.stack(draws))


def _blur(images: np.ndarray, ids: np.ndarray) -> np.ndarray:
    return _rounded(gaussian_filter(images.astype(np.float32), (0, 0, BLUR, BLUR), mode="nearest"))


def _contrast(images: np.ndarray, ids: np.ndarray) -> np.ndarray:
    mean = images.mean(axis=(2, 3), keepdims=True, dtype=np.float32)
    return _rounded(mean + CONTRAST * (images - mean))


def _brightness(images: np.ndarray, ids: np.ndarray) -> np.ndarray:
    return _rounded(images + np.float32(255 * BRIGHTNESS))


def _jpeg(images: np.ndarray, ids: np.ndarray) -> np.ndarray:
    if images.shape[1] not in (1, 3):
        raise ValueError(
            f"jpeg needs images with 1 or 3 channels, got {images.shape[1]}; choose another"
            " corruption."
        )
    return np.stack([_saved_as_jpeg(image) for image in images])


def _saved_as_jpeg(image: np.ndarray) -> np.ndarray:
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    stored = io.BytesIO()
    Image.fromarray(pixels).save(stored, "JPEG", quality=QUALITY)
    read = np.asarray(Image.open(stored))
    return read[None] if len(image) == 1 else read.transpose(2, 0, 1)


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


CORRUPTIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "gaussian_noise": _noise,
    "gaussian_blur": _blur,
    "contrast": _contrast,
    "brightness": _brightness,
    "jpeg": _jpeg,
}
"""Name -> function of images and ids: Gaussian noise of standard deviation 0.08 (of 1), Gaussian
blur of sigma 1 pixel, half the contrast around the mean of each channel, brightness plus 0.2, and
JPEG of quality 15."""
