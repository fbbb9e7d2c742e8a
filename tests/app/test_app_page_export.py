"""Every chart that a page shows can be taken away: its figure is drawn, fits a paper, and has its
numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app import page_export
from app.data import comparison as comparisons
from app.state import ViewState
from bickd_viz.export.chart_export import ChartExport
from bickd_viz.report.build import Strip

ROOT = Path(__file__).resolve().parents[2]
PAGES = {  # page -> keys of charts that must be there, whatever else is
    "overview": {"overview-accuracy", "overview-overlap", "overview-gram-caltech95/teacher", "low-overview-maps"},
    "class_geometry": {
        "geometry-gram-teacher", "geometry-gram-difference", "geometry-gram-cross", "geometry-angles",
        "geometry-class-overlap", "geometry-spectrum", "geometry-sharpness-temperature",
    },
    "similarity": {"similarity-class", "similarity-sample", "similarity-cka"},
    "prediction_map": {"low-map-panels"},
    "disagreements": {"outcome-bar"},
    "by_epoch": {"epoch-lines"},
    "calibration": {"calibration-diagram", "calibration-classes", "calibration-NLL"},
}  # fmt: skip
VIEW = ViewState(teacher="caltech95/teacher", students=("caltech95/kd-s0", "caltech95/bickd-s0"))


@pytest.fixture(params=PAGES)
def page(request, monkeypatch) -> tuple[str, page_export.PageContent]:
    monkeypatch.setenv("BICKD_SHELF", str(ROOT / "pretrained"))
    script = (
        f"from app import page_export\nfrom app.pages.{request.param} import page\n"
        "page_export.begin('A page')\npage.show()\n"
    )
    app = AppTest.from_string(script, default_timeout=60)
    app.session_state["view"] = VIEW
    app.run()
    assert not app.exception
    return request.param, app.session_state["taken"]


def test_every_chart_of_the_page_gives_figure_paper_and_numbers(page):
    name, content = page
    chart_exports = {
        key: part for key, part in content.parts.items() if isinstance(part, ChartExport)
    }
    assert set(chart_exports) >= PAGES[name]
    stems = [chart_export.name for chart_export in chart_exports.values()]
    assert len(set(stems)) == len(stems), "two charts of a page would overwrite each other's files"
    for key, chart_export in chart_exports.items():
        figure, table = chart_export.figure(), chart_export.table()
        assert figure.data, key
        assert len(table), key
        assert not [c for c in table.columns if " " in str(c)], key
        assert chart_export.paper(85).layout.width == pytest.approx(85 / 25.4 * 96), key
        assert chart_export.paper(85, palette="grey").data, key


def test_the_report_holds_the_page_with_its_title_and_images(page):
    name, content = page
    html = page_export.page_report(content).decode()
    assert content.title in html.replace("&#x27;", "'").replace("&amp;", "&")
    assert html.count('class="chart"') == sum(
        isinstance(p, ChartExport) for p in content.parts.values()
    )
    assert "caltech95/bickd-s0" in html
    assert "1,208 of 1,208 test images of caltech95" in html
    assert html.count("CC BY 4.0") == 1
    if name in ("overview", "class_geometry", "prediction_map"):
        strips = [part for part in content.parts.values() if isinstance(part, Strip)]
        assert strips
        assert html.count("<img src=") == sum(len(strip.pictures) for strip in strips)


def test_the_whole_comparison_is_the_command_lines_report(monkeypatch):
    monkeypatch.setenv("BICKD_SHELF", str(ROOT / "pretrained"))
    comparison = comparisons.comparison(VIEW)
    html = page_export.comparison_report(comparison, 2.0, "http://host:8501/").decode()
    assert "http://host:8501/?teacher=caltech95/teacher&amp;students=" in html
    assert "temperature=2" in html
    assert html.count("CC BY 4.0") == 1


@pytest.mark.parametrize(
    ("page_address", "expected"),
    [
        ("http://localhost:8501", "http://localhost:8501/"),
        ("http://runs", "http://runs/"),
        ("http://runs/runs", "http://runs/"),
        ("http://localhost:8501/class_geometry", "http://localhost:8501/"),
        ("https://lab.example/bickd", "https://lab.example/bickd/"),
        ("https://lab.example/bickd/overview", "https://lab.example/bickd/"),
    ],
)
def test_the_apps_address_is_that_of_its_first_page(monkeypatch, page_address, expected):
    monkeypatch.setattr(page_export, "_page_address", lambda: page_address)
    assert page_export.app_address() == expected
