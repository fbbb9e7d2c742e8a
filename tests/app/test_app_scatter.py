"""What the linked maps send to the browser."""

from __future__ import annotations

import base64
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.components import scatter
from app.components.browser_part import module
from bickd_viz import colouring
from bickd_viz.charts.map_scene import Background, MapPanel, MapScene
from bickd_viz.theme import LIGHT, ModelStyle

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
    assert data["confidence0"].tolist() == [0, 50, 100]
    assert data["moved0"].tolist() == [0, 100, 25]
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


LAYERS = """
const passes = scenes.map(text => {
  const data = decodeMap(Uint8Array.from(Buffer.from(text, "base64")));
  return data.panels.map(panel => passesOf(data, panel.groups, data.selected));
});
console.log(JSON.stringify(passes.map(scene => scene.map(panel => panel.map(
  ({which, colour, symbol, radius, alpha, rim}) => [[...which], colour, symbol, radius, alpha, rim])))));
"""


def random_scenes() -> list[MapScene]:
    rng = np.random.default_rng(0)
    names = ["a", "b", "c", "d"]
    scenes = []
    for n in (20, 200, 800, 3500):
        classes = [rng.integers(0, 4, n) for _ in range(2)]
        maps = [rng.normal(size=(n, 2)) for _ in range(2)]
        maps[1][3] = np.nan
        panels = [MapPanel(ModelStyle("KD", "#E69F00"), xy) for xy in maps]
        for colours in (
            colouring.quiet(2, n),
            colouring.by_class(classes, names, LIGHT),
            colouring.highlighted(classes, (1, 3), names, LIGHT),
            colouring.by_disagreement(classes, classes[0], LIGHT),
            colouring.by_value([rng.random(n), rng.random(n)], "moved", 1.0, LIGHT),
        ):
            for selected in (None, np.arange(7), np.arange(n // 2)):
                scenes.append(MapScene(panels, np.arange(n), colours, selected=selected))
    return scenes


def test_the_browser_and_plotly_draw_the_same_points_in_the_same_order(tmp_path):
    node = shutil.which("node", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if node is None:
        pytest.skip("node is not installed")
    scenes = random_scenes()
    texts = [base64.b64encode(scatter.encoded(scene, {})).decode() for scene in scenes]
    script = tmp_path / "layers.mjs"
    script.write_text(f"{module('scatter_data.js')}\nconst scenes = {json.dumps(texts)};\n{LAYERS}")
    done = subprocess.run([node, script], capture_output=True, text=True, check=True, timeout=60)
    for scene, drawn in zip(scenes, json.loads(done.stdout), strict=True):
        for k, passes in enumerate(drawn):
            layers = [layer for layer in scene.layers(k) if len(layer.positions)]
            assert passes == [
                [
                    layer.positions.tolist(),
                    layer.look.colour,
                    layer.look.symbol,
                    pytest.approx(layer.radius),
                    layer.opacity,
                    scene.theme.surface if layer.outlined else None,
                ]
                for layer in layers
            ]
