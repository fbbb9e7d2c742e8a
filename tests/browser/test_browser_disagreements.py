"""Disagreements: a count, a cell and the choice of models lead to samples and stand in the link."""

from __future__ import annotations

import re
import shutil

from browser_harness import AppPage
from playwright.sync_api import expect

from bickd_core.runs.library import Library

TEACHER, KD, BICKD = "caltech95/teacher", "caltech95/kd-s0", "caltech95/bickd-s0"
VIEW = {"teacher": TEACHER, "students": f"{KD}~{BICKD}", "student": BICKD}


def number(words: str) -> int:
    found = re.search(r"[\d,]+", words)
    assert found is not None
    return int(found.group().replace(",", ""))


def test_a_count_selects_its_samples_and_shows_their_images(app: AppPage):
    app.open("disagreements", VIEW)
    cells = {
        part: app.key(f"outcome-{part}").get_by_role("button")
        for part in ("both", "first", "second", "neither")
    }
    counts = {part: number(cell.inner_text()) for part, cell in cells.items()}
    assert sum(counts.values()) == 1208
    with app.rerun():
        cells["first"].click()
    rule = f"outcome:{BICKD}~{TEACHER}~first"
    assert app.query()["selection"] == rule
    chip = app.key("selection-bar").locator(".bk-chip")
    expect(chip).to_have_attribute("data-count", str(counts["first"]))
    expect(app.key("outcome-images").locator("img")).to_have_count(min(15, counts["first"]))
    captions = app.key("outcome-images").locator("figcaption").all_inner_texts()
    for caption in captions:
        true, said = caption.split("\n")
        assert said.split(" | ")[0] == true
        assert said.split(" | ")[1] != true
    app.reload()
    assert app.query()["selection"] == rule
    expect(app.key("outcome-images").locator("img")).to_have_count(min(15, counts["first"]))


def test_two_students_are_held_against_each_other_in_the_link(app: AppPage):
    app.open("disagreements", VIEW)
    with app.rerun():
        app.key("disagreements-against").get_by_role("radio", name="KD").click()
    assert app.query()["against"] == KD
    assert "KD" in app.title()
    with app.rerun():
        app.key("outcome-second").get_by_role("button").click()
    assert app.query()["selection"] == f"outcome:{BICKD}~{KD}~second"
    app.reload()
    expect(app.key("selection-bar")).to_contain_text("only KD right, not BicKD")
    expect(app.key("outcome-second")).to_contain_text("only KD right")


def test_a_cell_of_the_confusion_difference_selects_with_the_keyboard_alone(app: AppPage):
    app.open("disagreements", VIEW | {"selection": f"confusion:{BICKD}~lotus~water lilly"})
    cells = app.key("confusion-matrix").get_by_role("application")
    cells.focus()
    cells.press("ArrowLeft")
    cells.press("ArrowRight")
    with app.rerun():
        cells.press("Enter")
    assert app.query()["selection"] == f"confusion:{BICKD}~lotus~water lilly"
    count = int(app.key("selection-bar").locator(".bk-chip").get_attribute("data-count") or 0)
    captions = app.key("outcome-images").locator("figcaption").all_inner_texts()
    assert len(captions) == count > 0
    assert all(caption.startswith("lotus\nwater lilly |") for caption in captions)


def test_the_most_displaced_samples_lead_to_their_pages(app: AppPage):
    app.open("disagreements", VIEW)
    cards = app.key("disagreements-displaced").locator(".bk-pair")
    assert cards.count() == 12
    with app.rerun():
        cards.first.locator("a").click()
    assert app.page.url.split("?")[0].endswith("/sample")
    assert app.query()["student"] == BICKD


def test_a_click_after_a_run_was_deleted_elsewhere_says_so(app: AppPage):
    library = Library(app.server.shelf, app.server.runs)
    shutil.copytree(app.server.shelf / KD, library.own / "for-a-while")
    run = library.find("for-a-while")
    run.write_info(run.info().model_copy(update={"name": run.key}))
    app.open("disagreements", {"teacher": TEACHER, "students": run.key, "student": run.key})
    button = app.key("outcome-first").get_by_role("button")
    expect(button).to_be_visible()
    shutil.rmtree(run.path)
    with app.rerun():
        button.click()
    expect(app.page.get_by_text("This comparison cannot be shown")).to_be_visible()
