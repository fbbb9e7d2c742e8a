"""The lessons and the presenter's view: played with by pointer and keyboard, bookmarked, turned."""

from __future__ import annotations

import numpy as np
import pytest
from browser_harness import AppPage, AppServer, tab, until
from playwright.sync_api import Browser, expect

from app.pages.learn.page import LESSONS
from bickd_core.comparing import gradients
from bickd_core.comparing.lessons import closest_three, furthest_of_each
from bickd_core.geometry.orthogonality import class_geometry
from bickd_core.runs.library import Library

LEAST_PX = 20
"""Text of the presenter's view on a projector of 1280 x 720."""
_SIZES = """
() => {
  const found = [];
  const walk = root => {
    for (const e of root.querySelectorAll('*')) {
      if (e.shadowRoot) walk(e.shadowRoot);
      const words = [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent.trim()).join(' ').trim();
      if (!words || ['STYLE', 'SCRIPT', 'TITLE'].includes(e.tagName)) continue;
      if (e.closest('[data-testid="stIconMaterial"], [data-testid="stHeader"], [data-testid="stSidebar"]')) continue;
      const box = e.getBoundingClientRect(), style = getComputedStyle(e);
      if (box.width < 2 || box.height < 2 || style.visibility === 'hidden' || +style.opacity === 0) continue;
      const own = parseFloat(style.fontSize);
      const ctm = e instanceof SVGElement ? e.getScreenCTM() : null;
      const size = ctm ? own * Math.hypot(ctm.a, ctm.b) : own * (e.currentCSSZoom ?? 1);
      found.push([Math.round(10 * size) / 10, words.slice(0, 60), e.tagName]);
    }
  };
  walk(document.querySelector('[data-testid="stMain"]'));
  return found.sort((a, b) => a[0] - b[0]);
}
"""
NUMBERS = range(1, len(LESSONS) + 1)


def term(app: AppPage, name: str) -> float:
    words = app.key("learn-simplex").locator(f'[data-term="{name}"]').inner_text()
    return float(words.replace("−", "-"))


def terms(app: AppPage) -> list[float]:
    return [term(app, name) for name in ("kl", "sample", "class")]


@pytest.mark.parametrize("number", NUMBERS)
def test_each_lesson_opens_from_its_link(browser: Browser, server: AppServer, number):
    with tab(browser, server) as opened:
        opened.open("learn", {"lesson": str(number)})
        for scheme in ("light", "dark"):
            opened.page.emulate_media(color_scheme=scheme)
            opened.settle()
            assert opened.title() == LESSONS[number - 1].question
            assert opened.query().get("lesson", "1") == str(number)
            expect(opened.page.get_by_text("Check yourself")).to_be_visible()
            assert opened.sideways() == 0
            opened.check()


def test_the_answer_is_revealed(app: AppPage):
    app.open("learn", {"lesson": "3"})
    assert app.page.get_by_text("divide its logits by a smaller T").count() == 0
    app.page.get_by_role("button", name="Show the answer").click()
    expect(app.page.get_by_text("divide its logits by a smaller T")).to_be_visible()


def test_the_triangle_begins_with_real_logits_and_the_losses_of_training(
    app: AppPage, server: AppServer
):
    library = Library(server.shelf, server.runs)
    teacher, student = (
        library.find(f"caltech95/{name}").predictions("test") for name in ("teacher", "ce-s0")
    )
    P, Q = teacher.probabilities(4.0), student.probabilities(4.0)
    found = class_geometry(P)
    classes = list(closest_three(found.gram, found.empty))
    inner = [p[:, classes] / p[:, classes].sum(axis=1, keepdims=True) for p in (P, Q)]
    at = furthest_of_each(*inner, teacher.labels, classes, 2)
    z, t = (model.logits[np.ix_(at, classes)] for model in (student, teacher))
    losses = (
        gradients.kd(z, t),
        gradients.bickd_sample(z, t, teacher.labels[at]),
        gradients.bickd_class(z, t),
    )
    expected = [loss.value for loss in losses]
    app.open("learn", {"lesson": "2"})
    assert terms(app) == pytest.approx(expected, abs=0.006)


def test_a_dragged_point_moves_rows_columns_and_terms_without_a_call_to_python(app: AppPage):
    app.open("learn", {"lesson": "2"})
    simplex = app.key("learn-simplex")
    before, row = terms(app), simplex.locator("table").first.inner_text()
    runs = app.page.evaluate("window.__runs")
    point = simplex.locator(".pt").first.bounding_box()
    corner = simplex.locator("polygon.edge").bounding_box()
    assert point is not None
    assert corner is not None
    app.page.mouse.move(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2)
    app.page.mouse.down()
    app.page.mouse.move(corner["x"] + corner["width"] / 2, corner["y"] + 8, steps=5)
    app.page.mouse.up()
    assert terms(app) != before
    assert simplex.locator("table").first.inner_text() != row
    first = simplex.locator("table").first.locator("td").first
    assert float(first.inner_text() + ("" if first.inner_text() == "1" else "0")) > 0.9
    assert app.page.evaluate("window.__runs") == runs


def test_the_triangle_is_played_with_the_keyboard_alone(app: AppPage):
    app.open("learn", {"lesson": "2", "present": "1"})
    before = terms(app)
    point = app.key("learn-simplex").locator(".pt").nth(1)
    point.focus()
    for _ in range(3):
        point.press("ArrowLeft")
    assert terms(app) != before
    assert app.query()["lesson"] == "2", "the arrow keys of a point must not turn the page"


def test_on_the_teacher_kl_is_nothing_and_the_contrasts_are_not(app: AppPage):
    app.open("learn", {"lesson": "2"})
    app.page.get_by_role("button", name="Onto the teacher").click()
    assert term(app, "kl") == 0.0
    assert min(term(app, "sample"), term(app, "class")) > 0.1
    before = term(app, "class")
    app.page.get_by_text("T² KL").click()
    app.page.get_by_role("button", name="One step").click()
    until("the class-wise term to fall", lambda: term(app, "class") < before)
    assert term(app, "kl") > 0.0


def test_the_sentence_of_the_triangle_speaks_of_the_losses_that_are_ticked(app: AppPage):
    app.open("learn", {"lesson": "2"})
    simplex = app.key("learn-simplex")
    said, ticks = simplex.locator(".said"), simplex.get_by_role("checkbox")
    expect(said).to_contain_text("the sample-wise side's and")
    ticks.nth(1).uncheck()
    expect(said).not_to_contain_text("sample-wise")
    ticks.nth(2).uncheck()
    expect(said).to_contain_text("all of the pull on it is KL's")
    ticks.nth(0).uncheck()
    expect(said).to_contain_text("nothing pulls on it")


def test_the_temperature_of_the_triangle_is_the_temperature_of_the_page(app: AppPage):
    app.open("learn", {"lesson": "2"})
    before = terms(app)
    slider = app.key("learn-simplex").get_by_role("slider", name="Temperature T")
    with app.rerun():
        slider.press("ArrowRight")
    assert app.query()["temperature"] == "5"
    assert terms(app) != before


def test_the_temperature_acts_on_the_bars_and_the_sentence(app: AppPage):
    app.open("learn")
    assert "At T = 4" in app.key("learn-finding").inner_text()
    with app.rerun():
        app.key("learn-temperature").get_by_role("slider").press("ArrowLeft")
    assert "At T = 3" in app.key("learn-finding").inner_text()
    assert app.query()["temperature"] == "3"


def test_n_neighbors_and_the_start_change_the_measured_displacement(app: AppPage):
    app.open("learn", {"lesson": "5"})
    words = app.key("learn-finding").inner_text()
    with app.rerun():
        app.key("learn-neighbours").get_by_role("slider").press("ArrowRight")
    at_thirty = app.key("learn-finding").inner_text()
    assert "n_neighbors = 30" in at_thirty
    with app.rerun():
        app.page.get_by_text("PCA", exact=True).click()
    assert len({words, at_thirty, app.key("learn-finding").inner_text()}) == 3


def test_keys_turn_the_presenters_pages_and_escape_leaves(app: AppPage):
    app.open("learn", {"present": "1"})
    expect(app.page.get_by_test_id("stSidebar")).to_be_hidden()
    for key, lesson in (
        ("ArrowRight", "2"),
        ("PageDown", "3"),
        ("ArrowLeft", "2"),
        ("PageUp", "1"),
    ):
        with app.rerun():
            app.page.keyboard.press(key)
        assert app.query().get("lesson", "1") == lesson
        assert app.query()["present"] == "1"
        assert app.title() == LESSONS[int(lesson) - 1].question
    with app.rerun():
        app.page.keyboard.press("Escape")
    assert "present" not in app.query()
    expect(app.page.get_by_test_id("stSidebar")).to_be_visible()


def test_page_keys_turn_from_a_slider_and_arrows_from_the_row_of_lessons(app: AppPage):
    app.open("learn", {"present": "1"})
    slider = app.key("learn-temperature").get_by_role("slider")
    with app.rerun():
        slider.press("ArrowRight")
    assert (app.query()["temperature"], app.query().get("lesson")) == ("5", None)
    with app.rerun():
        slider.press("PageDown")
    assert (app.query()["temperature"], app.query()["lesson"]) == ("5", "2")
    with app.rerun():
        app.page.get_by_text("4 Three losses").click()
    with app.rerun():
        app.page.keyboard.press("ArrowRight")
    assert app.query()["lesson"] == "5"


def test_a_point_stays_under_the_pointer_on_an_enlarged_page(browser: Browser, server: AppServer):
    with tab(browser, server, width=1920, height=1080) as opened:
        opened.open("learn", {"lesson": "2", "present": "1"})
        point = opened.key("learn-simplex").locator(".pt").first
        place = point.bounding_box()
        triangle = opened.key("learn-simplex").locator("polygon.edge").bounding_box()
        assert place is not None
        assert triangle is not None
        goal = (triangle["x"] + 0.5 * triangle["width"], triangle["y"] + 0.6 * triangle["height"])
        opened.page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        opened.page.mouse.down()
        opened.page.mouse.move(*goal, steps=4)
        opened.page.mouse.up()
        there = point.locator("circle").bounding_box()
        assert there is not None
        assert there["x"] + there["width"] / 2 == pytest.approx(goal[0], abs=2)
        assert there["y"] + there["height"] / 2 == pytest.approx(goal[1], abs=2)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_presented_lesson_fits_the_projector_and_can_be_read_from_the_last_row(
    browser: Browser, server: AppServer, number
):
    """On a small and a large projector. On the small one, every text that is shown, Plotly's and
    the components' too, has a readable size on the screen."""
    room = (
        "(() => { const m = document.querySelector('[data-testid=\"stMain\"]'); return"
        " m.scrollHeight - m.clientHeight; })()"
    )
    link = {"lesson": str(number), "present": "1"}
    with tab(browser, server, width=1280, height=720) as opened:
        opened.open("learn", link)

        def small() -> list:
            return [text for text in opened.page.evaluate(_SIZES) if text[0] < LEAST_PX]

        until("the charts to be enlarged", lambda: not small())
        assert len(opened.page.evaluate(_SIZES)) > 20
        assert opened.query() | link == opened.query() | {"present": "1", "lesson": str(number)}
        for width, height in ((1280, 720), (1920, 1080)):
            opened.page.set_viewport_size({"width": width, "height": height})
            opened.settle()
            assert opened.page.evaluate(room) <= 0, f"at {width} px"
            assert opened.sideways() == 0, f"at {width} px"
        opened.page.set_viewport_size({"width": 390, "height": 844})
        opened.settle()
        assert opened.sideways() == 0, "on a phone"
        opened.check()


def test_the_link_of_a_presented_lesson_opens_again(app: AppPage):
    app.open("learn", {"lesson": "4", "present": "1"})
    app.reload()
    assert app.title() == LESSONS[3].question
    assert app.query()["present"] == "1"
    expect(app.page.get_by_test_id("stSidebar")).to_be_hidden()


def test_other_data_and_no_student_are_met_with_words(app: AppPage):
    app.open("learn", {"teacher": "caltech95/teacher", "lesson": "2"})
    expect(app.page.get_by_text("needs a student")).to_be_visible()
    for number in ("1", "2", "3", "4"):
        app.open(
            "learn",
            {
                "teacher": "fashion-mnist/teacher",
                "students": "fashion-mnist/kd-s0",
                "lesson": number,
            },
        )
        app.check()
        assert app.title() == LESSONS[int(number) - 1].question


def test_escape_closes_the_answer_first_and_then_the_presenters_view(app: AppPage):
    app.open("learn", {"present": "1"})
    app.page.get_by_role("button", name="Show the answer").click()
    answer = app.page.get_by_test_id("stPopoverBody")
    expect(answer).to_be_visible()
    app.page.keyboard.press("Escape")
    expect(answer).to_be_hidden()
    assert app.query()["present"] == "1"
    with app.rerun():
        app.page.keyboard.press("Escape")
    assert "present" not in app.query()


def test_the_first_lesson_opens_with_an_image_that_the_teacher_gets_right(app: AppPage):
    app.open("learn")
    finding = app.key("learn-finding").inner_text()
    assert finding.startswith("The teacher predicts")
    assert "which is right." in finding
    main = app.page.get_by_test_id("stMain").inner_text()
    assert main.index("Overlap is the mean cosine") < main.index("the overlap of the classes is")


def test_the_triangle_has_fewer_cells_on_a_projector(app: AppPage):
    cells = []
    for link in ({"lesson": "2"}, {"lesson": "2", "present": "1"}):
        app.open("learn", link)
        cells.append(app.key("learn-simplex").locator("td").count())
    assert cells == [6 * 3 + 6 * 3 + 6 * 6 + 3 * 3, 4 * 9]
