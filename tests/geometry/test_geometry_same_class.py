"""The cosine of a class's columns in two models."""

import numpy as np

from bickd_core.geometry.gram_streams import same_class_cosines


def test_a_model_has_a_cosine_of_one_with_itself_and_never_more():
    z = np.random.default_rng(0).normal(size=(500, 7)).astype(np.float32)
    cosines = same_class_cosines(z, z + np.float32(1.7))
    assert cosines.max() <= 1
    np.testing.assert_allclose(cosines, 1, atol=1e-6)
