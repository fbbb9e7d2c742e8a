"""Measure the app with many users at once: `python benchmarks/load.py`.

Ten real browsers walk over all pages of one server for five minutes. Each opens a page in the
sidebar, does what can be done there (`interactions.py`), and thinks for 5 to 15 seconds between two
actions. A time runs from the action until the script has ended and every chart is drawn.

Then one browser opens and closes 300 sessions, one after the other, while the memory of the server
and its processes is measured (proportional set size).

The browsers run on the same machine. They take most of its processor time, so times on a server of
its own are shorter.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser"), str(ROOT / "benchmarks")]

import interactions
from browser_harness import AppServer, launch, serving, tab
from playwright.sync_api import sync_playwright
from size import Watch

from app.registry import PAGES, Page

LISTED = [page for page in PAGES if not page.hidden]


@dataclass
class Walk:
    """What one user did: seconds of each kind of action, errors, and processor seconds of the
    browser."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    cpu: float = 0.0

    def __reduce__(self):
        return (Walk, (dict(self.times), self.errors, self.cpu))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--sessions", type=int, default=300)
    parser.add_argument(
        "--think",
        type=float,
        nargs=2,
        default=(5.0, 15.0),
        help="least and most seconds between two actions of one user",
    )
    arguments = parser.parse_args()
    print(f"At the start: {interactions.load()}\n")
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "runs") as server:
        assert server.process is not None
        first_visit(server)
        with Watch(server.process.pid) as watch:
            walks = together(
                server.port, arguments.users, arguments.minutes * 60, tuple(arguments.think)
            )
        report(walks)
        print(
            f"\nServer: {watch.cpu:.0f} processor seconds in {arguments.minutes:g} minutes, at most"
            f" {watch.peak / 1e9:.2f} GB. Browsers: {sum(walk.cpu for walk in walks):.0f} processor"
            f" seconds; {interactions.load()}"
        )
        one_after_the_other(server, arguments.sessions)
        problems = [line for line in server.log.read_text().splitlines() if "Traceback" in line]
        print(f"\nTracebacks in the server's log: {len(problems)}")


def first_visit(server: AppServer) -> None:
    """Open every page once, so that figures are stored, as on any day but the first."""
    with sync_playwright() as playwright:
        browser = launch(playwright, shell=True)
        with tab(browser, server) as opened:
            for page in LISTED:
                opened.open("" if page.default else page.path)
        browser.close()
        server.contexts.clear()


# -- ten at once -----------------------------------------------------------------------------------
def together(port: int, users: int, seconds: float, pause: tuple[float, float]) -> list[Walk]:
    """Let users walk at the same time, each in a process and a browser of its own."""
    with multiprocessing.get_context("spawn").Pool(users) as pool:
        return pool.starmap(walk, [(port, seconds, pause, seed) for seed in range(users)])


def walk(port: int, seconds: float, pause: tuple[float, float], seed: int) -> Walk:
    """One user, in a process of its own."""
    chance, walked = random.Random(seed), Walk()
    by_page = defaultdict(list)
    for path, what, act in interactions.actions():
        by_page[path].append((what, act))
    server = AppServer(Path(tempfile.gettempdir()) / "unused")
    server.port = server.front = port
    with sync_playwright() as playwright:
        browser = launch(playwright, shell=True)
        with tab(browser, server) as app:
            time.sleep(seed * pause[1] / 10)  # nobody presses Enter at the same moment
            app.open()
            end, turn = time.monotonic() + seconds, seed
            opened: Page | None = next(page for page in LISTED if page.default)
            while time.monotonic() < end:
                page = chance.choice(LISTED)
                turn += 1
                if opened == page or not timed(
                    walked, app, "open a page", lambda app, _, page=page: follow(app, page), 0
                ):
                    opened = None
                    continue
                opened = page
                time.sleep(chance.uniform(*pause))
                for _, act in by_page["" if page.default else page.path]:
                    if time.monotonic() > end or not timed(walked, app, "act on it", act, turn):
                        break
                    time.sleep(chance.uniform(*pause))
            walked.errors += app.problems
        walked.cpu = sum(
            sum(process.cpu_times()[:2]) for process in psutil.Process().children(recursive=True)
        )
        browser.close()
    return walked


def follow(app: interactions.AppPage, page: Page) -> None:
    app.page.get_by_test_id("stSidebarNavLink").filter(has_text=page.title).click()


def timed(walked: Walk, app: interactions.AppPage, kind: str, act, turn: int) -> bool:
    """Do something and store its seconds. After an error the user begins again on Overview."""
    try:
        walked.times[kind].append(interactions.timed(app, act, turn))
        app.check()
    except Exception as error:
        walked.errors.append(f"{app.page.url}, {kind}: {str(error).splitlines()[0]}")
        app.problems.clear()
        app.open()
        return False
    return True


def report(walks: list[Walk]) -> None:
    print("| action | times | median s | 95% below s | max s |\n|---|---|---|---|---|")
    kinds = sorted({kind for each in walks for kind in each.times}, reverse=True)
    for kind in kinds:
        values = sorted(second for each in walks for second in each.times.get(kind, []))
        high = values[int(0.95 * (len(values) - 1))]
        print(
            f"| {kind} | {len(values):,} | {statistics.median(values):.2f} | {high:.2f} |"
            f" {values[-1]:.2f} |"
        )
    errors = [error for each in walks for error in each.errors]
    print(f"\nErrors: {len(errors)}", *errors[:10], sep="\n")


# -- one after the other ---------------------------------------------------------------------------
def one_after_the_other(server: AppServer, sessions: int) -> None:
    """Open and close sessions, and print the server's memory ten times in between."""
    if not sessions:
        return
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    print("\n| sessions | GB | median s to open |\n|---|---|---|")
    with sync_playwright() as playwright:
        browser = launch(playwright, shell=True)
        times: list[float] = []
        for number in range(1, sessions + 1):
            with tab(browser, server) as app:
                times.append(interactions.opening(app, "", {}))
                app.check()
            if number % max(1, sessions // 10) == 0:
                processes = (process, *process.children(recursive=True))
                memory = sum(each.memory_full_info().pss for each in processes) / 1e9
                print(f"| {number} | {memory:.2f} | {statistics.median(times):.2f} |", flush=True)
                times.clear()
        browser.close()
        server.contexts.clear()


if __name__ == "__main__":
    main()
