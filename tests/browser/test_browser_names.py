"""Class names, titles and errors that look like Markdown, HTML or links are text on every page, and
load nothing."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from browser_harness import AppServer, serving, tab
from odd_runs import CLASSES, odd_shelf
from playwright.sync_api import Browser, expect

from app.registry import PAGES

QUERY = {
    "teacher": "caltech95/teacher",
    "students": "caltech95/kd-s0~caltech95/bickd-s0",
    "pair": "x%7Ey~<b>bold</b>",
    "selection": "class:x%7Ey",
}
_FOUND = """
() => {
  const main = document.querySelector('[data-testid="stApp"]');
  const foreign = [...main.querySelectorAll('img, a, script')]
    .map(e => e.getAttribute('src') ?? e.getAttribute('href') ?? '')
    .filter(address => /^(https?:\\/\\/(127\\.0\\.0\\.1:9|y|www\\.example)|file:|mailto:)/.test(address));
  const marked = [...main.querySelectorAll('[data-testid="stMarkdownContainer"] :is(del, em, i, u)')]
    .map(e => e.textContent);
  return {foreign, marked, pwned: window.__pwned ?? 0};
}
"""


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory) -> AppServer:
    home = tmp_path_factory.mktemp("odd")
    with serving(home / "runs", odd_shelf(home / "shelf")) as running:
        yield running


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_odd_names_are_text_and_load_nothing(browser: Browser, server: AppServer, page):
    """At a laptop's width and at a phone's, where a name of 180 letters must not push the page
    wide."""
    requests: list[str] = []
    with tab(browser, server) as opened:
        opened.page.on("request", lambda request: requests.append(request.url))
        opened.open(
            "" if page.default else page.path,
            QUERY | ({"run": "caltech95/failed"} if page.path == "runs" else {}),
        )
        expect(opened.page.locator("h1").first).to_be_visible()
        assert opened.query()["pair"] == QUERY["pair"], "a pair whose class has a tilde stays"
        for width, height in ((1280, 800), (390, 844)):
            opened.page.set_viewport_size({"width": width, "height": height})
            opened.settle()
            assert opened.sideways() == 0, f"at {width} px"
        found = opened.page.evaluate(_FOUND)
        assert found["foreign"] == []
        assert found["pwned"] == 0
        if page.path != "distill":  # which sets the sources of methods in italics
            assert found["marked"] == []
        opened.check()
    own = urlsplit(server.address).netloc
    foreign = [
        url
        for url in requests
        if urlsplit(url).scheme not in ("data", "blob") and urlsplit(url).netloc != own
    ]
    assert foreign == []


def test_a_link_with_odd_names_survives_a_reload(browser: Browser, server: AppServer):
    with tab(browser, server) as opened:
        opened.open("class_geometry", QUERY)
        before = opened.query()
        expect(opened.page.locator(".bk-chip").first).to_contain_text(CLASSES[5])
        opened.reload()
        assert opened.query() == before
        expect(opened.page.locator(".bk-chip").first).to_contain_text(CLASSES[5])
        opened.check()
