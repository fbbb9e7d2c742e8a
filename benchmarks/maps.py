"""Measure how fast the linked maps move in a real Chromium with software rendering: `python
benchmarks/maps.py`.

It opens the prediction map on the bundled comparisons (1,208 and 10,000 samples, teacher and four
students) and on 50,000 synthetic samples, moves and zooms it, hovers, and draws a lasso. A frame's time is from one animation frame
to the next while the map moves. Painting is the part of the script in it, for all panels together.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser"), str(ROOT / "benchmarks")]

import size
from browser_harness import AppPage, launch, serving, tab
from playwright.sync_api import sync_playwright

STUDENTS = ("ce-s0", "kd-s0", "dist-s0", "bickd-s0")
MOVING = """
async ([root, frames]) => {
  const canvas = root.querySelector('canvas.over'), area = canvas.getBoundingClientRect();
  const x = area.left + area.width / 2, y = area.top + area.height / 2;
  root.querySelector('.plots').focus();
  const next = () => new Promise(done => requestAnimationFrame(done));
  const gaps = [], paints = [];
  await next();
  for (let i = 0; i < frames; i++) {
    const before = performance.now();
    canvas.dispatchEvent(new WheelEvent('wheel',
      {deltaY: i % 2 ? 40 : -40, clientX: x, clientY: y, bubbles: true, cancelable: true}));
    await next(); // paints
    await next(); // shown
    gaps.push((performance.now() - before) / 2);
    paints.push(Number(root.dataset.paintMs));
  }
  return {gaps, paints};
}
"""
HOVERING = """
async ([root, moves]) => {
  const canvas = root.querySelector('canvas.over'), area = canvas.getBoundingClientRect(), spent = [];
  for (let i = 0; i < moves; i++) {
    const before = performance.now();
    canvas.dispatchEvent(new PointerEvent('pointermove',
      {clientX: area.left + area.width * (0.3 + 0.4 * i / moves), clientY: area.top + area.height / 2, bubbles: true}));
    spent.push(performance.now() - before);
    if (i % 10 === 9) await new Promise(done => requestAnimationFrame(done));
  }
  return spent;
}
"""


def quantiles(values: list[float]) -> str:
    """Fastest tenth, median, slowest twentieth: on a shared machine the first is nearest to an idle
    one."""
    ordered = sorted(values)
    return " ".join(f"{ordered[int(at * len(ordered))]:5.1f}" for at in (0.1, 0.5, 0.95))


def lasso(app: AppPage) -> float:
    """Seconds from letting the lasso go to the chip that counts its samples."""
    area = app.key("map-panels").locator("canvas.over").first.bounding_box()
    assert area is not None
    mouse, (x, y, w, h) = app.page.mouse, (area["x"], area["y"], area["width"], area["height"])
    mouse.move(x + 0.1 * w, y + 0.1 * h)
    mouse.down()
    for fx, fy in ((0.9, 0.1), (0.9, 0.9), (0.1, 0.9)):
        mouse.move(x + fx * w, y + fy * h, steps=5)
    mouse.up()
    began = time.monotonic()
    app.page.wait_for_selector(".bk-chip")
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=60)
    frames = parser.parse_args().frames
    print("                           fastest tenth, median, slowest twentieth")
    print(
        "data          dpr samples  paint ms             frame ms             hover ms     lasso to"
        " chip s"
    )
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = launch(playwright)
        runs = Path(folder) / "runs"
        views = {
            dataset: {
                "teacher": f"{dataset}/teacher",
                "students": "~".join(f"{dataset}/{name}" for name in STUDENTS),
            }
            for dataset in ("caltech95", "fashion-mnist")
        }
        views["synthetic"] = size.make_runs(runs, 50_000, 100)
        with serving(runs) as server:
            for dataset, view in views.items():
                for density in (1, 2):
                    with tab(browser, server, scale=density, animated=True) as app:
                        app.open("prediction_map", view)
                        place = app.key("map-panels")
                        place.scroll_into_view_if_needed()
                        root = place.locator(".bks").element_handle()
                        moved = app.page.evaluate(MOVING, [root, frames])
                        hover = app.page.evaluate(HOVERING, [root, 5 * frames])
                        place.get_by_role("button", name="Show the whole map").click()
                        waited = lasso(app)
                        n = place.locator(".note").first.inner_text().split(" ")[0]
                    print(
                        f"{dataset:14s} {density:2d} {n:>6s}  {quantiles(moved['paints'])}    "
                        f"{quantiles(moved['gaps'])}    {quantiles(hover)}  {waited:8.2f}",
                        flush=True,
                    )
        browser.close()


if __name__ == "__main__":
    main()
