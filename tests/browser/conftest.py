"""Fixtures of the browser tests: one Chromium a worker, one tab a test. The files that only read
share an app on each worker; every other file has its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_harness import AppPage, AppServer, find_chromium, launch, serving, tab
from playwright.sync_api import Browser, sync_playwright
from xdist.scheduler import LoadScopeScheduling

READ_ONLY = (
    "test_browser_calibration",
    "test_browser_disagreements",
    "test_browser_epochs",
    "test_browser_geometry",
    "test_browser_guard",
    "test_browser_learn",
    "test_browser_pages",
    "test_browser_sample",
    "test_browser_similarity",
    "test_browser_take_away",
)
"""Files whose tests leave no run, selection or map behind."""
LONG = ("test_browser_distill", "test_browser_own_data", "test_browser_installed")
"""Files that begin first: they train, install and wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")

    def turn(item: pytest.Item) -> int:
        name = item.path.stem
        return LONG.index(name) if name in LONG else len(LONG) + (name in READ_ONLY)

    if all(here in item.path.parents for item in items):
        items.sort(key=turn)


class Spread(LoadScopeScheduling):
    """Keep a file with its own app on one worker; send each test of the other files where there is
    room."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return nodeid if Path(file).stem in READ_ONLY else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return Spread(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if find_chromium() is None:
        reason = "no Chromium was found; install Debian's `chromium`, or set CHROMIUM to its path"
        if os.environ.get("CI"):
            pytest.fail(f"{reason} (CI never skips the browser tests)")
        pytest.skip(reason)
    with sync_playwright() as playwright:
        launched = launch(playwright, shell=True)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def shelf() -> Path:
    """The bundled runs; BICKD_SHELF names others."""
    from browser_harness import ROOT

    return Path(os.environ.get("BICKD_SHELF", ROOT / "pretrained"))


@pytest.fixture(scope="session")
def shared_server(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, shelf: Path
) -> Iterator[AppServer]:
    """An app for all tests of a worker that only read."""
    with serving(tmp_path_factory.mktemp("shared") / "runs", shelf) as running:
        yield running


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    shelf: Path,
) -> Iterator[AppServer]:
    """An app without own runs: the shared one for the files in READ_ONLY, otherwise a new one."""
    if request.module.__name__ in READ_ONLY:
        yield request.getfixturevalue("shared_server")
    else:
        with serving(tmp_path_factory.mktemp("home") / "runs", shelf) as running:
            yield running


@pytest.fixture
def app(browser: Browser, server: AppServer) -> Iterator[AppPage]:
    """A tab on that app; a traceback or an error in the console fails the test that opened it."""
    with tab(browser, server) as opened:
        yield opened
        opened.check()
