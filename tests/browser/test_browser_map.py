"""The linked maps in a real browser: lasso, keyboard, link and what the panels mark."""

from __future__ import annotations

from browser_harness import AppPage
from playwright.sync_api import Locator, expect

SMALL = {"teacher": "caltech95/teacher", "students": "caltech95/kd-s0~caltech95/bickd-s0"}


def panels(app: AppPage, key: str = "map-panels") -> Locator:
    return app.key(key).locator("figure")


def lasso(
    app: AppPage, panel: Locator, *, left: float, top: float, right: float, bottom: float
) -> None:
    """Drag round a rectangle, given as shares of the panel's canvas."""
    area = panel.locator("canvas.over").bounding_box()
    assert area is not None
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    places = [(area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in corners]
    app.page.mouse.move(*places[0])
    app.page.mouse.down()
    for place in places[1:]:
        app.page.mouse.move(*place, steps=4)
    app.page.mouse.up()


def counts(app: AppPage, key: str = "map-panels") -> list[int]:
    found = panels(app, key).evaluate_all(
        "figures => figures.map(figure => figure.dataset.selectedCount)"
    )
    return [int(count) for count in found]


def pick_some(app: AppPage) -> int:
    """Lasso the right half of the second panel; how many samples that marks."""
    panels(app).nth(1).scroll_into_view_if_needed()
    with app.rerun():
        lasso(app, panels(app).nth(1), left=0.5, top=0.02, right=0.98, bottom=0.98)
    return counts(app)[1]


def test_a_lasso_on_one_map_marks_the_same_samples_on_all_and_shows_them(app: AppPage):
    app.open("prediction_map", SMALL)
    assert counts(app) == [0, 0, 0]
    chosen = pick_some(app)
    assert 8 < chosen < 1208
    assert counts(app) == [chosen] * 3
    assert app.query()["selection"].startswith("kept:")
    expect(app.page.locator(".bk-chip")).to_have_attribute("data-count", str(chosen))
    assert app.key("map-images").locator("img").count() == min(24, chosen)
    expect(app.page.get_by_role("heading", name="The selection")).to_be_visible()


def test_the_selection_is_there_after_a_reload_and_on_other_pages(app: AppPage):
    app.open("prediction_map", SMALL)
    chosen = pick_some(app)
    link = app.query()
    app.reload()
    assert app.query() == link
    assert counts(app) == [chosen] * 3
    app.visit("Overview")
    expect(app.page.locator(".bk-chip")).to_have_attribute("data-count", str(chosen))
    assert set(counts(app, "overview-maps")) == {chosen}


def test_escape_and_the_chip_clear_it(app: AppPage):
    app.open("prediction_map", SMALL)
    pick_some(app)
    with app.rerun():
        app.key("map-panels").get_by_role("application").press("Escape")
    assert counts(app) == [0, 0, 0]
    assert "selection" not in app.query()
    pick_some(app)
    with app.rerun():
        app.key("selection-clear").get_by_role("button").click()
    assert counts(app) == [0, 0, 0]


def test_a_selection_of_another_page_is_shown(app: AppPage):
    app.open("prediction_map", SMALL | {"selection": "class:crab"})
    assert counts(app) == [14, 14, 14]


def test_samples_are_reached_and_picked_with_the_keyboard_alone(app: AppPage):
    app.open("prediction_map", SMALL)
    maps = app.key("map-panels").get_by_role("application")
    maps.focus()
    maps.press("ArrowRight")
    root = app.key("map-panels").locator(".bks")
    first = root.get_attribute("data-hover")
    maps.press("ArrowRight")
    second = root.get_attribute("data-hover")
    assert first != second
    with app.rerun():
        maps.press("Enter")
    assert app.query()["selection"] == f"samples:{second}"
    assert counts(app) == [1, 1, 1]


def test_the_wheel_moves_all_maps_together_once_they_have_the_focus(app: AppPage):
    app.open("prediction_map", SMALL)
    canvas = [panels(app).nth(i).locator("canvas.base") for i in range(3)]
    before = [one.evaluate("canvas => canvas.toDataURL()") for one in canvas]
    area = canvas[0].bounding_box()
    assert area is not None
    app.key("map-panels").get_by_role("application").focus()
    app.page.mouse.move(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)
    app.page.mouse.wheel(0, -300)
    drawn = "([before, canvas]) => canvas.toDataURL() !== before"
    for one, old in zip(canvas, before, strict=True):
        app.page.wait_for_function(drawn, arg=[old, one.element_handle()])
    app.key("map-panels").get_by_role("button", name="Show the whole map").click()
    again = "([before, canvas]) => canvas.toDataURL() === before"
    app.page.wait_for_function(again, arg=[before[2], canvas[2].element_handle()])


def test_hovering_shows_the_image_and_what_each_model_says(app: AppPage):
    app.open("prediction_map", SMALL | {"selection": "class:crab"})
    maps = app.key("map-panels").get_by_role("application")
    maps.focus()
    maps.press("ArrowRight")
    tip = app.key("map-panels").locator(".tip")
    expect(tip).to_be_visible()
    expect(tip.locator(".row")).to_have_count(3)
    expect(tip.locator(".picture")).to_be_visible()


def test_three_classes_stand_in_their_triangle(app: AppPage):
    app.open("prediction_map", SMALL | {"pair": "crab~lobster"})
    with app.rerun():
        app.key("map-method").get_by_text("Three classes").click()
    words = app.page.get_by_test_id("stMain").inner_text()
    assert "Mean probability outside the three classes: teacher" in words
    notes = panels(app).locator(".note").all_inner_texts()
    assert all(note.endswith("of 1,208 images") for note in notes)
    with app.rerun():
        lasso(app, panels(app).nth(0), left=0.02, top=0.02, right=0.98, bottom=0.98)
    assert counts(app)[0] > 0


def test_a_missing_map_can_be_asked_for_and_stopped(app: AppPage):
    app.open("prediction_map", SMALL)
    with app.rerun():
        app.key("map-method").get_by_text("Aligned UMAP").click()
    expect(app.page.get_by_text("There is no Aligned UMAP map")).to_be_visible()
    expect(app.page.get_by_text("Below is a PCA instead.")).to_be_visible()
    expect(panels(app)).to_have_count(3)
    app.key("map-make").get_by_role("button").click()
    stop = app.key("map-stop").get_by_role("button")
    expect(stop).to_be_visible()
    stop.click()
    expect(app.page.get_by_text("unfinished ones are discarded")).to_be_visible()
    expect(app.key("map-make").get_by_role("button")).to_be_visible()


PLACES = """
box => {
  let root = box;
  while (!root.bkView) root = root.parentNode;
  return [...root.bkView.maps.panels[0].places];
}
"""


def test_shift_and_click_add_single_samples_and_a_double_click_clears(app: AppPage):
    app.open("prediction_map", SMALL)
    places = app.key("map-panels").locator(".bks").evaluate(PLACES)
    canvas = panels(app).nth(0).locator("canvas.over")
    one, two = lonely(places)
    for i, count in ((one, 1), (two, 2)):
        with app.rerun():
            canvas.click(position={"x": places[2 * i], "y": places[2 * i + 1]}, modifiers=["Shift"])
        assert counts(app) == [count] * 3
    assert app.query()["selection"].startswith("samples:")
    with app.rerun():
        canvas.dblclick(position={"x": 3, "y": 3})
    assert counts(app) == [0, 0, 0]


def lonely(places: list[float]) -> tuple[int, int]:
    """The two samples whose nearest neighbour on the map is farthest."""
    points = list(zip(places[::2], places[1::2], strict=True))
    gaps = [
        min((x - u) ** 2 + (y - v) ** 2 for j, (u, v) in enumerate(points) if j != i)
        for i, (x, y) in enumerate(points)
    ]
    first, second = sorted(range(len(points)), key=gaps.__getitem__)[-2:]
    return first, second
