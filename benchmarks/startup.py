"""Measure the time to the first chart in a real Chromium, and page switches: `python
benchmarks/startup.py`.

It starts the app several times with warm caches of compiled Python. The shared libraries of the
server process say whether torch or umap was imported (libtorch; llvmlite, which umap loads through
numba).
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

LISTED = [page for page in PAGES if not page.hidden]


def mapped(pid: int, library: str) -> bool:
    return library in Path(f"/proc/{pid}/maps").read_text()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "-n", type=int, default=5, help="starts of the app, and rounds through its pages"
    )
    repeats = parser.parse_args().n
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright)
        # The first start warms the caches; none begins while pages of the one before are still
        # being taken down.
        starts = [start(browser, Path(folder) / f"runs-{turn}") for turn in range(repeats + 1)][1:]
        switches = rounds(browser, Path(folder) / "runs", repeats)
        browser.close()
    print("| what | median s | min | max |\n|---|---|---|---|")
    row("process start to first chart", [seconds for seconds, _ in starts])
    for title, values in switches.items():
        row(f"switch to {title}", values)
    imported = set().union(*(libraries for _, libraries in starts))
    print(
        f"\nimported by the first chart: {', '.join(sorted(imported)) or 'neither torch nor umap'}"
    )


def start(browser: Browser, runs: Path) -> tuple[float, set[str]]:
    """Seconds until the first chart is on screen, and what the server had imported by then."""
    server = AppServer(runs)
    began = time.monotonic()
    server.launch()
    while not server.healthy():
        time.sleep(0.02)
    with tab(browser, server, animated=True) as opened:
        opened.page.goto(server.url(), wait_until="commit")
        opened.page.wait_for_selector(FIRST_CHART)
        took = time.monotonic() - began
        assert server.process is not None
        imported = {name for name in ("libtorch", "llvmlite") if mapped(server.process.pid, name)}
        opened.settle()
    server.stop()
    return took, imported


def rounds(browser: Browser, runs: Path, repeats: int) -> dict[str, list[float]]:
    """Seconds until each page's own title stands; the first round imports the pages, and counts."""
    switches: dict[str, list[float]] = {page.title: [] for page in LISTED}
    with serving(runs) as server, tab(browser, server, animated=True) as opened:
        opened.open()
        for page in [*LISTED[1:], LISTED[0]] * repeats:
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
