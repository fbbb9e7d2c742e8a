"""Measure the first and later visits of every page at three sizes: `python benchmarks/size.py`.

    1,208 x 95       as many samples and classes as caltech95
    10,000 x 100     as CIFAR-100
    50,000 x 1,000   as ImageNet's validation set

The logits of a teacher and four students are synthetic but structured: classes belong to groups,
samples differ in difficulty, students share some of the teacher's errors, and models differ in
sharpness. Every page is opened in a real Chromium by a page load of its own: first on a new server
with an empty cache, then again, then on another server that finds what the first stored on disk
("another day").

Columns: seconds until something is drawn, seconds until the page is complete, processor seconds of
the server and its processes, and their peak memory (proportional set size, GB).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

from browser_harness import TIMEOUT, AppPage, AppServer, launch, tab
from playwright.sync_api import Browser, sync_playwright

from app.registry import PAGES
from bickd_core.runs.library import Library, RunFolder
from bickd_core.runs.predictions import Predictions

SIZES = {"caltech95": (1_208, 95), "cifar100": (10_000, 100), "imagenet": (50_000, 1_000)}
METHODS = {"ce": 1.0, "kd": 0.7, "dist": 0.8, "bickd": 0.6}
"""Students, with the scale of their logits beside the teacher's."""
LONGEST = 600.0
"""Seconds that a page may take."""
SKIPPED = ("bring_your_own", "distill", "learn")
"""Pages that show no comparison."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=SIZES, help="one of the sizes")
    parser.add_argument("--home", type=Path, help="keep the runs here, to use them again")
    parser.add_argument("--pages", nargs="*", default=[], help="some pages, by their address")
    parser.add_argument("--once", action="store_true", help="first visits only")
    arguments = parser.parse_args()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as temporary:
        browser = launch(playwright)
        for name, (n, c) in SIZES.items():
            if arguments.only not in (None, name):
                continue
            home = (arguments.home or Path(temporary)) / name
            query = make_runs(home / "runs", n, c)
            print(f"\n### {n:,} x {c:,}, teacher and four students; {_load()}\n")
            measure(browser, home / "runs", query, arguments.pages, arguments.once)
            print(f"\nAt the end: {_load()}")
        browser.close()


@dataclass(frozen=True)
class Visit:
    """One page load."""

    shown: float
    complete: float
    cpu: float
    memory: float

    def cells(self) -> str:
        return f"{self.shown:.1f} | {self.complete:.1f} | {self.cpu:.1f} | {self.memory:.2f}"


def measure(
    browser: Browser, runs: Path, query: dict[str, str], pages: list[str], once: bool
) -> None:
    """Print a line for each page as it is measured."""
    with tempfile.TemporaryDirectory() as folder:
        days = ("first", "later", "another day")[: 1 if once else 3]
        what = "shown s | complete s | CPU s | GB"
        print(f"| page | {' | '.join(f'{day}: {what}' for day in days)} |")
        print(f"|{'---|' * (1 + 4 * len(days))}")
        listed = [p for p in PAGES if p.path not in SKIPPED and (not pages or p.path in pages)]
        server = AppServer(runs, variables={"BICKD_CACHE": str(Path(folder) / "cache")})
        server.log = Path(folder) / "app.log"
        rows: dict[str, list[Visit]] = {page.title: [] for page in listed}
        for day in ("first and later", "another day")[: 1 if once else 2]:
            server.start()
            try:
                for page in listed:
                    for _ in range(2 if day.startswith("first") and not once else 1):
                        rows[page.title].append(
                            visit(browser, server, "" if page.default else page.path, query)
                        )
            finally:
                for context in server.contexts.values():
                    context.close()
                server.contexts.clear()
                server.stop()
        for title, visits in rows.items():
            print(f"| {title} | {' | '.join(v.cells() for v in visits)} |", flush=True)


def visit(browser: Browser, server: AppServer, page: str, query: dict[str, str]) -> Visit:
    """Open a page in a new tab and wait until it is complete."""
    assert server.process is not None
    with tab(browser, server) as app, Watch(server.process.pid) as watch:
        app.page.set_default_timeout(LONGEST * 1000)
        app.page.add_init_script(_FIRST_DRAWN)
        app.page.goto(server.url(page, query), wait_until="commit")
        complete = settled(app)
        app.check()
        shown = app.page.evaluate("window.__shown ?? window.__rest") / 1000
    return Visit(min(shown, complete), complete, watch.cpu, watch.peak / 1e9)


def settled(app: AppPage) -> float:
    """Seconds from the address being entered until the page is at rest and nothing is computed."""
    deadline = time.monotonic() + LONGEST
    while True:
        try:
            app.settle()
        except Exception:
            if time.monotonic() > deadline - TIMEOUT:
                raise
            continue
        if app.page.locator('[data-testid="stProgress"]').count() == 0:
            return app.page.evaluate("window.__rest / 1000")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{app.page.url} computes for more than {LONGEST:g} s")
        time.sleep(0.1)


# The first chart, table or figure of the main part.
_FIRST_DRAWN = """
  const drawn = `[data-testid="stMain"] :is(canvas, .main-svg, table, [data-testid="stMetric"],
    [data-testid="stDataFrame"], [data-testid="stBidiComponentIsolated"], [data-testid="stProgress"])`;
  const watch = new MutationObserver(() => {
    if (document.querySelector(drawn)) { window.__shown ??= performance.now(); watch.disconnect(); }
  });
  watch.observe(document, {subtree: true, childList: true});
"""


class Watch:
    """Processor seconds and peak memory of a process and its children while the block runs."""

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        self.peak = 0
        self.cpu = 0.0
        self._done = threading.Event()
        self._seconds: dict[tuple[int, float], float] = {}
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watch:
        self._look()
        self._start = dict(self._seconds)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()
        self.cpu = sum(
            seconds - self._start.get(key, 0.0) for key, seconds in self._seconds.items()
        )

    def _watch(self) -> None:
        while not self._done.wait(0.2):
            self._look()

    def _look(self) -> None:
        """Children that have ended count with what they had used when they were last seen."""
        memory = 0
        for process in (self.process, *self.process.children(recursive=True)):
            try:
                times = process.cpu_times()
                self._seconds[process.pid, process.create_time()] = times.user + times.system
                memory += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue  # it ended between two lines
        self.peak = max(self.peak, memory)


# -- the comparison --------------------------------------------------------------------------------
def make_runs(home: Path, n: int, c: int) -> dict[str, str]:
    """Write the runs unless they are there; return the query that compares them."""
    query = {"teacher": "size-teacher", "students": "~".join(f"size-{m}" for m in METHODS)}
    if (home / "size-bickd").exists():
        return query
    home.mkdir(parents=True, exist_ok=True)
    source = Library(ROOT / "pretrained", home).find("caltech95/teacher").info()
    names = tuple(f"group {i // 10:03d}, class {i:04d}" for i in range(c))
    for model, logits, labels in structured_logits(n, c):
        teacher = model == "teacher"
        info = source.model_copy(
            update={
                "name": f"size-{model}",
                "title": "" if teacher else model,
                "dataset": "synthetic",
                "num_classes": c,
                "role": "teacher" if teacher else "student",
                "config": None,
            }
        )
        run = RunFolder.create(home, info)
        Predictions(logits, names, np.arange(n), labels).save(run.predictions_path("test"))
    return query


def structured_logits(n: int, c: int, seed: int = 0):
    """Yield name, logits float32 [N, C] and labels [N] of the teacher and of each student.

    Samples lie about the centre of their class, the centres about those of groups of ten classes.
    A model sees a sample through a noise of its own, which is partly the teacher's.
    """
    chance = np.random.default_rng(seed)
    width = 64
    labels = chance.permutation(np.arange(n) % c)
    groups = np.repeat(chance.normal(0, 1, (-(-c // 10), width)), 10, axis=0)[:c]
    centres = (0.8 * groups + chance.normal(0, 1, (c, width))).astype(np.float32)
    difficulty = chance.uniform(0.5, 2.0, (n, 1)).astype(np.float32)
    shared = centres[labels] + difficulty * chance.normal(0, 1, (n, width)).astype(np.float32)
    for name, scale in {"teacher": 1.0, **METHODS}.items():
        own = 0.2 if name == "teacher" else 0.6
        seen = shared + own * chance.normal(0, 1, (n, width)).astype(np.float32)
        yield name, (scale * 0.2 * seen @ centres.T).astype(np.float32), labels


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f} over a minute, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
