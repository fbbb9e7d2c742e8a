"""A sample's own page: reached from its image within the session, from a link, and walked through a
selection."""

from __future__ import annotations

from browser_harness import AppPage
from playwright.sync_api import expect

VIEW = {
    "teacher": "caltech95/teacher",
    "students": "caltech95/kd-s0~caltech95/bickd-s0",
    "temperature": "2",
    "selection": "class:crab",
}


def images(app: AppPage, key: str):
    return app.key(key).locator("a.bk-open")


def test_an_image_opens_its_page_without_loading_the_app_again(app: AppPage):
    app.open("class_geometry", VIEW)
    app.key("selection-bar").get_by_role("button", name="Images").click()
    picture = images(app, "selection-images").nth(1)
    href = picture.get_attribute("href") or ""
    app.page.evaluate("window.__mark = 'the same document'")
    with app.rerun():
        picture.click()
    assert app.page.evaluate("window.__mark") == "the same document"
    assert app.page.url.split("?")[0].endswith("/sample")
    assert {name: app.query()[name] for name in VIEW} == VIEW
    assert f"sample={app.query()['sample']}" in href
    assert app.title().startswith("crab: ")
    expect(app.key("sample-way")).to_contain_text("2 of 14 in the selection: class crab")
    expect(app.page.locator(".bk-large img")).to_be_visible()
    assert app.page.get_by_test_id("stSidebarNavLink").filter(has_text="Sample").count() == 0


def test_the_way_leads_through_the_selection_and_stands_in_the_link(app: AppPage):
    app.open("sample", VIEW)
    expect(app.key("sample-previous").get_by_role("button")).to_be_disabled()
    with app.rerun():
        app.key("sample-next").get_by_role("button").click()
    second = app.query()["sample"]
    with app.rerun():
        app.key("sample-next").get_by_role("button").click()
    with app.rerun():
        app.key("sample-previous").get_by_role("button").click()
    assert app.query()["sample"] == second
    title = app.title()
    app.reload()
    assert (app.query()["sample"], app.title()) == (second, title)


def test_a_neighbour_leads_on_to_its_own_page(app: AppPage):
    app.open("sample", VIEW | {"sample": "120"})
    near = images(app, "sample-near-caltech95-teacher").first
    wanted = (near.get_attribute("href") or "").split("sample=")[-1]
    with app.rerun():
        near.press("Enter")
    assert app.query()["sample"] == wanted
    expect(app.key("sample-way")).to_contain_text(f"Its id is {wanted}")


def test_a_sample_that_is_not_compared_says_so_and_leads_on(app: AppPage):
    app.open("sample", VIEW | {"sample": "none such"})
    assert app.title() == "This sample is not in the comparison"
    with app.rerun():
        app.key("sample-first").get_by_role("button").click()
    assert app.title().startswith("crab: ")


def test_sample_and_disagreements_do_not_wait_for_plotly(app):
    """Plotly's script has 4.7 MB. A page without it is complete a second earlier."""
    for page in ("sample", "disagreements"):
        app.open(page)
        scripts = app.page.evaluate("performance.getEntriesByType('resource').map(r => r.name)")
        assert not [name for name in scripts if "PlotlyChart" in name], page
