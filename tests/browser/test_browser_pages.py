"""Every page of the registry under the content policy, in light and dark, at a desk's and at a
phone's width."""

from __future__ import annotations

import pytest
from browser_harness import AppServer, tab, until
from playwright.sync_api import Browser, expect

from app.registry import PAGES

WINDOWS = ((1280, 800), (1920, 1080), (390, 844))
OF_PAGE = "getComputedStyle(document.querySelector('[data-testid=\"stApp\"]')).backgroundColor"
REPORT_REFUSALS = """
document.addEventListener('securitypolicyviolation', event =>
  console.error(`refused by the content policy: ${event.blockedURI}`));
"""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_page_shows_without_an_error_or_sideways_scrolling(
    browser: Browser, server: AppServer, page
):
    """One load in light at a laptop's width, then other widths, then the system turns dark. The
    app's content policy must refuse nothing on the way."""
    with tab(browser, server) as opened:
        opened.page.add_init_script(REPORT_REFUSALS)
        opened.open("" if page.default else page.path)
        expect(opened.page.locator("h1").first).to_be_visible()
        for width, height in WINDOWS:
            opened.page.set_viewport_size({"width": width, "height": height})
            opened.settle()
            assert opened.sideways() == 0, f"at {width} px"
        light = brightness(opened, OF_PAGE)
        opened.page.emulate_media(color_scheme="dark")
        until("a dark page", lambda: brightness(opened, OF_PAGE) < 0.2)
        opened.settle()
        assert light > 0.8
        assert opened.sideways() == 0, "in dark"
        opened.check()


def test_dark_is_dark(browser: Browser, server: AppServer):
    """The system's preference reaches the page and the charts on it."""
    shades = {}
    for scheme in ("light", "dark"):
        with tab(browser, server, scheme=scheme) as opened:
            opened.open()
            of_chart = "getComputedStyle(document.querySelector('.bkw')).color"
            shades[scheme] = (brightness(opened, OF_PAGE), brightness(opened, of_chart))
    page, chart = 0, 1
    assert shades["light"][page] > 0.8 > 0.2 > shades["dark"][page]
    assert shades["light"][chart] < 0.4 < 0.6 < shades["dark"][chart]


def brightness(opened, expression: str) -> float:
    """Mean of red, green and blue in [0, 1] of the CSS colour that `expression` gives."""
    painted = f"""
        (() => {{ const c = document.createElement('canvas').getContext('2d');
                  c.fillStyle = {expression}; c.fillRect(0, 0, 1, 1);
                  return [...c.getImageData(0, 0, 1, 1).data.slice(0, 3)]; }})()"""
    return sum(opened.page.evaluate(painted)) / 3 / 255


def test_first_page_shows_the_bundled_comparison_at_once(app):
    app.open()
    assert app.query()["teacher"] == "caltech95/teacher"
    assert "BicKD" in app.title()
    for card in ("accuracy", "agreement", "overlap_per_image", "overlap"):
        expect(app.key(f"overview-card-{card}")).to_be_visible()
    assert app.page.locator(".bk-thumbs img").count() > 0
    widths = app.page.locator(".bk-thumbs img").evaluate_all(
        "images => images.map(image => image.naturalWidth)"
    )
    assert min(widths) > 0
