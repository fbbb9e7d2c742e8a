"""Similarity in the browser: a cell leads to its samples, by pointer and by keyboard; the measures
change basis."""

from __future__ import annotations

from browser_harness import AppPage
from playwright.sync_api import expect

VIEW = {"teacher": "caltech95/teacher", "students": "caltech95/kd-s0~caltech95/bickd-s0"}


def chip(app: AppPage):
    return app.key("selection-bar")


def test_a_class_cell_selects_what_carries_it(app: AppPage):
    app.open("similarity", VIEW)
    expect(chip(app)).to_have_count(0)
    with app.rerun():
        app.key("similarity-class").locator("canvas").click(position={"x": 100, "y": 140})
    row, column = app.query()["pair"].split("~")
    assert row != column
    assert app.query()["selection"] == f"cross:caltech95/bickd-s0~{row}~{column}"
    expect(chip(app)).to_contain_text(f"the teacher's {row} × {column} in BicKD")
    expect(app.page.get_by_role("heading", name="Images of the selection")).to_be_visible()
    again = app.query()
    app.reload()
    assert app.query() == again
    expect(chip(app)).to_contain_text(f"the teacher's {row} × {column} in BicKD")


def test_a_sample_cell_selects_its_classes_from_the_keyboard(app: AppPage):
    app.open("similarity", VIEW)
    matrix = app.key("similarity-sample").get_by_role("application")
    matrix.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        matrix.press(key)
    with app.rerun():
        matrix.press("Enter")
    row, column = app.query()["pair"].split("~")
    names = dict.fromkeys((row, column))
    assert app.query()["selection"] == f"class:{'~'.join(names)}"
    expect(chip(app)).to_contain_text(
        f"classes {row} and {column}" if len(names) == 2 else f"class {row}"
    )


def test_measures_are_shown_for_features_too_and_layers_for_the_student_in_focus(app: AppPage):
    app.open("similarity", VIEW)
    rsa = app.key("similarity-rsa")
    expect(rsa).to_contain_text("Hellinger")
    expect(rsa).to_contain_text("beyond chance")
    with app.rerun():
        app.key("similarity-basis").get_by_text("penultimate features").click()
    expect(rsa).to_contain_text("Euclidean")
    layers = app.key("similarity-layers")
    expect(layers).to_contain_text("BicKD's layers")
    with app.rerun():
        app.key("similarity-student").get_by_text("KD", exact=True).click()
    expect(app.key("similarity-layers")).to_contain_text("KD's layers")


def test_a_page_that_asks_for_a_student_keeps_its_link(app: AppPage):
    app.open("similarity", {"teacher": "fashion-mnist/teacher"})
    expect(app.page.get_by_text("Choose one to four students in the sidebar")).to_be_visible()
    expect(app.page.get_by_role("button", name="Copy link")).to_be_visible()
    app.visit("Overview").visit("Similarity")
    assert app.query() == {"teacher": "fashion-mnist/teacher"}
