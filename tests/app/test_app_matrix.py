"""What the canvas matrix sends to the browser."""

from __future__ import annotations

import base64

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.components import matrix


def decoded(sent: dict) -> np.ndarray:
    """As `frontend/matrix_data.js` reads it."""
    codes = np.frombuffer(base64.b64decode(sent["values"]), dtype="<u2" if sent["wide"] else "u1")
    return sent["low"] + (sent["high"] - sent["low"]) / (65535 if sent["wide"] else 255) * codes


@given(arrays.arrays(np.float64, (7, 7), elements=st.floats(-1, 1)))
def test_values_come_back_within_half_a_step(values):
    sent = matrix.encoded(values)
    step = (values.max() - values.min()) / 65535
    np.testing.assert_allclose(decoded(sent), values.ravel(), atol=0.501 * step + 1e-15)


def test_many_classes_travel_in_a_byte_a_cell():
    values = np.random.default_rng(0).random((401, 401))
    sent = matrix.encoded(values)
    assert not sent["wide"]
    assert len(str(sent["values"])) < 1.34 * values.size + 4
    np.testing.assert_allclose(decoded(sent), values.ravel(), atol=0.501 / 255)


def test_values_that_are_not_finite_stand_as_zero():
    sent = matrix.encoded(np.array([[np.nan, 1.0], [-1.0, np.inf]]))
    np.testing.assert_allclose(decoded(sent), [0, 1, -1, 0], atol=1e-4)
