"""What the linked maps send to the browser."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.components import scatter
from bickd_viz import LIGHT, ModelStyle, colouring

DTYPES = {"u1": np.uint8, "u2": np.uint16}


def unpacked(payload: bytes) -> dict:
    """As `unpack` in `frontend/util.js` reads it."""
    (length,) = struct.unpack_from("<I", payload)
    head = json.loads(payload[4 : 4 + length])
    start = 4 + -(-length // 4) * 4
    for name, (kind, first, size) in head["arrays"].items():
        assert (start + first) % 4 == 0
        head[name] = np.frombuffer(payload, DTYPES[kind], size, start + first)
    return head


def panel(xy: np.ndarray, **more) -> scatter.Panel:
    return scatter.Panel("run", ModelStyle("KD", "#E69F00"), "3 of 3 images", xy, **more)


def sent(xy: np.ndarray, **more) -> dict:
    settings = {"colouring": colouring.quiet(1, len(xy)), "frame": (-1.0, 1.0, -1.0, 1.0), **more}
    return unpacked(scatter.encoded([panel(xy)], np.arange(len(xy)), **settings))


@given(arrays.arrays(np.float64, (6, 2), elements=st.floats(-1, 1)))
def test_coordinates_come_back_within_half_a_step_with_y_upwards(xy):
    found = sent(xy)
    left, top, right, bottom = found["home"]
    codes = found["xy0"].reshape(-1, 2)
    back = np.stack(
        [
            (codes[:, 0] - left) / (right - left) * 2 - 1,
            1 - (codes[:, 1] - top) / (bottom - top) * 2,
        ],
        axis=1,
    )
    np.testing.assert_allclose(back, xy, atol=0.501 * 8 / 65535)


def test_far_and_missing_coordinates_stay_within_the_sheet():
    found = sent(np.array([[1e9, 0.0], [-1e9, 0.0], [np.nan, 0.0]]))
    assert found["xy0"].reshape(-1, 2)[:, 0].tolist() == [65535, 0, 0]
    assert found["groups0"].tolist() == [0, 0, 255]


def test_all_that_a_panel_says_comes_back():
    said = scatter.Panel(
        "run",
        ModelStyle("KD", "#E69F00"),
        "",
        np.zeros((3, 2)),
        predicted=np.array([2, 0, 1]),
        confidence=np.array([0.0, 0.5, 1.0]),
        moved=np.array([np.nan, 2.0, 0.25]),
    )
    ids = np.array(["x", "é", '"'])
    colours = colouring.highlighted([np.array([0, 1, 2])], (2,), ["a", "b", "c"], LIGHT)
    found = unpacked(
        scatter.encoded(
            [said],
            ids,
            colouring=colours,
            class_names=["a", "b", "c"],
            labels=np.array([1, 1, 2]),
            selected=np.array([2]),
            background=scatter.Background(lines=[[(0, 0), (1, 0)]], labels=[(0, 0, "a")]),
            settings={"height": 300},
        )
    )
    assert found["ids"] == ids.tolist()
    assert found["said0"].tolist() == [2, 0, 1]
    assert found["sure0"].tolist() == [0, 125, 250]
    assert found["moved0"].tolist() == [0, 250, 62]
    assert found["labels"].tolist() == [1, 1, 2]
    assert found["selected"].tolist() == [0, 0, 1]
    assert found["groups0"].tolist() == [0, 0, 1]
    assert found["palette"] == [
        {"name": "c", "colour": LIGHT.accent, "symbol": "circle", "raised": True}
    ]
    assert found["height"] == 300
    assert found["background"]["labels"][0][2] == "a"


def test_nothing_at_all_can_be_drawn():
    found = sent(np.zeros((0, 2)))
    assert found["n"] == 0
    assert found["xy0"].size == 0


def test_arrays_of_another_length_are_refused():
    with pytest.raises(ValueError, match="coordinates of 'run' must have 4 rows like ids, got 3"):
        scatter.encoded([panel(np.zeros((3, 2)))], np.arange(4), colouring=colouring.quiet(1, 4))


def test_ten_thousand_samples_in_five_models_stay_far_below_two_megabytes():
    n, random = 10_000, np.random.default_rng(0)
    full = [
        panel(
            random.normal(size=(n, 2)),
            predicted=random.integers(0, 100, n),
            confidence=random.random(n),
            moved=random.random(n),
        )
        for _ in range(5)
    ]
    colours = colouring.by_disagreement([p.predicted for p in full], full[0].predicted, LIGHT)
    assert (
        len(scatter.encoded(full, np.arange(n), colouring=colours, labels=random.integers(0, 9, n)))
        < 600_000
    )
