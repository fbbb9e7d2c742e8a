"""Measure how long a person waits in a real Chromium: `python benchmarks/interactions.py`.

The data are the bundled runs, random predictions of 10,000 x 100, and with `--only imagenet` the
structured ones of 50,000 x 1,000 of `benchmarks/size.py`. A time runs from the action
to the moment when the script has ended, nothing is stale and every chart is drawn. Each action is
done `-n` times, on different cells or values. The first time is reported separately, because it
fills caches.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

from browser_harness import AppPage, launch, serving, tab
from playwright.sync_api import Locator, sync_playwright
from size import SIZES, make_runs, settled

from app.registry import PAGES
from bickd_core.geometry.layout import pca_layout
from bickd_core.geometry.map_space import map_space_from_logits
from bickd_core.maps.store import TEMPERATURE, layout_key, store_layout
from bickd_core.runs.library import Library, RunFolder
from bickd_core.runs.predictions import Predictions

METHODS = ("ce", "kd", "dist", "bickd")
COMPARISONS = {
    "caltech95": ("caltech95: 1,208 samples x 95 classes, teacher and four students", 0.5),
    "large": ("10,000 samples x 100 classes, teacher and four students, drawn at random", 1.0),
    "imagenet": ("50,000 samples x 1,000 classes, teacher and four students", 1.0),
}
"""Title and goal in seconds. The last is only measured if it is named."""
Action = tuple[str, str, Callable[[AppPage, int], None]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "-n", type=int, default=5, help="times that each action is done after its first"
    )
    parser.add_argument("--only", choices=COMPARISONS, help="one of the comparisons")
    parser.add_argument("--home", type=Path, help="keep the runs of 50,000 x 1,000 here")
    arguments = parser.parse_args()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright)
        for name, (title, goal) in COMPARISONS.items():
            if arguments.only != name and (arguments.only or name == "imagenet"):
                continue
            home = Path(folder) / name / "runs"
            query = {}
            if name == "large":
                query = large(home)
            elif name == "imagenet":
                home = (arguments.home or Path(folder)) / name / "runs"
                query = imagenet(home)
            print(f"\n### {title} (goal {goal:g} s), {load()}\n")
            with serving(home) as server, tab(browser, server, animated=True) as opened:
                received = payload(opened)
                print("| page | opened s | payload kB |\n|---|---|---|")
                for page in PAGES:
                    received.clear()
                    seconds = opening(opened, "" if page.default else page.path, query)
                    print(
                        f"| {page.title} | {seconds:.2f} | {sum(received) / 1000:.0f} |", flush=True
                    )
                print("\n| action | first s | median s | max s |\n|---|---|---|---|")
                for path, what, act in actions():
                    if name != "caltech95" and path == "by_epoch":
                        continue  # these predictions were not trained
                    if name == "imagenet" and "features" in what:
                        continue  # they have none
                    opening(opened, path, query)
                    times = [timed(opened, act, turn) for turn in range(arguments.n + 1)]
                    later = times[1:]
                    print(
                        f"| {what} | {times[0]:.2f} | {statistics.median(later):.2f} |"
                        f" {max(later):.2f} |",
                        flush=True,
                    )
                opened.check()
            print(f"\nAt the end: {load()}")
        browser.close()


def load() -> str:
    """How busy the machine is, this script and its browser included."""
    return f"load {os.getloadavg()[0]:.1f} over a minute, {os.cpu_count()} cores"


def actions() -> Iterator[Action]:
    """Page, what is done there, and how."""
    yield (
        "",
        "Overview: click a cell of a Gram",
        lambda app, turn: click_cell(gram(app, "overview-gram"), turn),
    )
    yield "", "Overview: change the temperature", temperature
    yield (
        "class_geometry",
        "Class geometry: click a cell",
        lambda app, turn: click_cell(gram(app, "geometry-gram"), turn),
    )
    yield "class_geometry", "Class geometry: change the temperature", temperature
    yield (
        "class_geometry",
        "Class geometry: entropy matched by each rule",
        lambda app, turn: button(app, "geometry-matching", turn),
    )
    yield (
        "similarity",
        "Similarity: click a cell",
        lambda app, turn: click_cell(gram(app, "similarity-class"), turn),
    )
    yield "similarity", "Similarity: change the temperature", temperature
    yield (
        "similarity",
        "Similarity: outputs, features",
        lambda app, turn: button(app, "similarity-basis", turn),
    )
    yield (
        "similarity",
        "Similarity: another student in focus",
        lambda app, turn: button(app, "similarity-student", turn),
    )
    yield "prediction_map", "Prediction map: lasso", lasso
    yield (
        "prediction_map",
        "Prediction map: colour by another figure",
        lambda app, turn: button(app, "map-colour", turn),
    )
    yield "by_epoch", "By epoch: next epoch", lambda app, turn: next_epoch(app)
    yield "disagreements", "Disagreements: click a count", lambda app, turn: count(app, turn)
    yield (
        "disagreements",
        "Disagreements: click a cell",
        lambda app, turn: click_cell(gram(app, "confusion-matrix"), turn),
    )
    yield (
        "calibration",
        "Calibration: bins of equal counts",
        lambda app, turn: button(app, "calibration-bins", turn),
    )
    yield (
        "sample",
        "Sample: next",
        lambda app, turn: app.key("sample-next").get_by_role("button").click(),
    )


# -- time and bytes
# ----------------------------------------------------------------------------------
def timed(app: AppPage, act: Callable[[AppPage, int], None], turn: int) -> float:
    app.page.evaluate("window.__from = performance.now()")
    with app.rerun():
        act(app, turn)
    return app.page.evaluate("(window.__rest - window.__from) / 1000")


def opening(app: AppPage, page: str, query: dict[str, str]) -> float:
    """Seconds from the address being entered to rest, a page load of its own."""
    app.page.goto(app.server.url(page, query), wait_until="commit")
    return settled(app)


def payload(app: AppPage) -> list[int]:
    """Grows by the bytes of each message that the app sends to the page."""
    sizes: list[int] = []
    app.page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: sizes.append(len(frame))),
    )
    return sizes


# -- what a person does
# ------------------------------------------------------------------------------
def gram(app: AppPage, prefix: str) -> Locator:
    return app.page.locator(f'[class*="st-key-{prefix}"] canvas').first


def click_cell(matrix: Locator, turn: int) -> None:
    area = matrix.bounding_box()
    assert area is not None
    x = 0.3 + 0.05 * (turn % 12)  # always inside, however many turns there are
    matrix.click(position={"x": x * area["width"], "y": 0.6 * area["height"]})


def temperature(app: AppPage, turn: int) -> None:
    handle = app.key("side-temperature").get_by_role("slider")
    handle.press("ArrowLeft" if turn % 2 else "ArrowRight")


def button(app: AppPage, key: str, turn: int) -> None:
    choices = app.key(key).get_by_role("radio")
    choices.nth((turn + 1) % choices.count()).click()


def count(app: AppPage, turn: int) -> None:
    app.page.locator('[class*="st-key-outcome-"]').nth(turn % 4).get_by_role("button").click()


def next_epoch(app: AppPage) -> None:
    app.key("epoch-player").locator('input[type="range"]').press("ArrowLeft")


def lasso(app: AppPage, turn: int) -> None:
    panel = app.page.locator(".bks canvas").first
    panel.scroll_into_view_if_needed()
    area = panel.bounding_box()
    assert area is not None
    x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    reach = 20 + 5 * (turn % 12)
    app.page.mouse.move(x - reach, y - reach)
    app.page.mouse.down()
    for dx, dy in ((reach, -reach), (reach, reach), (-reach, reach), (-reach, -reach + 2)):
        app.page.mouse.move(x + dx, y + dy, steps=4)
    app.page.evaluate("window.__from = performance.now()")  # the gesture itself is not waited for
    app.page.mouse.up()


# -- a large comparison
# ------------------------------------------------------------------------------
def large(home: Path, n: int = 10_000, c: int = 100) -> dict[str, str]:
    """Runs whose logits are drawn at random about a shared mean; returns the query that compares
    them.

    A PCA stands in for their UMAP, which would take minutes to make and draws alike.
    """
    home.mkdir(parents=True)
    library = Library(ROOT / "pretrained", home)
    source = library.find("caltech95/teacher").info()
    chance = np.random.default_rng(0)
    labels = np.arange(n) % c
    centres = chance.normal(0, 1.5, (c, c)) + 5 * np.eye(c)
    shared = centres[labels] + chance.normal(0, 2, (n, c))
    names = tuple(f"class {i:03d}" for i in range(c))
    for name in ("teacher", *METHODS):
        info = source.model_copy(
            update={
                "name": f"large-{name}",
                "title": "" if name == "teacher" else name,
                "dataset": "random",
                "num_classes": c,
                "role": "teacher" if name == "teacher" else "student",
                "config": None,
            }
        )
        run = RunFolder.create(home, info)
        logits = (shared + chance.normal(0, 2, (n, c))).astype(np.float32)
        predictions = Predictions(logits, names, np.arange(n), labels)
        for split in ("test", "validation"):
            predictions.save(run.predictions_path(split))
        teacher = library.find("large-teacher")
        key = layout_key(run, "test", "umap", None if name == "teacher" else teacher)
        store_layout(library, run, key, pca_layout(map_space_from_logits(logits, TEMPERATURE)))
    return {
        "teacher": "large-teacher",
        "students": "~".join(f"large-{method}" for method in METHODS),
    }


def imagenet(home: Path) -> dict[str, str]:
    """Runs of 50,000 x 1,000 with a PCA as their UMAP; returns the query that compares them."""
    query = make_runs(home, *SIZES["imagenet"])
    library = Library(ROOT / "pretrained", home)
    teacher = library.find("size-teacher")
    for run in (teacher, *(library.find(key) for key in query["students"].split("~"))):
        key = layout_key(run, "test", "umap", None if run.key == teacher.key else teacher)
        logits = Predictions.load(run.predictions_path("test")).logits
        store_layout(library, run, key, pca_layout(map_space_from_logits(logits, TEMPERATURE)))
    return query


if __name__ == "__main__":
    main()
