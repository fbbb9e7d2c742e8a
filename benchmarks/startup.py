"""Measure the time to the first chart in a real Chromium, and page switches: `python
benchmarks/startup.py`.

It starts the app several times with warm caches of compiled Python, in turn with a Streamlit page
that has one heading only. The ratio of the two times hardly depends on other work on the machine.
The shared libraries of the server process say which large packages were imported.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

from browser_harness import AppServer, launch, serving, tab
from playwright.sync_api import Browser, sync_playwright

from app.registry import PAGES

LIBRARIES = {
    "torch": "libtorch",
    "umap": "llvmlite",  # which umap loads through numba
    "pandas": "/pandas/_libs/",
    "scipy": "/scipy/special/",
}
"""Large packages, and a part of the path of a shared library that they load."""
LISTED = [page for page in PAGES if not page.hidden]


def mapped(pid: int, library: str) -> bool:
    return library in Path(f"/proc/{pid}/maps").read_text()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "-n", type=int, default=5, help="starts of the app, and rounds through its pages"
    )
    repeats = parser.parse_args().n
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        browser = launch(playwright)
        bare_page = folder / "bare.py"
        bare_page.write_text("import streamlit as st\n\nst.title('Bare')\n")
        bare, ours = [], []
        imported: set[str] = set()
        # Both load compiled Python, as an installation does, whatever the environment says.
        compiled = {
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
        }
        # The first two starts warm the caches. No start begins before the last server is down.
        for turn in range(repeats + 1):
            server = AppServer(folder / f"bare-{turn}", script=bare_page, variables=compiled)
            bare.append(start(browser, server, "h1"))
            server = AppServer(folder / f"runs-{turn}", variables=compiled)
            ours.append(start(browser, server, FIRST_CHART, imported))
        switches = rounds(browser, folder / "runs", repeats)
        browser.close()
    print("| what | median s | min | max |\n|---|---|---|---|")
    row("a bare Streamlit page: process start to its heading", bare[1:])
    row("process start to first chart", ours[1:])
    ratios = [o / b for o, b in zip(ours[1:], bare[1:], strict=True)]
    row("first chart over bare page (ratio)", ratios)
    for title, values in switches.items():
        row(f"switch to {title}", values)
    print(f"\nimported by the first chart: {', '.join(sorted(imported)) or 'none'} of", end=" ")
    print(", ".join(LIBRARIES))


def start(
    browser: Browser, server: AppServer, awaited: str, imported: set[str] | None = None
) -> float:
    """Return the seconds from process start until the selector `awaited` is on screen.

    Large libraries that the server has loaded by then are added to `imported`.
    """
    began = time.monotonic()
    server.launch()
    while not server.healthy():
        time.sleep(0.02)
    with tab(browser, server, animated=True) as opened:
        opened.page.goto(server.url(), wait_until="commit")
        opened.page.wait_for_selector(awaited)
        took = time.monotonic() - began
        assert server.process is not None
        if imported is not None:
            pid = server.process.pid
            imported |= {name for name, file in LIBRARIES.items() if mapped(pid, file)}
        opened.settle()
    server.stop()
    return took


def rounds(browser: Browser, runs: Path, repeats: int) -> dict[str, list[float]]:
    """Seconds until each page's own title stands; the first round imports the pages, and counts."""
    switches: dict[str, list[float]] = {page.title: [] for page in LISTED}
    with serving(runs) as server, tab(browser, server, animated=True) as opened:
        opened.open()
        # The default page is open already, so it is visited last.
        for page in sorted(LISTED, key=lambda page: page.default) * repeats:
            before = opened.title()
            started = time.monotonic()
            opened.page.get_by_test_id("stSidebarNavLink").filter(has_text=page.title).click()
            path = "/" if page.default else f"/{page.path}"
            opened.page.wait_for_function("p => location.pathname === p", arg=path)
            opened.page.wait_for_function(NEW_TITLE, arg=before)
            switches[page.title].append(time.monotonic() - started)
            opened.settle()
    return switches


FIRST_CHART = ".st-key-overview-card-accuracy .bkw-dot"
NEW_TITLE = """before => {
  const h1 = document.querySelector('h1');
  return h1 !== null && h1.innerText !== before && h1.closest('[data-stale="true"]') === null;
}"""


def row(what: str, values: list[float]) -> None:
    print(
        f"| {what} | {statistics.median(values):.2f} | {min(values):.2f} | {max(values):.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
