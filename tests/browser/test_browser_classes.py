"""Many classes in a real browser: groups open and close from the keyboard, and typing finds one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browser_harness import AppPage, AppServer
from playwright.sync_api import expect

from bickd_core.runs.library import Library, RunFolder
from bickd_core.runs.predictions import Predictions

C = 250
VIEW = {"teacher": "many-teacher", "students": "many-student"}
MOST_ELEMENTS = 2_000
"""Elements of a whole page, with those in its components."""


@pytest.fixture(scope="module", autouse=True)
def runs(server: AppServer, shelf: Path) -> None:
    """A teacher and a student of 250 classes in groups of ten."""
    source = Library(shelf, server.runs).find("caltech95/teacher").info()
    labels = np.arange(3 * C) % C
    chance = np.random.default_rng(0)
    centres = np.repeat(chance.normal(size=(C // 10, 16)), 10, axis=0) + chance.normal(size=(C, 16))
    for role in ("teacher", "student"):
        seen = centres[labels] + 0.6 * chance.normal(size=(3 * C, 16))
        fields = {"name": f"many-{role}", "dataset": "made up", "num_classes": C, "role": role}
        info = source.model_copy(update={**fields, "config": None})
        names = tuple(f"class {c:04d}" for c in range(C))
        run = RunFolder.create(server.runs, info)
        logits = (seen @ centres.T).astype(np.float32)
        Predictions(logits, names, np.arange(3 * C), labels).save(run.predictions_path("test"))


def elements(app: AppPage) -> int:
    return app.page.evaluate(
        """() => {
          const count = root => [...root.querySelectorAll('*')].reduce(
            (sum, each) => sum + 1 + (each.shadowRoot ? count(each.shadowRoot) : 0), 0);
          return count(document);
        }"""
    )


def test_groups_open_and_close_from_the_keyboard_and_a_class_is_found_by_typing(app: AppPage):
    app.open("", VIEW)
    expect(app.page.get_by_text("over all pairs of classes from two groups: ")).to_be_visible()
    gram = app.page.locator('[class*="st-key-overview-gram-"]').get_by_role("application").first
    gram.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        gram.press(key)
    expect(gram.locator(".tip")).to_contain_text("pairs of classes")
    with app.rerun():
        gram.press("Enter")
    first, second = app.query()["group"].split("~")
    assert first != second
    expect(app.key("overview-part").locator("input")).to_have_value(f"{first} with {second}")
    app.visit("Similarity")  # the opened groups stay open
    expect(app.key("similarity-part").locator("input")).to_have_value(f"{first} with {second}")
    back = app.key("similarity-part-back").get_by_role("button")
    back.focus()
    with app.rerun():
        back.press("Enter")
    assert "group" not in app.query()
    box = app.key("side-class").locator("input")
    box.click()
    box.type("0137")
    expect(app.page.get_by_role("option")).to_have_text(["class 0137"])
    with app.rerun():
        box.press("Enter")
    assert app.query()["selection"] == "class:class 0137"
    assert app.query()["pair"].startswith("class 0137~")
    assert app.query()["group"]
    with app.rerun():
        app.key("side-class").get_by_role("button", name="Clear").click()
    assert "selection" not in app.query()


def test_no_page_sends_an_element_for_each_class(app: AppPage):
    for page in ("", "class_geometry", "similarity", "disagreements", "calibration"):
        app.open(page, VIEW)
        assert elements(app) < MOST_ELEMENTS, page
