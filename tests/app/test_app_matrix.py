"""What the canvas matrix sends to the browser."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.components import matrix


def decoded(sent: dict) -> np.ndarray:
    """As `frontend/matrix_data.js` reads it."""
    codes = np.frombuffer(base64.b64decode(sent["values"]), dtype="<u2" if sent["wide"] else "u1")
    top = 65534 if sent["wide"] else 254
    values = sent["low"] + (sent["high"] - sent["low"]) / top * codes
    return np.where(codes > top, np.nan, values)


@given(arrays.arrays(np.float64, (7, 7), elements=st.floats(-1, 1)))
def test_values_come_back_within_half_a_step(values):
    sent = matrix.encoded(values)
    step = (values.max() - values.min()) / 65534
    np.testing.assert_allclose(decoded(sent), values.ravel(), atol=0.501 * step + 1e-15)


def test_many_classes_travel_in_a_byte_a_cell():
    values = np.random.default_rng(0).random((401, 401))
    sent = matrix.encoded(values)
    assert not sent["wide"]
    assert len(str(sent["values"])) < 1.34 * values.size + 4
    np.testing.assert_allclose(decoded(sent), values.ravel(), atol=0.501 / 254)


@pytest.mark.parametrize("wide", [True, False])
def test_values_that_are_not_finite_are_unknown(wide, monkeypatch):
    monkeypatch.setattr(matrix, "_WIDE_UP_TO", 400 if wide else 0)
    sent = matrix.encoded(np.array([[np.nan, 1.0], [-1.0, np.inf]]))
    np.testing.assert_allclose(decoded(sent), [np.nan, 1, -1, np.nan], atol=1e-4)
    np.testing.assert_array_equal(decoded(matrix.encoded(np.full((2, 2), np.nan))), [np.nan] * 4)
