"""Images of one's own on the Distill page: asked for by path, described, refused in a sentence,
trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from browser_harness import AppPage, until
from PIL import Image
from playwright.sync_api import expect

from bickd_core.config import TrainConfig
from bickd_core.launch.local import submit
from bickd_core.models.factory import create_model
from bickd_core.presets.logits import KDOptions
from bickd_core.runs.checkpoints import save_weights
from bickd_core.runs.library import Library

NUMBERS = ("temperature", "alpha", "beta")
TRIES = 4


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
    box = app.field(f"{form}-own").locator("input")
    box.fill(str(path))
    with app.rerun():
        box.press("Enter")


def choose_own(app: AppPage, form: str) -> None:
    box = app.field(f"{form}-dataset").locator("input")
    box.click()
    with app.rerun():
        app.page.get_by_role("option", name="Your own images…").click()


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
    expect(app.field("runs-own").locator("input")).to_have_value("")
    expect(load).to_be_disabled()
    say_where(app, folder(tmp_path / "lamps"), "runs")
    expect(app.page.get_by_text("2 classes, grey: 43 training")).to_be_visible()
    with app.rerun():
        app.page.get_by_role("radio", name="Pad").click()
    app.field("runs-normalisation").locator("input").click()
    with app.rerun():
        app.page.get_by_role("option", name="CIFAR-100's mean and std").click()
    expect(app.page.get_by_text("CIFAR-100's: mean 0.4782, std 0.2666.")).to_be_visible()
    size = app.field("runs-input_size").locator("input")
    size.fill("16")
    with app.rerun():
        size.press("Enter")
    load.click()
    expect(app.key("runs-loaded")).to_contain_text("lit was checked", timeout=120_000)
    expect(app.key("runs-loaded")).to_contain_text(
        "Images are scaled to fit, with black borders (bicubic)"
    )
    library = Library(shelf=app.server.shelf, own=app.server.runs)
    info = library.find("lit").info()
    assert (info.arch, info.dataset, info.image_size) == (
        "resnet8",
        f"folder:{tmp_path / 'lamps'}",
        12,
    )
    assert info.preprocessing is not None
    own = info.preprocessing
    assert (own.name, own.resize, own.input_size, own.channel_order) == (
        "cifar100",
        "pad",
        16,
        "rgb",
    )
    # a second file with these classes finds these images again; one of others is refused
    app.open("runs")
    if not app.key("runs-upload").is_visible():
        app.key("runs-load-open").locator("summary").click()
    with app.rerun():
        app.key("runs-upload").locator('input[type="file"]').set_input_files(
            weights_for(tmp_path / "again.safetensors", 2)
        )
    expect(app.field("runs-dataset").locator("input")).to_have_value("lamps (image folder)")
    expect(load).to_be_enabled()
    expect(app.field("runs-size").get_by_role("radio", name="12 × 12")).to_be_checked()
    with app.rerun():
        app.key("runs-upload").locator('input[type="file"]').set_input_files(
            weights_for(tmp_path / "three.safetensors", 3)
        )
    expect(
        app.page.get_by_text(
            "The network expects 3 classes and 1 channel, but lamps (image folder) has 2"
        )
    ).to_be_visible()
    expect(load).to_be_disabled()


def test_fields_keep_their_values_while_a_path_is_typed(app: AppPage, tmp_path: Path):
    """The loss options became 0 in every third try: their widgets leave the page until a path is
    there."""
    lamps = folder(tmp_path / "lamps")
    library = Library(shelf=app.server.shelf, own=app.server.runs)
    options = {
        "dataset": f"folder:{lamps}",
        "arch": "resnet14",
        "role": "teacher",
        "epochs": 1,
        "threads": 1,
    }
    big = submit(TrainConfig.model_validate(options), library, name="big")
    until("the teacher's end", lambda: big.status().state in ("finished", "failed"), 480.0)
    assert big.status().state == "finished", big.status().error
    default = KDOptions().model_dump(include=set(NUMBERS))
    for _ in range(TRIES):
        app.open("distill")
        assert numbers(app) == default
        alpha = app.field("distill-option-kd-alpha").locator("input")
        app.key("distill-options").locator("summary").click()
        alpha.fill("0.7")
        with app.rerun():
            alpha.press("Enter")
        choose_own(app, "distill")
        expect(alpha).to_be_hidden()
        say_where(app, lamps)
        expect(app.page.get_by_text("2 classes, grey")).to_be_visible()
        app.key("distill-estimate").wait_for()
        app.settle()
        assert numbers(app) == {**default, "alpha": 0.7}


def numbers(app: AppPage) -> dict[str, float]:
    """The number boxes of KD's options as the browser shows them."""
    boxes = {name: app.field(f"distill-option-kd-{name}").locator("input") for name in NUMBERS}
    return {name: float(box.input_value()) for name, box in boxes.items()}


def test_a_teacher_is_trained_on_a_folder_of_images(app: AppPage, tmp_path: Path):
    app.open("distill")
    with app.rerun():
        app.page.get_by_text("Train a teacher", exact=True).first.click()
    choose_own(app, "distill")
    say_where(app, tmp_path / "nowhere")
    expect(
        app.page.get_by_text("does not exist; check the path and that its disk is mounted.")
    ).to_be_visible()
    say_where(app, folder(tmp_path / "lanterns"))
    expect(
        app.page.get_by_text("2 classes, grey: 43 training, 5 validation and 12 test images.")
    ).to_be_visible()
    epochs = app.field("distill-epochs").locator("input")
    epochs.fill("1")
    with app.rerun():
        epochs.press("Enter")
    app.key("distill-start").locator("button").click()
    until("the run's name in the link", lambda: app.query().get("run"))
    run = Library(shelf=app.server.shelf, own=app.server.runs).find(app.query()["run"])
    until("the run's end", lambda: run.status().state in ("finished", "failed"), 480.0)
    assert run.status().state == "finished", run.status().error
    assert (run.info().dataset, run.info().num_classes) == (f"folder:{tmp_path / 'lanterns'}", 2)
    assert run.info().arch == "resnet14x2"  # larger than the students to come
    distil = app.page.get_by_role("button", name="Distil a student")  # its hidden twin is for touch
    expect(distil).to_be_visible()
    expect(app.key("distill-figures")).to_contain_text("Test accuracy")
    app.settle()
    with app.rerun():
        distil.click()
    expect(app.field("distill-dataset").locator("input")).to_have_value("lanterns (image folder)")
    expect(app.field("distill-teacher").locator("input")).to_have_value(run.key)
    expect(app.key("distill-start")).to_be_visible()
