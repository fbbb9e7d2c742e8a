"""One model's calibration figures are those of the functions they come from."""

import numpy as np
import pytest

from bickd_core.geometry.calibration import class_calibration, confidence_and_hits, reliability
from bickd_core.geometry.calibration_summary import summarise_calibration
from bickd_core.geometry.probabilities import softmax
from bickd_core.geometry.proper_scores import nll


@pytest.mark.parametrize("T", [1.0, 2.5])
def test_every_figure_is_taken_at_the_temperature(T):
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(90, 4)) * 3, random.integers(0, 4, 90)
    P = softmax(logits, T)
    found = summarise_calibration(logits, labels, T)
    assert found.temperature == T
    sides = confidence_and_hits(P, labels)
    assert found.ece_width.raw == pytest.approx(reliability(*sides).error)
    assert found.ece_mass.raw == pytest.approx(reliability(*sides, scheme="mass").error)
    assert found.width.error == pytest.approx(found.ece_width.raw)
    assert found.mass.error == pytest.approx(found.ece_mass.raw)
    assert found.ece_width.estimate < found.ece_width.raw  # without what chance adds
    squares = ((P - np.eye(4)[labels]) ** 2).sum(axis=1)
    assert found.brier.estimate == pytest.approx(squares.mean())
    assert found.nll.estimate == pytest.approx(nll(logits, labels, T).mean())
    right = (P.argmax(axis=1) == labels).mean()
    assert found.excess.estimate == pytest.approx(P.max(axis=1).mean() - right)
    by_class = class_calibration(logits, labels, T)
    np.testing.assert_allclose(found.by_class.error, by_class.error)
    assert 0 < found.chance_width < 0.3


def test_one_sample_says_next_to_nothing():
    found = summarise_calibration(np.array([[2.0, 0.0]]), np.array([0]))
    assert (found.ece_width.low, found.ece_width.high) == (None, None)
    assert found.nll.low is None
