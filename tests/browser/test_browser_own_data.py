"""Images of one's own on the Distill page: asked for by path, described, refused in a sentence, trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from browser_harness import AppPage, until
from PIL import Image
from playwright.sync_api import expect

from bickd_core.runs import Library


def folder(root: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, level in (("dark", 0), ("light", 150)):
        (root / name).mkdir(parents=True)
        for i in range(30):
            Image.fromarray(rng.integers(level, level + 100, (12, 12), dtype=np.uint8)).save(
                root / name / f"{i}.png"
            )
    return root


def say_where(app: AppPage, path: object) -> None:
    box = app.key("distill-own").locator("input")
    box.fill(str(path))
    with app.rerun():
        box.press("Enter")


def test_a_teacher_is_trained_on_a_folder_of_images(app: AppPage, tmp_path: Path):
    app.open("distill")
    with app.rerun():
        app.page.get_by_text("Train a teacher", exact=True).first.click()
    box = app.key("distill-dataset").locator("input")
    box.click()
    with app.rerun():
        app.page.get_by_role("option", name="Images of your own…").click()
    say_where(app, tmp_path / "nowhere")
    expect(app.page.get_by_text("is not there; was it moved, or is a disk not mounted?")).to_be_visible()
    say_where(app, folder(tmp_path / "lamps"))
    expect(
        app.page.get_by_text("2 classes, grey: 43 images to train, 5 to validate, 12 to test.")
    ).to_be_visible()
    epochs = app.key("distill-epochs").locator("input")
    epochs.fill("1")
    with app.rerun():
        epochs.press("Enter")
    app.key("distill-start").locator("button").click()
    until("the run's name in the link", lambda: app.query().get("run"))
    run = Library(shelf=app.server.shelf, own=app.server.runs).find(app.query()["run"])
    until("the run's end", lambda: run.status().state in ("finished", "failed"), 180.0)
    assert run.status().state == "finished", run.status().error
    assert (run.info().dataset, run.info().num_classes) == (f"folder:{tmp_path / 'lamps'}", 2)
    app.settle()
