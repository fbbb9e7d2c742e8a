"""By epoch: one slider moves every panel without the server, rests in the link, and comes back from
it."""

from __future__ import annotations

import pytest
from browser_harness import AppPage, until
from playwright.sync_api import expect

VIEW = {"teacher": "caltech95/teacher", "students": "caltech95/kd-s0~caltech95/bickd-s0"}


# Keeps the next epoch and the runs at that moment: on a busy machine the player may rest before a
# test asks again.
FIRST_CHANGE = """
box => new MutationObserver(() => { window.__first ??= [Number(box.dataset.epoch), window.__runs]; })
  .observe(box, {attributes: true, attributeFilter: ['data-epoch']})
"""


def player(app: AppPage):
    return app.key("epoch-player").locator(".bke")


def notes(app: AppPage) -> list[str]:
    return player(app).locator(".grams .head span").all_inner_texts()


def pictures(app: AppPage) -> list[str]:
    """The Gram of each model, as it is drawn."""
    return (
        player(app).locator(".grams canvas").evaluate_all("all => all.map(one => one.toDataURL())")
    )


def runs(app: AppPage) -> int:
    return app.page.evaluate("window.__runs")


def test_the_epoch_of_the_link_is_on_all_panels_and_comes_back(app: AppPage):
    app.open("by_epoch", VIEW | {"epoch": "12"})
    expect(player(app)).to_have_attribute("data-epoch", "12")
    expect(player(app).locator("output")).to_have_text("epoch 12 of 40")
    expect(app.page.get_by_test_id("stMain")).to_contain_text(
        "After epoch 12 on 190 validation images"
    )
    before, drawn = notes(app), pictures(app)
    assert len(before) == len(drawn) == 3
    app.reload()
    assert app.query()["epoch"] == "12"
    assert (notes(app), pictures(app)) == (before, drawn)


def test_dragging_moves_every_panel_and_asks_the_server_only_at_rest(app: AppPage):
    app.open("by_epoch", VIEW | {"epoch": "30"})
    slider, before, drawn, asked = (
        player(app).locator("input"),
        notes(app),
        pictures(app),
        runs(app),
    )
    slider.evaluate(
        "one => { one.value = 3; one.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    expect(player(app)).to_have_attribute("data-epoch", "3")
    moved = pictures(app)
    assert notes(app)[0] == before[0]  # the finished teacher stands still
    assert moved[0] == drawn[0]
    assert all(a != b for a, b in zip(notes(app)[1:], before[1:], strict=True))
    assert all(a != b for a, b in zip(moved[1:], drawn[1:], strict=True))
    assert runs(app) == asked
    assert app.query()["epoch"] == "30"
    with app.rerun():
        slider.evaluate("one => one.dispatchEvent(new Event('change', {bubbles: true}))")
    assert app.query()["epoch"] == "3"
    expect(app.page.get_by_test_id("stMain")).to_contain_text("After epoch 3 on 190")
    assert pictures(app) == moved


def test_playing_runs_to_the_end_without_the_server_and_rests_there(app: AppPage):
    app.open("by_epoch", VIEW | {"epoch": "36"})
    asked = runs(app)
    player(app).evaluate(FIRST_CHANGE)
    player(app).get_by_role("button", name="Play").click()
    assert app.page.wait_for_function("() => window.__first").json_value() == [37, asked]
    until("the end", lambda: player(app).get_attribute("data-epoch") == "40")
    until("the link without an epoch", lambda: "epoch" not in app.query())
    app.settle()
    expect(player(app).get_by_role("button", name="Play")).to_be_visible()
    expect(app.page.get_by_test_id("stMain")).to_contain_text("After epoch 40 on 190")


def test_keys_move_the_slider(app: AppPage):
    app.open("by_epoch", VIEW | {"epoch": "20"})
    player(app).locator("input").focus()
    with app.rerun():
        app.page.keyboard.press("ArrowLeft")
    assert app.query()["epoch"] == "19"


def test_the_teacher_can_be_shown_as_it_learned(app: AppPage):
    app.open("by_epoch", VIEW | {"epoch": "5"})
    expect(player(app).locator(".grams .head span").first).to_contain_text("finished")
    with app.rerun():
        app.key("epoch-teacher").locator("label").first.click()
    expect(player(app).locator("output")).to_have_text("epoch 5 of 60")
    expect(player(app).locator(".grams .head span").first).not_to_contain_text("finished")


@pytest.mark.parametrize(
    ("button", "said"),
    [
        ("mean", "at the finished teacher's mean entropy at T = 4"),
        ("per image", "each at the finished teacher's entropy for it, T = 4"),
    ],
)
def test_matched_entropy_redraws_the_students_and_keeps_the_epoch(
    app: AppPage, button: str, said: str
):
    app.open("by_epoch", VIEW | {"epoch": "10"})
    before, drawn = notes(app), pictures(app)
    with app.rerun():
        app.key("epoch-matching").get_by_text(button, exact=True).click()
    expect(app.page.get_by_test_id("stMain")).to_contain_text(said)
    expect(player(app)).to_have_attribute("data-epoch", "10")
    assert notes(app)[0] == before[0]
    assert pictures(app)[0] == drawn[0]
    assert all(a != b for a, b in zip(notes(app)[1:], before[1:], strict=True))


def test_the_lines_are_named_beside_them_or_in_a_row_above(app: AppPage):
    app.open("by_epoch", VIEW)
    legend = player(app).locator(".legend")
    expect(legend.locator("span")).to_have_text(["teacher", "KD", "BicKD"])
    expect(legend).to_be_hidden()  # there is room beside the lines
    player(app).evaluate("one => (one.style.width = '200px')")
    expect(legend).to_be_visible()
