"""fashion-mnist-pairs: two images of Fashion-MNIST side by side, with 100 classes.

The label of a pair is 10 a + b, for a left image of class a and a right image of class b. Each
image is squeezed to half its width, so a pair has 28 x 28 pixels. No image is in two pairs, and
all classes have the same number of pairs.
"""

import numpy as np

from bickd_core.data.base import Augmentation, Source, Split, shuffle_keys
from bickd_core.data.fashion_mnist import CLASS_NAMES, load_part, source_folder

PAIRS = {"train": 120, "test": 50}
"""Pairs of each class."""


def paired(split: Split, count: int) -> Split:
    """Return pairs of the images of a split: `count` for each of the C x C pairs of its C classes.

    Which images meet depends only on their ids. Row j C^2 + c is the j-th pair of class c.

    Args:
        split: images uint8 [N, ch, H, W] with an even width, at least 2 C `count` of each class.
    """
    classes = int(split.labels.max()) + 1
    keys = shuffle_keys(split.ids, seed=0)
    order = np.lexsort((keys, split.labels))  # class by class, shuffled within
    first = np.searchsorted(split.labels[order], np.arange(classes))
    left, right = np.divmod(np.arange(classes**2), classes)  # [C^2]
    turn = np.arange(count)[:, None]  # [count, 1]
    # on the left, class a meets b at its entries b count ...; on the right, after all of those
    at_left = first[left] + right * count + turn
    at_right = first[right] + classes * count + left * count + turn
    images = np.asarray(split.images)
    halves = [squeezed(images[order[at.ravel()]]) for at in (at_left, at_right)]
    labels = np.tile(np.arange(classes**2, dtype=np.int64), count)
    return Split(np.concatenate(halves, axis=3), labels, np.arange(len(labels), dtype=np.int64))


def squeezed(images: np.ndarray) -> np.ndarray:
    """Halve the width by means of two pixels, rounding up: uint8 [N, ch, H, 2W] to [N, ch, H, W].

    >>> squeezed(np.array([[[[0, 1, 4, 8]]]], dtype=np.uint8)).tolist()
    [[[[1, 6]]]]
    """
    total = images[..., 0::2].astype(np.uint16) + images[..., 1::2]
    return ((total + 1) >> 1).astype(np.uint8)


def load(image_size: int) -> Source:
    """Load the data, after downloading Fashion-MNIST if needed. Validation has 2,000 of 12,000
    pairs."""
    folder = source_folder()
    train, test = (paired(load_part(name, folder), count) for name, count in PAIRS.items())
    return Source(
        train=train,
        test=test,
        class_names=tuple(f"{a} + {b}" for a in CLASS_NAMES for b in CLASS_NAMES),
        validation_size=2_000,
        augmentation=Augmentation(pad=2, flip=False),  # a flip would make another class
    )
