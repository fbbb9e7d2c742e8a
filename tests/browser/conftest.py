"""Fixtures of the browser tests: one Chromium, one app a test file, one tab a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_harness import AppPage, AppServer, find_chromium, launch, serving, tab
from playwright.sync_api import Browser, sync_playwright


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if find_chromium() is None:
        reason = "no Chromium was found; install Debian's `chromium`, or set CHROMIUM to its path"
        if os.environ.get("CI"):
            pytest.fail(f"{reason} (CI never skips the browser tests)")
        pytest.skip(reason)
    with sync_playwright() as playwright:
        launched = launch(playwright)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def shelf() -> Path:
    """The bundled runs; BICKD_SHELF names others."""
    from browser_harness import ROOT

    return Path(os.environ.get("BICKD_SHELF", ROOT / "pretrained"))


@pytest.fixture(scope="module")
def server(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, shelf: Path
) -> Iterator[AppServer]:
    """An app with no runs of one's own yet, for the tests of one file."""
    with serving(tmp_path_factory.mktemp("home") / "runs", shelf) as running:
        yield running


@pytest.fixture
def app(browser: Browser, server: AppServer) -> Iterator[AppPage]:
    """A tab on that app; a traceback or an error in the console fails the test that opened it."""
    with tab(browser, server) as opened:
        yield opened
        opened.check()
