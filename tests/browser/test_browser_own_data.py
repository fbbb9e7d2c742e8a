"""Images of one's own on the Distill page: asked for by path, described, refused in a sentence, trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from browser_harness import AppPage, until
from PIL import Image
from playwright.sync_api import expect

from bickd_core.checkpoints import save_weights
from bickd_core.models.factory import create_model
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


def say_where(app: AppPage, path: object, form: str = "distill") -> None:
    box = app.key(f"{form}-own").locator("input")
    box.fill(str(path))
    with app.rerun():
        box.press("Enter")


def choose_own(app: AppPage, form: str) -> None:
    box = app.key(f"{form}-dataset").locator("input")
    box.click()
    with app.rerun():
        app.page.get_by_role("option", name="Images of your own…").click()


def weights_for(path: Path, num_classes: int) -> Path:
    save_weights(create_model("resnet8", num_classes=num_classes, in_channels=1), path, metadata={})
    return path


def test_weights_for_a_folder_of_images_become_a_run(app: AppPage, tmp_path: Path):
    app.open("runs")
    if not app.key("runs-upload").is_visible():
        app.key("runs-load-open").locator("summary").click()
    with app.rerun():
        app.key("runs-upload").locator('input[type="file"]').set_input_files(
            weights_for(tmp_path / "lit.safetensors", 2)
        )
    # no set that comes along has two classes: the form asks for one's own
    load = app.key("runs-load").get_by_role("button")
    expect(app.key("runs-own").locator("input")).to_have_value("")
    expect(load).to_be_disabled()
    say_where(app, folder(tmp_path / "lamps"), "runs")
    expect(app.page.get_by_text("2 classes, grey: 43 images to train")).to_be_visible()
    load.click()
    expect(app.key("runs-loaded")).to_contain_text("lit is checked", timeout=120_000)
    library = Library(shelf=app.server.shelf, own=app.server.runs)
    info = library.find("lit").info()
    assert (info.arch, info.dataset, info.image_size) == ("resnet8", f"folder:{tmp_path / 'lamps'}", 12)
    # a second file with these classes finds these images again; one of others is refused
    app.open("runs")
    if not app.key("runs-upload").is_visible():
        app.key("runs-load-open").locator("summary").click()
    with app.rerun():
        app.key("runs-upload").locator('input[type="file"]').set_input_files(
            weights_for(tmp_path / "again.safetensors", 2)
        )
    expect(app.key("runs-own").locator("input")).to_have_value(info.dataset)
    expect(load).to_be_enabled()
    expect(app.key("runs-size").get_by_role("radio", name="12 × 12")).to_be_checked()
    with app.rerun():
        app.key("runs-upload").locator('input[type="file"]').set_input_files(
            weights_for(tmp_path / "three.safetensors", 3)
        )
    expect(
        app.page.get_by_text(
            "The file is for 3 classes of images with 1 channel, and lamps (image folder) has 2"
        )
    ).to_be_visible()
    expect(load).to_be_disabled()


def test_a_teacher_is_trained_on_a_folder_of_images(app: AppPage, tmp_path: Path):
    app.open("distill")
    with app.rerun():
        app.page.get_by_text("Train a teacher", exact=True).first.click()
    choose_own(app, "distill")
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
