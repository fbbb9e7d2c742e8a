"""Links: what is on the screen is in the address, and comes back from it; what cannot be compared
is refused."""

from __future__ import annotations

import numpy as np
import pytest
from browser_harness import AppPage, AppServer, until
from playwright.sync_api import expect

from bickd_core.runs.library import Library, RunFolder
from bickd_core.runs.predictions import Predictions

TEACHER, STUDENTS = "caltech95/teacher", "caltech95/kd-s1~caltech95/bickd-s2"
LINK = {"teacher": TEACHER, "students": STUDENTS, "temperature": "2", "split": "validation"}


def test_a_link_opens_the_same_comparison_temperature_and_page(app: AppPage):
    app.open("class_geometry", LINK)
    assert app.query() == LINK
    assert "T = 2" in app.page.get_by_test_id("stMain").inner_text()
    title = app.title()
    app.reload()
    assert app.query() == LINK
    assert app.title() == title
    assert app.page.url.split("?")[0].endswith("/class_geometry")


def test_the_link_stays_on_the_way_through_the_pages(app: AppPage):
    app.open("", LINK)
    for title in ("Similarity", "Runs", "Prediction map", "Overview"):
        app.visit(title)
        assert {name: app.query().get(name) for name in LINK} == LINK


def test_a_click_on_a_cell_puts_its_pair_in_the_link_and_its_images_on_the_page(app: AppPage):
    app.open("class_geometry")
    matrix = app.key("geometry-gram-teacher").locator("canvas")
    area = matrix.bounding_box()
    assert area is not None
    with app.rerun():
        matrix.click(position={"x": 0.4 * area["width"], "y": 0.6 * area["height"]})
    row, column = app.query()["pair"].split("~")
    assert app.query()["selection"] == f"cell:{TEACHER}~{row}~{column}"
    assert row != column
    expect(app.key("geometry-pair-0").locator("input")).to_have_value(row)
    expect(app.key("geometry-pair-1").locator("input")).to_have_value(column)


def test_back_and_forward_step_through_views_and_pages(app: AppPage):
    app.open("disagreements", LINK)
    begin = app.page.evaluate("history.length")
    with app.rerun():
        app.key("outcome-first").get_by_role("button").click()
    rule = app.query()["selection"]
    chip = app.key("selection-bar").locator(".bk-chip")
    expect(chip).to_be_visible()
    app.key("outcome-images").locator("a").nth(1).click()
    until("the sample in the link", lambda: "sample" in app.query())
    app.settle()
    app.visit("Calibration")
    assert app.page.evaluate("history.length") == begin + 3  # one for each thing that was done

    def at(page: str, **query: str) -> bool:
        there = {name: app.query().get(name) for name in ("selection", "sample")}
        wanted = {name: query.get(name) for name in there}
        return app.page.url.split("?")[0].endswith(f"/{page}") and there == wanted

    sample = app.query()["sample"]
    for page, query in (
        ("sample", {"selection": rule, "sample": sample}),
        ("disagreements", {"selection": rule}),
        ("disagreements", {}),
    ):
        with app.rerun():
            app.page.go_back(wait_until="commit")
        until(f"the view of {page}", lambda page=page, query=query: at(page, **query))
        app.settle()
    expect(chip).to_have_count(0)
    app.page.go_forward(wait_until="commit")
    until("the selection again", lambda: at("disagreements", selection=rule))
    expect(chip).to_be_visible()
    assert {name: app.query()[name] for name in LINK} == LINK


_TO_SAMPLE = """({query, after}) => {
  const begin = history.length;
  history.pushState({}, '', `${location.pathname}?${query}`);
  if (after) document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'Shift', bubbles: true}));
  history.pushState({}, '', `${location.pathname.replace(/[^/]*$/, 'sample')}?${query}`);
  return history.length - begin;
}"""


def test_a_page_whose_query_came_first_is_one_step(app: AppPage):
    """Streamlit's order of the two on a busy browser, where the path waits for a drawing of the
    page."""
    app.open("disagreements", LINK)
    assert app.page.evaluate(_TO_SAMPLE, {"query": "sample=820", "after": False}) == 1
    app.open("disagreements", LINK)
    assert (
        app.page.evaluate(_TO_SAMPLE, {"query": "sample=820", "after": True}) == 2
    )  # two acts, two steps


def copy_with(server: AppServer, name: str, change) -> None:
    """A run of one's own: a bundled student with other predictions."""
    library = Library(server.shelf, server.runs)
    source = library.find("caltech95/kd-s0")
    made = RunFolder.create(server.runs, source.info().model_copy(update={"name": name}))
    change(source.predictions("test")).save(made.predictions_path("test"))
    made.write_status(source.status())


def test_other_samples_and_another_class_order_are_aligned_by_id(app: AppPage, server: AppServer):
    def change(all_of_them: Predictions) -> Predictions:
        shuffled = np.random.default_rng(0).permutation(len(all_of_them))[:700]
        return all_of_them.take(shuffled).with_class_order(all_of_them.class_names[::-1])

    copy_with(server, "fewer", change)
    app.open("", {"teacher": TEACHER, "students": "caltech95/kd-s0~fewer"})
    words = app.page.get_by_test_id("stMain").inner_text()
    assert "the 700 samples that all models share, out of 1,208" in words


def test_predictions_on_other_samples_are_refused_with_a_sentence(app: AppPage, server: AppServer):
    def change(all_of_them: Predictions) -> Predictions:
        from dataclasses import replace

        return replace(all_of_them, ids=all_of_them.ids + 1_000_000)

    copy_with(server, "strangers", change)
    app.open("", {"teacher": TEACHER, "students": "strangers"})
    assert app.title() == "This comparison cannot be shown"
    expect(app.page.get_by_text("no sample in common")).to_be_visible()


def test_a_cell_is_reached_with_the_keyboard_alone(app: AppPage):
    app.open("class_geometry", LINK | {"pair": "crab~lobster"})
    matrix = app.key("geometry-gram-teacher").get_by_role("application")
    matrix.focus()
    for _ in range(3):
        matrix.press("ArrowRight")
    with app.rerun():
        matrix.press("Enter")
    row, column = app.query()["pair"].split("~")
    assert row == "crab"
    assert column not in ("crab", "lobster")


def test_matrices_zoom_together(app: AppPage):
    app.open("class_geometry")
    left, right = (
        app.key(f"geometry-gram-{which}").locator("canvas") for which in ("teacher", "student")
    )
    area = left.bounding_box()
    assert area is not None
    before = right.evaluate("canvas => canvas.toDataURL()")
    app.page.mouse.move(area["x"] + 0.4 * area["width"], area["y"] + 60)
    app.page.mouse.down()
    app.page.mouse.move(area["x"] + 0.6 * area["width"], area["y"] + 180, steps=3)
    app.page.mouse.up()
    assert right.evaluate("canvas => canvas.toDataURL()") != before
    left.dblclick()
    app.page.mouse.move(2, 2)
    assert right.evaluate("canvas => canvas.toDataURL()") == before


@pytest.mark.parametrize(
    ("given", "matching", "button", "word", "said"),
    [
        (
            {"matching": "image"},
            "image",
            "per image",
            "image",
            "matched per sample, columns centred",
        ),
        (
            {"matching": "mean"},
            "mean",
            "mean",
            "matched",
            "at matched mean entropy, columns centred",
        ),
        (
            {"matched": "1"},
            "mean",
            "mean",
            "matched",
            "at matched mean entropy, columns centred",
        ),  # an old link
    ],
)
def test_a_link_restores_switches_order_map_and_the_cell_that_the_matrix_showed(
    app: AppPage, given: dict[str, str], matching: str, button: str, word: str, said: str
):
    link = {"order": "name", "matching": matching, "centred": "1"}
    app.open("class_geometry", {"order": "name", "centred": "1", **given})
    assert app.query().items() >= link.items()
    expect(app.key("geometry-order").get_by_role("radio", checked=True)).to_have_text("name")
    expect(app.key("geometry-matching").get_by_role("radio", checked=True)).to_have_text(button)
    expect(app.key("geometry-centred").locator("input")).to_be_checked()
    matrix = app.key("geometry-gram-student").locator("canvas")
    area = matrix.bounding_box()
    assert area is not None
    with app.rerun():
        matrix.click(position={"x": 0.4 * area["width"], "y": 0.6 * area["height"]})
    assert app.query()["selection"].endswith(f"~{word}~centred")
    count = app.page.locator(".bk-chip").get_attribute("data-count")
    expect(app.key("geometry-cell-student")).to_contain_text(f"{count} of 1,208 images account")
    expect(app.page.locator(".bk-chip")).to_contain_text(said)
    app.visit("Prediction map")
    with app.rerun():
        app.key("map-method").get_by_text("PCA").click()
    with app.rerun():
        app.key("map-colour").get_by_text("displacement").click()
    assert app.query().items() >= {**link, "layout": "pca", "colour": "displacement"}.items()
    app.reload()
    expect(app.key("map-method").get_by_role("radio", checked=True)).to_have_text("PCA")
    expect(app.page.locator(".bk-chip")).to_have_attribute("data-count", str(count))


def test_what_a_link_says_and_is_not_known_falls_back_with_a_warning(app: AppPage):
    app.open("prediction_map", {"layout": "tsne", "temperature": "4.0"})
    said = app.page.get_by_text(
        "The link's layout “tsne” cannot be shown, so umap is used instead."
    )
    expect(said).to_be_visible()
    assert "layout" not in app.query()
    with app.rerun():
        app.key("map-method").get_by_text("PCA").click()
    with app.rerun():
        app.key("map-student").get_by_role("radio").first.click()
    expect(said).to_have_count(0)
