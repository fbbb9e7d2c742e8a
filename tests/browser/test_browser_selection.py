"""The selection: made by a click, shown as a chip, kept, cleared, and in the link."""

from __future__ import annotations

from browser_harness import AppPage
from playwright.sync_api import expect

from app.registry import PAGES

VIEW = {"teacher": "caltech95/teacher", "students": "caltech95/kd-s0~caltech95/bickd-s0"}
RULE = "cell:caltech95/kd-s0~crab~lobster"
NOT_OVER_A_COMPARISON = ("bring_your_own", "distill", "runs", "learn")
"""Pages that show no samples, and so no chip; the link keeps the selection there all the same."""


def chip(app: AppPage):
    return app.key("selection-bar")


def test_a_click_on_a_cell_makes_the_chip_and_clear_takes_it_away(app: AppPage):
    app.open("", VIEW)
    expect(chip(app)).to_have_count(0)
    matrix = app.key("overview-gram-caltech95-bickd-s0").locator("canvas")
    with app.rerun():
        matrix.click(position={"x": 100, "y": 140})
    row, column = app.query()["pair"].split("~")
    assert app.query()["selection"] == f"cell:caltech95/bickd-s0~{row}~{column}"
    expect(chip(app)).to_contain_text(f"{row} × {column} in BicKD")
    with app.rerun():
        app.key("selection-clear").get_by_role("button").click()
    expect(chip(app)).to_have_count(0)
    assert "selection" not in app.query()


def test_a_link_brings_the_selection_and_its_images(app: AppPage):
    app.open("", VIEW | {"selection": RULE})
    expect(chip(app)).to_contain_text("crab × lobster in KD")
    count = int(chip(app).locator(".bk-chip").get_attribute("data-count") or 0)
    chip(app).get_by_role("button", name="Images").click()
    pictures = app.key("selection-images").locator("img")
    expect(pictures).to_have_count(min(24, count))


def test_a_selection_is_kept_under_a_name_and_chosen_again(app: AppPage):
    app.open("class_geometry", VIEW | {"selection": "class:crab"})
    before = chip(app).locator(".bk-chip").get_attribute("data-count")
    chip(app).get_by_role("button", name="Save").click()
    app.key("selection-name").locator("input").fill("all the crabs")
    with app.rerun():
        app.key("selection-name").locator("input").press("Enter")
    with app.rerun():
        app.key("selection-keep").get_by_role("button").click()
    assert app.query()["selection"] == "kept:all the crabs"
    assert chip(app).locator(".bk-chip").get_attribute("data-count") == before
    app.open("", VIEW)
    app.key("side-kept").scroll_into_view_if_needed()
    app.settle()  # an open list closes when the sidebar scrolls
    app.key("side-kept").get_by_role("button", name="Open").click()
    with app.rerun():
        app.page.get_by_role("option", name="all the crabs").click()
    expect(chip(app)).to_contain_text("all the crabs")


def test_a_selection_that_does_not_fit_says_why(app: AppPage):
    app.open("", VIEW | {"selection": "cell:caltech95/ce-s0~crab~lobster"})
    expect(chip(app)).to_contain_text("which is not compared here")
    app.open("", VIEW | {"selection": "nonsense"})
    expect(chip(app)).to_contain_text("A selection reads 'kind:arguments'")


def selected_on_maps(app: AppPage) -> list[str]:
    """What each map panel says of how many of its points are marked."""
    return app.page.locator("[data-selected-count]").evaluate_all(
        "parts => parts.map(part => part.dataset.selectedCount)"
    )


def test_a_cell_of_a_gram_is_marked_on_every_map(app: AppPage):
    app.open("class_geometry", VIEW | {"student": "caltech95/bickd-s0"})
    with app.rerun():
        app.key("geometry-gram-student").locator("canvas").click(position={"x": 120, "y": 200})
    row, column = app.query()["pair"].split("~")
    count = chip(app).locator(".bk-chip").get_attribute("data-count")
    app.visit("Prediction map")
    assert app.query()["selection"] == f"cell:caltech95/bickd-s0~{row}~{column}"
    assert set(selected_on_maps(app)) == {count}
    expect(chip(app)).to_contain_text(f"{row} × {column} in BicKD")


def test_a_link_restores_everything_on_every_page(app: AppPage):
    link = VIEW | {
        "student": "caltech95/kd-s0",
        "pair": "crab~lobster",
        "selection": RULE,
        "temperature": "2",
        "epoch": "7",
    }
    app.open("", link)
    count = chip(app).locator(".bk-chip").get_attribute("data-count")
    for page in PAGES:
        if page.hidden or page.path in NOT_OVER_A_COMPARISON:
            continue
        app.visit(page.title)
        assert app.query() == link, page.title
        assert chip(app).locator(".bk-chip").get_attribute("data-count") == count, page.title
    app.reload()
    assert app.query() == link
    assert chip(app).locator(".bk-chip").get_attribute("data-count") == count
