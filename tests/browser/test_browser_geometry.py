"""Class geometry in a real browser: a cell leads to who carries it, groups are zoomed into, lenses
act everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from browser_harness import AppPage
from playwright.sync_api import expect

from bickd_core.geometry.matching import entropies_at, matched_temperatures
from bickd_core.geometry.summary import summarise
from bickd_core.runs.library import Library

VIEW = {"teacher": "caltech95/teacher", "students": "caltech95/kd-s0~caltech95/bickd-s0"}


def choose_part(app: AppPage, name: str) -> None:
    app.key("geometry-part").get_by_role("button", name="Open").click()
    with app.rerun():
        app.page.get_by_role("option", name=name, exact=True).click()


def order_by(app: AppPage, name: str) -> None:
    with app.rerun():
        app.key("geometry-order").get_by_text(name, exact=True).click()


def test_a_cell_leads_to_the_images_that_carry_it(app: AppPage):
    app.open("class_geometry", VIEW)
    with app.rerun():
        app.key("geometry-gram-student").locator("canvas").click(position={"x": 120, "y": 160})
    row, column = app.query()["pair"].split("~")
    assert app.query()["selection"] == f"cell:caltech95/bickd-s0~{row}~{column}"
    for which in ("teacher", "student"):
        card = app.key(f"geometry-cell-{which}")
        expect(card).to_contain_text(f"of {row} and {column}")
        expect(card).to_contain_text("of 1,208 images account")
        expect(card.locator("img")).to_have_count(12)
        expect(card.locator(".bkplot svg[role=img]")).to_have_count(1)
    expect(app.key("selection-bar")).to_contain_text(f"{row} × {column} in BicKD")


def test_a_pair_of_the_ranking_is_chosen_by_click_and_by_keyboard_as_a_cell_is(app: AppPage):
    app.open("class_geometry", VIEW)
    lines = app.key("geometry-pairs").locator("tbody tr")
    expect(lines).to_have_count(10)
    expect(lines.nth(0)).to_have_attribute("aria-selected", "true")
    for place, keys in ((2, ""), (4, "ArrowDown ArrowDown Enter"), (3, "ArrowUp Space")):
        pair = "~".join(lines.nth(place).locator("td").all_inner_texts()[:2])
        with app.rerun():
            if not keys:
                lines.nth(place).click()
            for name in keys.split():
                app.page.keyboard.press(name)
        assert app.query()["pair"] == pair
        assert app.query()["selection"] == f"cell:caltech95/bickd-s0~{pair}"
        expect(lines.nth(place)).to_have_attribute("aria-selected", "true")
    first = lines.nth(0).inner_text()
    with app.rerun():
        app.key("geometry-pairs-by").get_by_text("by difference from the teacher").click()
    expect(lines.nth(0)).not_to_have_text(first)


def test_groups_are_means_and_a_click_opens_one(app: AppPage):
    app.open("class_geometry", VIEW)
    order_by(app, "superclass")
    choose_part(app, "groups of classes")
    expect(app.page.get_by_text("mean over all pairs of classes from two groups")).to_be_visible()
    box = app.key("geometry-gram-student").locator("canvas").bounding_box()
    assert box is not None
    with app.rerun():
        app.key("geometry-gram-student").locator("canvas").click(
            position={"x": 0.7 * box["width"], "y": 0.45 * box["height"]}
        )
    chosen = app.key("geometry-part").locator("input").input_value()
    assert chosen not in ("groups of classes", "all 95 classes")
    assert "selection" not in app.query()


def test_matched_entropy_acts_on_title_matrices_and_samples(app: AppPage):
    app.open("class_geometry", VIEW)
    before = app.title()
    with app.rerun():
        app.key("geometry-matching").get_by_text("mean", exact=True).click()
    main = app.page.get_by_test_id("stMain")
    expect(main).to_contain_text("the teacher's mean entropy at T = 4")
    assert app.title() != before
    assert app.query()["matching"] == "mean"
    library = Library(app.server.shelf, app.server.runs)
    teacher, bickd = (
        library.find(f"caltech95/{run}").predictions("test") for run in ("teacher", "bickd-s0")
    )
    matched = summarise(teacher, bickd, T=4.0).matched
    assert matched is not None
    assert matched.temperature > 4.5
    expect(main).to_contain_text(f"class Gram, T = {matched.temperature:.2f}")
    with app.rerun():
        app.key("geometry-matching").get_by_text("per image", exact=True).click()
    expect(main).to_contain_text("each image at the teacher's entropy for it, T = 4")
    each = matched_temperatures(
        bickd.logits, entropies_at(teacher.logits, 4.0), start=4.0
    ).temperatures
    expect(main).to_contain_text(f"class Gram, T = {np.median(each):.3g} (median)")
    assert app.query()["matching"] == "image"


def test_a_class_of_the_ranking_becomes_the_selection(app: AppPage):
    app.open("class_geometry", VIEW)
    dot = app.key("geometry-class-overlap").locator("[data-id]").first
    dot.scroll_into_view_if_needed()
    with app.rerun():
        dot.click(force=True)
    name = app.query()["selection"].removeprefix("class:")
    assert app.query()["pair"].startswith(f"{name}~")
    expect(app.key("selection-bar")).to_contain_text(f"class {name}")


def test_the_ranking_is_walked_with_the_keyboard(app: AppPage):
    app.open("class_geometry", VIEW)
    ranking = app.key("geometry-class-overlap").locator(".bkplot")
    ranking.press("ArrowDown")
    ranking.press("ArrowDown")
    said = ranking.locator(".tip").inner_text()
    with app.rerun():
        ranking.press("Enter")
    name = app.query()["selection"].removeprefix("class:")
    assert f"{name}: overlap" in said


def test_the_tooltip_of_a_plot_is_beside_its_mark(app: AppPage):
    app.open("class_geometry", VIEW)
    ranking = app.key("geometry-class-overlap").locator(".bkplot")
    for _ in range(5):
        ranking.press("ArrowDown")
    tip, mark = ranking.locator(".tip").bounding_box(), ranking.locator(".at").bounding_box()
    assert tip is not None
    assert mark is not None
    assert (
        tip["y"] + tip["height"] <= mark["y"] + mark["height"] / 2 <= tip["y"] + tip["height"] + 20
    )


def test_an_uploaded_hierarchy_is_checked_row_by_row_and_used(app: AppPage, tmp_path: Path):
    app.open(
        "class_geometry", {"teacher": "fashion-mnist/teacher", "students": "fashion-mnist/kd-s0"}
    )
    app.key("geometry-hierarchy").get_by_role("button").first.click()
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("class,superclass\nTrousers,legs\n")
    with app.rerun():
        app.page.locator('.st-key-geometry-hierarchy-file input[type="file"]').set_input_files(
            wrong
        )
    expect(app.page.get_by_text("Line 2 names class 'Trousers'")).to_be_visible()
    expect(app.page.get_by_text("did you mean 'Trouser'?")).to_be_visible()
