"""The scripts of the components: one text for each, and types of the data that Python sends."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.components import export_menu, matrix, plot, rows, scatter
from app.components.browser_part import FRONTEND, module, source
from app.components.chart import Export
from app.pages.by_epoch import player
from app.pages.learn import simplex
from bickd_viz import colouring
from bickd_viz.charts.map_scene import MapPanel, MapScene
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.charts.plot import Axis, Plot, Series
from bickd_viz.text.classes import isolated
from bickd_viz.theme import LIGHT, ModelStyle

TOP_LEVEL = re.compile(
    r"^(?:export )?(?:default )?(?:async )?(?:const|let|class|function) (\w+)", re.MULTILINE
)
COMPONENTS = sorted(
    path.name
    for path in FRONTEND.glob("*.js")
    if re.search(r"^export default", source(path.name), re.MULTILINE)
)


def test_every_script_belongs_to_a_component():
    used = {name for name in COMPONENTS}
    for name in COMPONENTS:
        text = module(name)
        used |= {
            path.name for path in FRONTEND.glob("*.js") if source(path.name).splitlines()[0] in text
        }
    assert used == {path.name for path in FRONTEND.glob("*.js")}


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_text_of_a_component_is_whole_and_declares_each_name_once(name):
    text = module(name)
    assert not re.search(r"^import ", text, re.MULTILINE), (
        "an import in a form that `module` does not resolve"
    )
    assert len(re.findall(r"^export default", text, re.MULTILINE)) == 1
    assert [
        declared for declared, count in Counter(TOP_LEVEL.findall(text)).items() if count > 1
    ] == []


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_script_comes_after_those_that_it_imports(name):
    text = module(name)
    seen = []
    for path in FRONTEND.glob("*.js"):
        start = source(path.name).splitlines()[0]
        assert text.count(start) <= 1
        if start in text:
            seen.append((text.index(start), path.name))
    order = [file for _, file in sorted(seen)]
    assert order[-1] == name
    for place, file in enumerate(order):
        imported = re.findall(r"from '\./(\w+\.js)';", source(file))
        assert set(imported) <= set(order[:place])


def run(tmp_path: Path, name: str, script: str) -> Any:
    """Run a script after the text of a component's file in node, and return what it prints as
    JSON."""
    node = shutil.which("node", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if node is None:
        pytest.skip("node is not installed")
    file = tmp_path / "script.mjs"
    file.write_text(f"{module(name)}\n{script}", encoding="utf-8")
    done = subprocess.run([node, file], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


BARS = """
const bar = x => ({kind: 'bars', name: 'KD', colour: '#000', x: [x], y: [0], ids: [0], whiskers: []});
const scales = {px: value => 100 + 100 * value, py: () => 20, left: 0, floor: 40};
const drawn = x => seriesSvg(bar(x), scales, {text: '#111'}, false).join('');
console.log(JSON.stringify([0.5, -0.4, -0.0001].map(drawn)));
"""


def test_a_bar_goes_from_0_to_its_value_with_its_number_beyond_the_end(tmp_path):
    above, below, rounded = run(tmp_path, "plot_marks.js", BARS)
    assert '<rect x="100" y="13" width="50"' in above
    assert '<text x="155" y="24"' in above
    assert ">0.500</text>" in above
    assert '<rect x="60" y="13" width="40"' in below
    assert '<text x="55" text-anchor="end"' in below
    assert ">−0.400</text>" in below
    assert ">0.000</text>" in rounded


def test_names_from_right_to_left_are_isolated_as_in_python(tmp_path):
    names = ["crab", "日本", "קטע", "قطة", "ﻗﻄﺔ", "3 ݐ", "naïve −1"]
    script = f"console.log(JSON.stringify({json.dumps(names)}.map(isolated)))"
    assert run(tmp_path, "util.js", script) == [isolated(name) for name in names]


UNKNOWN = """
const written = [];
const context = {fillText: text => written.push(text)};
const frame = {left: 0, top: 0, r0: 0, c0: 0, rows: 2, columns: 2, cellW: 50, cellH: 50};
const values = decodeValues(data);
drawValues(context, frame, data, (row, column) => values[2 * row + column]);
console.log(JSON.stringify([...values].map(value => Number.isNaN(value)).concat(written)));
"""


def test_the_browser_knows_which_values_of_a_matrix_are_unknown(tmp_path):
    sent = matrix.encoded(np.array([[np.nan, 0.5], [1.0, np.nan]]))
    data = {**sent, "zmin": 0, "zmax": 1, "stops": LIGHT.sequential, "decimals": 2}
    script = f"const data = {json.dumps(data)};\n{UNKNOWN}"
    told = run(tmp_path, "matrix_draw.js", script)
    assert told == [True, False, False, True, ".50", "1"]


ENDS = """
const told = [[-0.0137, 0.0137], [0.991, 0.9985], [0, 0.6], [-1234, 1234], [-0.4, 12.345]].map(([zmin, zmax]) => {
  const written = [];
  const context = {
    createLinearGradient: () => ({addColorStop() {}}),
    fillRect() {},
    strokeRect() {},
    fillText: text => written.push(text),
  };
  const data = {zmin, zmax, stops: [], theme: {}, value_name: 'cosine'};
  drawBar(context, {left: 0, top: 0, side: 300}, data);
  return written.slice(0, 2);
});
console.log(JSON.stringify(told));
"""


def test_the_ends_of_a_colour_bar_have_three_digits_and_counts_are_whole(tmp_path):
    assert run(tmp_path, "matrix_draw.js", ENDS) == [
        ["−0.0137", "0.0137"],
        ["0.991", "0.999"],
        ["0", "0.6"],
        ["−1,234", "1,234"],
        ["−0.4", "12.3"],
    ]


ZOOM = """
globalThis.ImageData = class {
  constructor(width, height) {
    this.data = {buffer: new ArrayBuffer(4 * width * height)};
  }
};
const matrix = {
  box: {style: {setProperty() {}}, setAttribute() {}},
  picture: {getContext: () => ({putImageData() {}})},
  data: null,
  value: () => 0,
  draw() {},
};
const shown = (names, order) => {
  matrix.zoom = [0, 2, 0, 2];
  matrix.cursor = [1, 1];
  Matrix.prototype.update.call(matrix, {data: {...data, names, order}});
  return [matrix.zoom, matrix.cursor];
};
const abc = ['a', 'b', 'c'];
const told = [shown(abc, null), shown(abc, [0, 1, 2]), shown(['d', 'e', 'f'], null), shown(abc, null), shown(abc, [2, 1, 0])];
console.log(JSON.stringify(told.map(([zoom, cursor]) => [zoom !== null, cursor !== null])));
"""


def test_zoom_and_cursor_stay_only_on_the_same_classes_in_the_same_order(tmp_path):
    names = ("accent", "surface", "text", "muted", "grid")
    colours = {name: getattr(LIGHT, name) for name in names}
    data = {**matrix.encoded(np.eye(3)), "n": 3, "zmin": 0, "zmax": 1, "theme": colours}
    data |= {"stops": LIGHT.sequential, "selected": None, "label": "cosines"}
    script = f"const data = {json.dumps(data)};\n{ZOOM}"
    told = run(tmp_path, "matrix.js", script)
    assert told == [[True] * 2, [True] * 2, [False] * 2, [False] * 2, [False] * 2]


# -- the types of the data
# -------------------------------------------------------------------------------------


def properties(file: str, name: str) -> set[str]:
    """The properties of a JSDoc type."""
    comments = re.findall(r"/\*\*.*?\*/", source(file), re.DOTALL)
    (comment,) = (text for text in comments if re.search(rf"@typedef \{{object\}} {name}\b", text))
    return set(re.findall(r"@property \{.+\} (\w+)", comment))


@pytest.fixture
def sent(monkeypatch) -> list[Any]:
    """What components were given, by `show` of their modules."""
    given: list[Any] = []

    def mounted(**more: Any) -> dict[str, Any]:
        given.append(more["data"])
        return {}

    for owner in (matrix, player, plot, rows, simplex):
        monkeypatch.setattr(owner, "_component", mounted)
    monkeypatch.setattr(export_menu, "offer", lambda *_, **__: None)
    return given


LOOK = ModelStyle("KD", "#E69F00")


def test_the_matrix_sends_what_its_type_names(sent):
    matrix.show(MatrixScene(np.eye(2), ["a", "b"]), "m", theme=LIGHT)
    assert set(sent[0]) == properties("matrix_data.js", "MatrixData")
    assert set(sent[0]["theme"]) == {"accent", "surface", "text", "muted", "grid"}


def test_the_table_of_rows_sends_what_its_type_names(sent):
    rows.show(["a"], [["1"]], key="r", on_row=lambda row: None, label="rows")
    assert set(sent[0]) == properties("rows.js", "RowsData")


def test_the_plot_sends_what_its_types_name(sent):
    axis = Axis(0, 1, [0.0], ["0"])
    series = Series("KD", "#E69F00", "dots", np.zeros(1), np.zeros(1), ["0"])
    plot.show(
        Plot(axis, axis, [series], 100), "p", theme=LIGHT, export=Export("a chart", pd.DataFrame)
    )
    (data,) = sent
    assert set(data) == properties("plot.js", "PlotData")
    assert set(data["x"]) == properties("plot.js", "PlotAxis")
    assert set(data["y"]) == properties("plot.js", "PlotAxis") | {"size", "text"}
    assert set(data["series"][0]) == properties("plot_marks.js", "Series")


def test_the_epochs_player_sends_what_its_types_name(sent):
    one = np.zeros(1)
    figures = SimpleNamespace(
        epochs=np.ones(1, dtype=int),
        grams=np.eye(2)[None],
        overlap=one,
        accuracy=None,
        agreement=None,
    )
    course = SimpleNamespace(model=SimpleNamespace(key="kd"), figures=figures, learns=True)
    courses = SimpleNamespace(courses=[course], names=("a", "b"), last=1, grouped=False)
    player.show(
        courses, {"kd": LOOK}, key="e", theme=LIGHT, start=1, turn=0, top=1.0,
        on_rest=lambda epoch: None,
    )  # fmt: skip
    assert set(sent[0]) == properties("epochs_lines.js", "EpochsData")
    assert set(sent[0]["models"][0]) == properties("epochs_lines.js", "EpochModel")


def test_the_triangle_sends_what_its_type_names(sent):
    logits = np.zeros((1, 3))
    batch = simplex.Batch(logits, logits, ["a", "b", "c"], [0], [None], styles=(LOOK, LOOK))
    simplex.show(batch, key="s", theme=LIGHT, temperature=4.0, temperatures=[1.0, 4.0])
    assert set(sent[0]) == properties("simplex_text.js", "SimplexData")
    assert set(sent[0]["theme"]) == {"accent", "surface", "text", "muted", "grid", "quiet"}


def test_the_maps_send_what_their_types_name(monkeypatch):
    payloads: list[bytes] = []
    monkeypatch.setattr(scatter, "_component", lambda **more: payloads.append(more["data"]))
    monkeypatch.setattr(export_menu, "offer", lambda *_, **__: None)
    scene = MapScene([MapPanel(LOOK, np.zeros((2, 2)))], np.arange(2), colouring.quiet(1, 2))
    scatter.show(scene, key="s")
    (length,) = struct.unpack_from("<I", payloads[0])
    head = json.loads(payloads[0][4 : 4 + length])
    assert set(head) == properties("scatter_data.js", "MapHead") | {"arrays"}
    assert set(head["panels"][0]) == {"key", "name", "colour", "note"}
    assert set(head["theme"]) == {
        "accent",
        "surface",
        "text",
        "muted",
        "grid",
        "card_border",
        "quiet",
    }
