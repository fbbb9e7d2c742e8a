"""What the linked maps send to the browser."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.components import scatter
from bickd_viz import LIGHT, ModelStyle, colouring
from bickd_viz.charts.map_scene import Background, MapPanel, MapScene

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


def scene(xy: np.ndarray, **more: Any) -> MapScene:
    panel = MapPanel(ModelStyle("KD", "#E69F00"), xy, key="run", note="3 of 3 images")
    colours = colouring.quiet(1, len(xy))
    return MapScene([panel], np.arange(len(xy)), colours, frame=(-1.0, 1.0, -1.0, 1.0), **more)


def sent(xy: np.ndarray) -> dict:
    return unpacked(scatter.encoded(scene(xy), {}))


@given(arrays.arrays(np.float64, (6, 2), elements=st.floats(-1, 1)))
def test_coordinates_come_back_within_half_a_step_with_y_upwards(xy):
    data = sent(xy)
    left, top, right, bottom = data["home"]
    codes = data["xy0"].reshape(-1, 2)
    back = np.stack(
        [
            (codes[:, 0] - left) / (right - left) * 2 - 1,
            1 - (codes[:, 1] - top) / (bottom - top) * 2,
        ],
        axis=1,
    )
    np.testing.assert_allclose(back, xy, atol=0.501 * 8 / 65535)


def test_far_and_missing_coordinates_stay_within_the_sheet():
    data = sent(np.array([[1e9, 0.0], [-1e9, 0.0], [np.nan, 0.0]]))
    assert data["xy0"].reshape(-1, 2)[:, 0].tolist() == [65535, 0, 0]
    assert data["groups0"].tolist() == [0, 0, 255]


def test_everything_in_a_scene_comes_back():
    panel = MapPanel(
        ModelStyle("KD", "#E69F00"),
        np.zeros((3, 2)),
        key="run",
        predicted=np.array([2, 0, 1]),
        confidence=np.array([0.0, 0.5, 1.0]),
        moved=np.array([np.nan, 2.0, 0.25]),
    )
    ids = np.array(["x", "é", '"'])
    shown = MapScene(
        [panel],
        ids,
        colouring.highlighted([np.array([0, 1, 2])], (2,), ["a", "b", "c"], LIGHT),
        title="Maps",
        class_names=["a", "b", "c"],
        labels=np.array([1, 1, 2]),
        selected=np.array([2]),
        background=Background(lines=[[(0, 0), (1, 0)]], labels=[(0, 0, "a")]),
    )
    data = unpacked(scatter.encoded(shown, {"height": 300}))
    assert data["ids"] == ids.tolist()
    assert data["predicted0"].tolist() == [2, 0, 1]
    assert data["confidence0"].tolist() == [0, 125, 250]
    assert data["moved0"].tolist() == [0, 250, 62]
    assert data["labels"].tolist() == [1, 1, 2]
    assert data["selected"].tolist() == [0, 0, 1]
    assert data["groups0"].tolist() == [0, 0, 1]
    assert [(look["name"], look["colour"], look["raised"]) for look in data["looks"]] == [
        ("other", LIGHT.quiet, False),
        ("c", LIGHT.accent, True),
        ("selected", LIGHT.text, True),
        ("c", LIGHT.accent, True),
    ]
    assert data["height"] == 300
    assert data["label"] == "Maps"
    assert data["background"]["labels"][0][2] == "a"


def test_nothing_at_all_can_be_drawn():
    data = sent(np.zeros((0, 2)))
    assert data["n"] == 0
    assert data["xy0"].size == 0


def test_ten_thousand_samples_in_five_models_stay_far_below_two_megabytes():
    n, random = 10_000, np.random.default_rng(0)
    panels = [
        MapPanel(
            ModelStyle("KD", "#E69F00"),
            random.normal(size=(n, 2)),
            predicted=random.integers(0, 100, n),
            confidence=random.random(n),
            moved=random.random(n),
        )
        for _ in range(5)
    ]
    predicted = [random.integers(0, 100, n) for _ in panels]
    colours = colouring.by_disagreement(predicted, predicted[0], LIGHT)
    shown = MapScene(panels, np.arange(n), colours, labels=random.integers(0, 9, n))
    assert len(scatter.encoded(shown, {})) < 600_000
