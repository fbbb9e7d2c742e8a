"""The HTML report in a real Chromium without a network: every chart is drawn, in light, in dark and
for print."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bickd_core.comparing.report_data import read_report_data
from bickd_core.runs.library import Library
from bickd_viz.report.build import html
from bickd_viz.report.comparison import comparison_report

STUDENTS = ("caltech95/kd-s0", "caltech95/bickd-s0")
CHARTS = 16
DRAWN = "[...document.querySelectorAll('.chart')].filter(c => c.querySelector('.main-svg')).length"
FONT = "document.querySelector('.chart')._fullLayout.font.color"


@pytest.fixture(scope="module")
def file(tmp_path_factory, shelf: Path) -> Path:
    found = read_report_data(Library(shelf, shelf / "none"), "caltech95/teacher", STUDENTS)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_bytes(html(comparison_report(found)))
    return path


@pytest.fixture
def page(browser: Browser, file: Path):
    """The report, opened offline; a request or an error in the console fails the test."""
    context = browser.new_context(
        offline=True, color_scheme="light", viewport={"width": 390, "height": 800}
    )
    opened = context.new_page()
    asked: list[str] = []
    problems: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on(
        "console",
        lambda message: problems.append(message.text) if message.type == "error" else None,
    )
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(file.as_uri())
    opened.wait_for_function(f"document.documentElement.dataset.drawn === '{CHARTS}'")
    yield opened
    context.close()
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [file.as_uri()]
    assert not problems


def test_every_chart_and_image_is_there_without_a_network(page):
    assert page.evaluate(DRAWN) == CHARTS
    widths = page.locator(".strip img").evaluate_all(
        "images => images.map(image => image.naturalWidth)"
    )
    assert len(widths) == 32
    assert min(widths) > 0
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_it_follows_the_system_into_the_dark(page):
    light = page.evaluate(FONT)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{FONT} !== '{light}'")
    assert page.evaluate(DRAWN) == CHARTS
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"{FONT} === '{light}'")


def test_it_prints_on_white_however_dark_the_screen_is(page):
    light = page.evaluate(FONT)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"{FONT} !== '{light}'")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(FONT) == light
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(FONT) != light
    assert page.pdf().startswith(b"%PDF")


def test_the_data_of_a_chart_is_a_download(page):
    with page.expect_download() as waiting:
        page.locator("a.data").first.click()
    assert waiting.value.suggested_filename == "accuracy.csv"
    assert (
        Path(waiting.value.path())
        .read_text()
        .startswith("model,estimate,low,high,seeds,deviation\n")
    )
