"""Calibration: a point of the diagram selects its samples; the best temperature is fitted on
validation."""

from __future__ import annotations

import re

import numpy as np
from browser_harness import AppPage
from playwright.sync_api import expect

from bickd_core.geometry.calibration import confidence_and_hits, reliability
from bickd_core.geometry.probabilities import softmax
from bickd_core.runs.library import Library

TEACHER, BICKD = "caltech95/teacher", "caltech95/bickd-s0"
VIEW = {"teacher": TEACHER, "students": BICKD, "student": BICKD}
POINT = """
key => {
  const chart = document.querySelector(`.st-key-${key} .js-plotly-plot`);
  const trace = chart._fullData.find(found => found.name === 'BicKD');
  const at = trace.x.length - 2, box = chart.getBoundingClientRect(), layout = chart._fullLayout;
  return [box.x + layout.xaxis._offset + layout.xaxis.d2p(trace.x[at]),
          box.y + layout.yaxis._offset + layout.yaxis.d2p(trace.y[at]), trace.customdata[at]];
}
"""


def test_a_point_selects_the_samples_of_its_bin(app: AppPage):
    app.open("calibration", VIEW)
    app.key("calibration-diagram").scroll_into_view_if_needed()
    x, y, code = app.page.evaluate(POINT, "calibration-diagram")
    with app.rerun():
        app.page.mouse.click(x, y)
    place = int(code.split(":")[1])
    assert app.query()["selection"] == f"bin:{BICKD}~width~15~{place + 1}~1"
    run = Library(app.server.shelf, app.server.runs).find(BICKD).predictions("test")
    expected = reliability(*confidence_and_hits(softmax(run.logits), run.labels)).counts[place]
    chip = app.key("selection-bar").locator(".bk-chip")
    expect(chip).to_have_attribute("data-count", str(expected))
    expect(app.key("calibration-images").locator("img")).to_have_count(min(12, int(expected)))
    app.reload()
    expect(chip).to_have_attribute("data-count", str(expected))


def excess(title: str) -> float:
    """Mean confidence minus accuracy in points, from the title."""
    sure, right = (float(number) for number in re.findall(r"([\d.]+)%", title))
    return sure - right


def test_the_best_temperature_mends_the_error_and_says_where_it_was_fitted(app: AppPage):
    app.open("calibration", VIEW)
    assert "overconfident" in app.title()
    before = excess(app.title())
    page = app.page.get_by_test_id("stMain")
    expect(page).to_contain_text("validation images and evaluated on test")
    run = Library(app.server.shelf, app.server.runs).find(BICKD).predictions("validation")
    grid = np.linspace(1, 4, 301)
    losses = [-np.log(softmax(run.logits, T)[np.arange(len(run)), run.labels]).mean() for T in grid]
    best = grid[int(np.argmin(losses))]
    with app.rerun():
        app.key("calibration-best").get_by_role("radio", name="each model's best").click()
    expect(page).to_contain_text(f"best temperature {best:.2f} [")
    assert abs(excess(app.title())) < 4 < before


def test_on_validation_the_page_warns_that_the_fit_flatters(app: AppPage):
    app.open("calibration", VIEW | {"split": "validation"})
    expect(app.page.get_by_test_id("stMain")).to_contain_text("so they are too optimistic")
