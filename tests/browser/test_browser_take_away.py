"""Charts, pages and selections taken away from the app, by the buttons that a person presses."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from browser_harness import AppPage
from PIL import Image
from playwright.sync_api import expect

from bickd_core.geometry.orthogonality import class_geometry
from bickd_core.runs.library import Library

CELL = "cell:caltech95/kd-s0~cannon~octopus"


def open_menu(app: AppPage, chart: str) -> None:
    app.key(f"export-{chart}").locator("button:visible").click()
    expect(app.page.get_by_text("Data, and the interactive chart")).to_be_visible()
    app.settle()


def download(app: AppPage, name: str, *, exact: bool = True) -> tuple[str, bytes]:
    with app.page.expect_download() as waiting:
        app.page.get_by_role("button", name=name, exact=exact).click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def test_a_card_gives_its_numbers_and_a_picture_of_the_size_asked_for(app: AppPage):
    app.open()
    before = app.key("overview-card-overlap").bounding_box()
    open_menu(app, "overview-overlap")
    name, content = download(app, "CSV")
    assert name == "overlap-unmatched.csv"
    table = pd.read_csv(io.BytesIO(content)).set_index("model")
    assert list(table) == ["estimate", "low", "high", "seeds", "deviation"]
    shown = app.key("overview-card-overlap").inner_text().split()
    assert f"{table.loc['BicKD', 'estimate']:.3f}" in shown
    name, content = download(app, "PNG")
    assert name == "overlap-unmatched.png"
    picture = Image.open(io.BytesIO(content))
    assert picture.width == pytest.approx(85 / 25.4 * 300, abs=1.5)
    assert app.key("overview-card-overlap").bounding_box() == before


def test_a_matrix_gives_every_cell_and_a_live_page(app: AppPage):
    app.open("class_geometry")
    open_menu(app, "geometry-gram-student")
    _, content = download(app, "CSV")
    table = pd.read_csv(io.BytesIO(content))
    predictions = (
        Library(app.server.shelf, app.server.runs).find("caltech95/bickd-s0").predictions("test")
    )
    gram = class_geometry(predictions.probabilities(4.0)).gram
    place = {name: i for i, name in enumerate(predictions.class_names)}
    values = gram[table["row_class"].map(place), table["column_class"].map(place)]
    assert len(table) == 95 * 95
    assert abs(table["cosine"] - values).max() < 1e-6
    name, content = download(app, "HTML")
    assert name.endswith(".html")
    assert b"/class_geometry?teacher=caltech95/teacher" in content


def test_the_maps_give_every_point_of_every_model(app: AppPage):
    app.open("prediction_map")
    open_menu(app, "low-map-panels")
    _, content = download(app, "CSV")
    table = pd.read_csv(io.BytesIO(content))
    assert table.groupby("model").size().to_dict() == dict.fromkeys(
        ["BicKD", "CE", "DIST", "KD", "teacher"], 1208
    )
    assert {"id", "x", "y", "true_class", "predicted_class"} <= set(table)


def test_settings_of_print_stay_from_chart_to_chart(app: AppPage):
    app.open()
    open_menu(app, "overview-accuracy")
    app.page.get_by_role("radio", name="grey").click()
    app.settle()
    box = app.key("take-width-overview-accuracy").locator("input")
    box.fill("60")
    with app.rerun():
        box.press("Enter")
    _, content = download(app, "SVG")
    assert b'width="60mm"' in content
    assert not re.search(rb"rgb\(0, 114, 178\)|#0072B2", content)
    app.page.keyboard.press("Escape")
    open_menu(app, "overview-agreement")
    expect(app.key("take-width-overview-agreement").locator("input")).to_have_value("60")


def test_the_page_and_the_comparison_as_a_report(app: AppPage):
    app.open("class_geometry")
    shown = app.page.locator('.stVerticalBlock[class*="st-key-export-"]').count()
    app.key("report-menu").locator("button:visible").click()
    name, content = download(app, "This page", exact=False)
    assert name == "bickd-class-geometry.html"
    page = content.decode()
    assert app.title() in page
    assert page.count('class="chart"') == shown
    assert "caltech95/bickd-s0" in page
    name, content = download(app, "The whole comparison", exact=False)
    assert name == "bickd-comparison.html"
    assert content.decode().count('class="chart"') > shown


def test_the_link_is_copied(app: AppPage):
    app.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    app.open(
        "similarity",
        {"teacher": "caltech95/teacher", "students": "caltech95/kd-s1", "temperature": "2"},
    )
    app.page.get_by_role("button", name="Copy link").click()
    expect(app.page.get_by_text("Copied")).to_be_visible()
    assert app.page.evaluate("navigator.clipboard.readText()") == app.page.url


def test_a_selection_is_taken_away_with_what_the_models_say(app: AppPage):
    app.open("", {"selection": CELL, "teacher": "caltech95/teacher", "students": "caltech95/kd-s0"})
    count = int(app.page.locator(".bk-chip").get_attribute("data-count") or 0)
    app.key("selection-bar").get_by_role("button", name="Download").filter(visible=True).click()
    name, content = download(app, "Table (CSV)")
    assert name == "caltech95-test-selection.csv"
    table = pd.read_csv(io.BytesIO(content))
    assert len(table) == count > 0
    assert list(table)[:4] == ["id", "path", "true_class", "temperature"]
    assert {"teacher_predicted", "KD_probability", "KD_probability_of_true"} <= set(table)


def test_without_a_browser_the_menu_says_what_to_install(app: AppPage, monkeypatch):
    from browser_harness import serving, tab

    monkeypatch.setenv("BROWSER_PATH", "/nowhere/chromium")
    browser = app.page.context.browser
    assert browser is not None
    home = app.server.runs.parent / "without"
    with serving(home / "runs", app.server.shelf) as server, tab(browser, server) as opened:
        opened.open()
        open_menu(opened, "overview-accuracy")
        expect(opened.page.get_by_text("apt install chromium")).to_be_visible()
        expect(opened.page.get_by_role("button", name="PNG", exact=True)).to_be_disabled()
        assert download(opened, "CSV")[0] == "accuracy.csv"
        opened.check()
