"""Scripts of the components, each alone on an empty page."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from app.components import export_menu, matrix
from app.components.browser_part import module, source
from app.pages.by_epoch import player
from app.pages.learn import simplex
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.theme import LIGHT, ModelStyle

MOUNT = """async ({name, script, data}) => {
  const id = `component-${name}`;
  let box = document.getElementById(id);
  if (!box) {
    box = document.body.appendChild(document.createElement('div'));
    box.id = id;
  }
  window.scripts ??= {};
  window.scripts[name] ??= await import(`data:text/javascript;base64,${script}`);
  window.sent = [];
  scripts[name].default({data, parentElement: box, setTriggerValue: (...sent) => window.sent.push(sent)});
}"""
FIRE = """(element, [kind, name, init]) => {
  const event = new window[kind](name, {bubbles: true, cancelable: true, ...init});
  element.setPointerCapture = () => {};
  element.dispatchEvent(event);
  return event.defaultPrevented;
}"""
GRAM = np.array([[1.0, 0.1], [0.1, 1.0]])


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    problems: list[str] = []
    opened = browser.new_page(viewport={"width": 500, "height": 900})
    opened.on("pageerror", lambda error: problems.append(str(error)))
    yield opened
    opened.close()
    assert not problems


def mount(page: Page, name: str, data: dict[str, Any]) -> None:
    script = base64.b64encode(module(f"{name}.js").encode()).decode()
    page.evaluate(MOUNT, {"name": name, "script": script, "data": data})


def fire(page: Page, selector: str, kind: str, name: str, **init: Any) -> bool:
    """Send an event; return whether the script took it from the browser."""
    return page.locator(selector).first.evaluate(FIRE, [kind, name, init])


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `show` of a component's module sent last."""
    found: dict[str, Any] = {}

    def mounted(*, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        found.clear()
        found.update(data)
        return {}

    for owner in (matrix, player, simplex):
        monkeypatch.setattr(owner, "_component", mounted)
    monkeypatch.setattr(export_menu, "offer", lambda *_, **__: None)
    return found


def show_matrix(page: Page, sent: dict[str, Any], values: np.ndarray, **options: Any) -> None:
    matrix.show(MatrixScene(values, ["cat", "dog"], **options), "m", theme=LIGHT)
    mount(page, "matrix", sent)


def show_player(page: Page, sent: dict[str, Any], turn: int = 0) -> None:
    """Show a model of five epochs."""
    figures = SimpleNamespace(
        epochs=np.arange(1, 6), grams=np.stack([GRAM] * 5), overlap=np.linspace(0.5, 0.1, 5),
        accuracy=np.linspace(0.1, 0.5, 5), agreement=None,
    )  # fmt: skip
    course = SimpleNamespace(model=SimpleNamespace(key="kd"), learns=True, figures=figures)
    courses: Any = SimpleNamespace(last=5, names=["cat", "dog"], courses=[course], grouped=False)
    player.show(
        courses, {"kd": ModelStyle("KD", "#E69F00")}, key="k", theme=LIGHT, start=5, turn=turn,
        top=1.0, on_rest=lambda epoch: None,
    )  # fmt: skip
    mount(page, "epochs", sent)


def test_a_matrix_of_two_classes_follows_its_values(page: Page, sent):
    """Every Gram of two classes has the same codes: only the lowest value differs."""
    for cosine in (0.1, 0.4):
        show_matrix(page, sent, np.array([[1.0, cosine], [cosine, 1.0]]))
        drawn = page.evaluate("document.querySelector('#component-matrix').bkView.value(0, 1)")
        assert drawn == pytest.approx(cosine, abs=1e-4)


def test_a_cell_of_nothing_has_no_sign_and_is_spoken(page: Page, sent):
    values = np.array([[-3.0, 0.0], [0.0, 8.0]])
    show_matrix(page, sent, values, value_name="difference", decimals=0)
    for key in ("ArrowDown", "ArrowRight", "ArrowUp"):
        fire(page, ".bkm", "KeyboardEvent", "keydown", key=key)
    expect(page.locator(".bkm .tip")).to_have_text("cat × dog difference 0")
    expect(page.locator(".bkm [aria-live]")).to_contain_text("difference 0")


@pytest.mark.parametrize("modifier", ["altKey", "ctrlKey", "metaKey"])
def test_keys_of_the_browser_stay_the_browsers(page: Page, sent, modifier: str):
    show_matrix(page, sent, GRAM)
    assert fire(page, ".bkm", "KeyboardEvent", "keydown", key="ArrowLeft")
    assert not fire(page, ".bkm", "KeyboardEvent", "keydown", key="ArrowLeft", **{modifier: True})


def test_what_a_tap_shows_stays(page: Page, sent):
    show_matrix(page, sent, GRAM)
    page.locator(".bkm canvas").click(position={"x": 150, "y": 150})
    expect(page.locator(".bkm .tip")).to_be_visible()
    fire(page, ".bkm", "PointerEvent", "pointerleave", pointerType="touch")
    expect(page.locator(".bkm .tip")).to_be_visible()
    fire(page, ".bkm", "PointerEvent", "pointerleave", pointerType="mouse")
    expect(page.locator(".bkm .tip")).to_be_hidden()


def test_a_finger_that_scrolls_leaves_the_epoch_alone(page: Page, sent):
    show_player(page, sent)
    line, player_box = ".lines canvas", page.locator(".bke")
    fire(page, line, "PointerEvent", "pointerdown", isPrimary=True, clientX=60, clientY=200)
    expect(player_box).to_have_attribute("data-epoch", "1")
    fire(page, line, "PointerEvent", "pointercancel", isPrimary=True)
    expect(player_box).to_have_attribute("data-epoch", "5")
    fire(page, line, "PointerEvent", "pointermove", isPrimary=True, clientX=60, clientY=200)
    expect(player_box).to_have_attribute("data-epoch", "5")
    fire(page, line, "PointerEvent", "pointerdown", isPrimary=True, button=2, clientX=60)
    expect(player_box).to_have_attribute("data-epoch", "5")


def test_the_player_goes_back_where_python_says_so(page: Page, sent):
    show_player(page, sent)
    page.locator(".bke input").fill("3")
    show_player(page, sent)
    expect(page.locator(".bke")).to_have_attribute("data-epoch", "3")
    show_player(page, sent, turn=1)
    expect(page.locator(".bke")).to_have_attribute("data-epoch", "5")


def test_the_triangle_follows_the_students_name(page: Page, sent):
    logits = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
    for name in ("KD", "KD s0"):
        looks = (ModelStyle(name, "#E69F00"), ModelStyle("teacher", "#1E293B"))
        batch = simplex.Batch(logits, logits, ["a", "b", "c"], [0, 2], [None, None], looks)
        simplex.show(batch, key="s", theme=LIGHT, temperature=4.0, temperatures=[1.0, 4.0])
        mount(page, "simplex", sent)
        expect(page.locator(".sx .key")).to_contain_text(f"{name} (")


def swipe(page: Page, x: float, y: float, by: float) -> None:
    """Move a finger up or down, as the browser gets it from a screen."""
    screen = page.context.new_cdp_session(page)
    screen.send(
        "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
    )
    for step in range(1, 9):
        point = {"x": x, "y": y + by * step / 8}
        screen.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    screen.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_finger_drags_a_point_of_the_triangle_and_scrolls_beside_it(browser: Browser, sent):
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 700})
    page = context.new_page()
    logits = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
    looks = (ModelStyle("KD", "#E69F00"), ModelStyle("teacher", "#1E293B"))
    batch = simplex.Batch(logits, logits, ["a", "b", "c"], [0, 2], [None, None], looks)
    simplex.show(batch, key="s", theme=LIGHT, temperature=4.0, temperatures=[1.0, 4.0])
    page.evaluate("document.body.style.height = '3000px'")
    page.evaluate(
        f"document.head.append(Object.assign(document.createElement('style'), {{textContent: {json.dumps(source('simplex.css'))}}}))"
    )
    mount(page, "simplex", sent)
    point = page.locator(".sx .pt").first
    before = point.get_attribute("transform")
    box = point.bounding_box()
    assert box is not None
    swipe(page, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, 60)
    assert point.get_attribute("transform") != before
    assert page.evaluate("scrollY") == 0
    area = page.locator(".sx svg").bounding_box()
    assert area is not None
    swipe(page, area["x"] + 8, area["y"] + area["height"] - 8, -200)
    page.wait_for_function("scrollY > 0")
    context.close()
