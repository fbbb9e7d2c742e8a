"""The HTML report as text: everything that was put in is in it, escaped, and nothing is loaded from
elsewhere."""

import base64
import json
import re

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from bickd_viz import colouring, tables
from bickd_viz.charts.map import maps_figure
from bickd_viz.charts.map_scene import MapPanel, MapScene
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.export.chart_export import ChartExport
from bickd_viz.report import build
from bickd_viz.report.build import Figures, Report, Section, Strip
from bickd_viz.theme import DARK, LIGHT, ModelStyle

NAMES = ["<b>cat</b>", 'dog & "wolf"', "</script>"]
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def chart_export(name: str = "gram", theme=DARK) -> ChartExport:
    scene = MatrixScene(np.arange(9.0).reshape(3, 3), NAMES)
    return ChartExport(
        name,
        f"Class Gram of {NAMES[0]}",
        lambda: scene.figure(theme),
        lambda: tables.matrix_table(scene),
        sentence="They <overlap>.",
    )


def made(*sections: Section, **more) -> str:
    return build.html(Report("A & B <keep> apart", sections, **more)).decode()


def charts_of(page: str) -> list[dict]:
    return json.loads(
        re.search(r'<script type="application/json" id="charts">(.*?)</script>', page, re.S).group(
            1
        )
    )


def without_plotly(page: str) -> str:
    """The page but for the largest script, which is plotly.js."""
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    return page.replace(max(scripts, key=len), "")


def test_plotly_is_inlined_once_and_no_address_is_loaded():
    page = made(
        Section("Grams", [chart_export("a"), chart_export("b")]),
        link="http://127.0.0.1:8501/?teacher=a",
    )
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    assert sorted(len(script) > 1_000_000 for script in scripts) == [False, True]
    own = without_plotly(page)
    assert not re.search(r"""(src|srcset|action|poster)\s*=\s*["']?(?!data:)\w""", own)
    assert not re.search(
        r"@import|url\(|<link(?! rel=\"icon\" href=\"data:,\")|<iframe|fetch\(", own
    )
    assert re.findall(r'href="(\w+:[^"]{0,30})', own).count("http://127.0.0.1:8501/?teacher=a") == 1
    assert "default-src 'none'" in own


def test_every_chart_its_sentence_and_its_data_are_there():
    page = made(
        Section("First", [chart_export("a")]),
        Section("Second", [chart_export("b"), chart_export("c")]),
    )
    assert [chart["id"] for chart in charts_of(page)] == ["chart-0", "chart-1", "chart-2"]
    assert page.count("They &lt;overlap&gt;.") == 3
    found = re.findall(r'download="(\w+)\.csv" href="data:text/csv;base64,([^"]+)"', page)
    assert [name for name, _ in found] == ["a", "b", "c"]
    text = base64.b64decode(found[0][1]).decode()
    assert text.splitlines()[0] == "row_class,column_class,cosine"
    assert text.count("\n") == 10


def test_words_of_people_are_text_and_never_markup():
    table = pd.DataFrame({"<i>model</i>": ["<script>alert(1)</script>"]})
    strip = Strip("Images", [(PIXEL, "<u>x</u>", "y"), (None, "z", "")])
    own = without_plotly(
        made(Section("<h1>", [chart_export(), Figures("T", table), strip]), note="<em>")
    )
    for markup in ("<keep>", "<em>", "<i>model", "<script>alert", "<u>x", "<b>cat"):
        assert markup not in own
    assert own.count("<h1>") == 1
    assert f'<img src="{PIXEL}" alt="&lt;u&gt;x&lt;/u&gt;">' in own
    assert own.count("</script>") == 3


def test_dark_is_a_list_of_changed_colours_that_gives_the_dark_figure():
    for theme in (LIGHT, DARK):  # in whatever theme the page stood
        chart = charts_of(made(Section("", [chart_export(theme=theme)])))[0]
        figure = chart["figure"]
        assert figure["layout"]["font"]["color"] == LIGHT.text
        for path, value in chart["dark"]:
            node = figure
            for key in path[:-1]:
                node = node[key]
            node[path[-1]] = value
        assert figure["layout"]["font"]["color"] == DARK.text
        assert len(json.dumps(chart["dark"])) < 5000


def test_points_are_vectors_up_to_a_limit():
    def points(count: int) -> ChartExport:
        panel = MapPanel(ModelStyle("KD", "#E69F00"), np.random.default_rng(0).random((count, 2)))
        scene = MapScene([panel], np.arange(count), colouring.quiet(1, count))
        return ChartExport(
            "map", "Map", lambda: maps_figure(scene), lambda: tables.points_table(scene)
        )

    kinds = {
        count: charts_of(made(Section("", [points(count)])))[0]["figure"]["data"][0]["type"]
        for count in (2000, 21000)
    }
    assert kinds == {2000: "scatter", 21000: "scattergl"}


def test_one_chart_alone_is_a_page_of_its_own():
    page = build.chart_html(chart_export(), link="?teacher=a").decode()
    assert len(charts_of(page)) == 1
    assert "<code>?teacher=a</code>" in page
    assert "plotly 7" in page


def test_marks_of_the_page_in_a_title_do_not_matter():
    words = "[[script]] [[plotly]] [[charts]] [[body]]"
    page = made(Section(words, [ChartExport("x", words, go.Figure, pd.DataFrame)]))
    assert len(charts_of(page)) == 1
    assert f"<h3>{words}</h3>" in page
