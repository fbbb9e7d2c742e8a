"""Images of figures by the real Chromium: sizes and text are read back from the files."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest
from browser_harness import find_chromium
from PIL import Image

from bickd_viz.charts.map import maps_figure
from bickd_viz.charts.map_scene import MapPanel, MapScene
from bickd_viz.charts.whiskers import Row, whisker_rows
from bickd_viz.colouring import quiet
from bickd_viz.export import files as export
from bickd_viz.export.paper import paper
from bickd_viz.theme import DARK, model_styles

pytestmark = pytest.mark.usefixtures("browser")
SVG = "{http://www.w3.org/2000/svg}"
WIDTH, HEIGHT, POINTS = 85.0, 60.0, 7.0


@pytest.fixture(autouse=True)
def same_browser(monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", find_chromium())


@pytest.fixture(scope="module")
def files(browser) -> dict[str, bytes]:
    """One figure in every format, by one start of the browser."""
    figure = paper(chart(), WIDTH, HEIGHT, POINTS, x_title="class overlap (mean cosine)")
    return dict(
        zip(export.FORMATS, export.images([(figure, kind) for kind in export.FORMATS]), strict=True)
    )


def chart() -> go.Figure:
    styles = model_styles([("teacher", "teacher"), ("KD", "kd"), ("BicKD", "bickd")], DARK)
    return whisker_rows(
        [Row(s, 0.1 * i, 0.1 * i - 0.02, 0.1 * i + 0.02) for i, s in enumerate(styles)], theme=DARK
    )


def test_svg_states_its_size_in_mm_and_its_text_in_points(files):
    root = ElementTree.fromstring(files["svg"])
    assert (root.get("width"), root.get("height")) == (f"{WIDTH:g}mm", f"{HEIGHT:g}mm")
    _, _, width, height = map(float, root.get("viewBox").split())
    mm = WIDTH / width  # of one unit
    assert mm == pytest.approx(HEIGHT / height, rel=1e-4)
    sizes = {
        float(re.search(r"font-size: ([\d.]+)px", text.get("style")).group(1))
        for text in root.iter(f"{SVG}text")
        if text.get("style") and "".join(text.itertext()).strip()
    }
    assert [size * mm / 25.4 * 72 for size in sizes] == pytest.approx(
        [POINTS] * len(sizes), rel=1e-3
    )
    words = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert {"BicKD", "0.200", "class overlap (mean cosine)"} <= set(words)


def test_png_has_the_pixels_of_300_dpi_and_says_so(files):
    picture = Image.open(io.BytesIO(files["png"]))
    assert picture.size == pytest.approx((WIDTH / 25.4 * 300, HEIGHT / 25.4 * 300), abs=1.5)
    assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    assert picture.convert("RGB").getpixel((2, 2)) == (255, 255, 255)


def test_pdf_has_the_size_in_points(files):
    box = re.search(rb"/MediaBox \[([-\d. ]+)\]", files["pdf"]).group(1).split()
    left, bottom, right, top = map(float, box)
    assert (right - left, top - bottom) == pytest.approx(
        (WIDTH / 25.4 * 72, HEIGHT / 25.4 * 72), abs=0.05
    )


def test_many_points_are_drawn_without_a_graphics_card(browser):
    points = np.random.default_rng(0).random((1500, 2))
    panel = MapPanel(model_styles([("KD", "kd")])[0], points)
    figure = maps_figure(MapScene([panel], np.arange(1500), quiet(1, 1500)))
    assert figure.data[0].type == "scattergl"
    svg = export.images([(paper(figure), "svg")])[0].decode()
    assert svg.count('class="point ') == 1500
    assert figure.data[0].type == "scattergl"  # the page's own figure stays


def test_a_browser_that_does_not_start_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setenv("BROWSER_PATH", "/bin/false")
    with pytest.raises(
        export.ExportError, match="drawing the figure with the browser /bin/false failed"
    ) as caught:
        export.images([(chart(), "png")])
    assert "\n" not in str(caught.value)
