"""digits: 1,797 handwritten digits at 8 x 8 from scikit-learn, small enough for tests.

Source: Alpaydin, E., Kaynak, C. (1998), Optical Recognition of Handwritten Digits, UCI; CC BY 4.0.
"""

import numpy as np

from bickd_core.data.base import Augmentation, Source, Split, carve_validation

TEST_SIZE = 360


def load(image_size: int) -> Source:
    """Load the data: 1,437 images for train (144 of them for validation) and 360 for test.

    The split is stratified with seed 0. Grey levels from 0 to 16 are scaled to 0 to 255. There are
    no original train and test files, so ids are positions in the two parts.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None, :, :]
    labels = bunch.target.astype(np.int64)
    whole = Split(np.ascontiguousarray(images), labels, np.arange(len(labels), dtype=np.int64))
    train, test = carve_validation(whole, size=TEST_SIZE, seed=0)
    return Source(
        train=_renumbered(train),
        test=_renumbered(test),
        class_names=tuple(str(digit) for digit in range(10)),
        validation_size=144,
        augmentation=Augmentation(pad=1, flip=False),
    )


def _renumbered(split: Split) -> Split:
    return Split(split.images, split.labels, np.arange(len(split), dtype=np.int64))
