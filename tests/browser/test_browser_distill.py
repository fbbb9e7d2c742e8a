"""Distillations started, lost, resumed and opened from the page, with real workers on the bundled
teacher."""

from __future__ import annotations

import os
import signal

import pytest
from browser_harness import AppPage, AppServer, until
from playwright.sync_api import expect
from run_helpers import small_config

from bickd_core.launch.local import submit
from bickd_core.runs.checkpoints import read_weights
from bickd_core.runs.library import Library, RunFolder

SHORT = {"epochs": 1, "train_limit": 192}
LONG_SECONDS = 480.0
KILLED_AT_EPOCH = 1


def library(server: AppServer) -> Library:
    return Library(shelf=server.shelf, own=server.runs)


def fill(app: AppPage, **numbers: int) -> None:
    """Set number boxes of the form by their key."""
    for name, value in numbers.items():
        box = app.field(f"distill-{name}").locator("input")
        box.fill(str(value))
        with app.rerun():
            box.press("Enter")


def start(app: AppPage, **numbers: int) -> RunFolder:
    """Open the form, press Start, and give the run that the page then names in its link."""
    app.open("distill")
    fill(app, **numbers)
    app.key("distill-start").locator("button").click()
    until("the run's name in the link", lambda: app.query().get("run"))
    return library(app.server).find(app.query()["run"])


@pytest.fixture(scope="module")
def digits_teacher(server: AppServer) -> RunFolder:
    """A teacher on the digits that is trained in a second."""
    run = submit(small_config(role="teacher", epochs=1), library(server), name="big")
    until("the teacher's end", lambda: ended(run, "finished", "failed"), LONG_SECONDS)
    assert run.status().state == "finished", run.status().error
    return run


def ended(run: RunFolder, *states: str) -> bool:
    return run.status().state in states


def test_a_short_run_ends_in_the_comparison_and_on_the_map(app: AppPage):
    run = start(app, **SHORT)
    until("the run's end", lambda: ended(run, "finished", "failed"), LONG_SECONDS)
    assert run.status().state == "finished", run.status().error
    opener = app.key("distill-open").locator("button")
    expect(opener).to_be_visible()
    app.settle()
    opener.click()
    expect(app.page.get_by_text("Every figure with its interval")).to_be_visible()
    app.settle()
    assert run.key in app.query()["students"].split("~")
    assert app.query()["teacher"] == "caltech95/teacher"
    app.visit("Prediction map")
    n = f"{len(run.predictions('test')):,}"
    panel = app.key("map-panels").locator(f'figure[data-model="{run.key}"]')
    expect(panel.locator(".note")).to_have_text(f"{n} of {n} images")


def test_a_killed_worker_is_resumed_to_the_same_weights(
    app: AppPage, server: AppServer, digits_teacher: RunFolder
):
    # two images a step: half an epoch is longer than status.json lags
    config = small_config(
        arch="resnet20",
        teacher=digits_teacher.key,
        objective={"kind": "bickd"},
        batch_size=2,
        train_limit=1000,
        make_map=False,
    )
    run = submit(config, library(server), name="broken")
    app.open("distill", {"run": run.key})
    until(
        "the second epoch's first half",
        lambda: (
            (at := run.status().progress).epoch == KILLED_AT_EPOCH and 0 < at.step < at.steps / 2
        ),
        LONG_SECONDS,
    )
    worker = run.status().worker
    assert worker is not None
    os.kill(worker.pid, signal.SIGKILL)
    assert len(run.metrics()) == KILLED_AT_EPOCH  # the epoch had not ended
    resume = app.key("distill-resume").locator("button")
    expect(resume).to_be_visible()  # found lost within 30 s
    assert run.status().stale()
    assert len(run.metrics()) < config.epochs
    resume.click()
    until("the run's end", lambda: ended(run, "finished", "failed"), LONG_SECONDS)
    assert run.status().state == "finished", run.status().error

    unbroken = submit(config, library(server), name="unbroken")
    until("the unbroken run's end", lambda: ended(unbroken, "finished", "failed"), LONG_SECONDS)
    ours, theirs = (read_weights(folder.weights_path) for folder in (run, unbroken))
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in ours)


def test_two_methods_race_from_the_page_to_the_comparison(
    app: AppPage, server: AppServer, digits_teacher: RunFolder
):
    app.open("distill", {"teacher": digits_teacher.key})
    app.key("distill-methods").locator("input").fill("BicKD (")  # the list shows a part of all
    with app.rerun():
        app.page.get_by_role("option", name="BicKD (reconstruction)", exact=True).click()
    app.page.keyboard.press("Escape")
    expect(app.page.get_by_text("arXiv 2602.01265").first).to_be_visible()
    fill(app, epochs=2, train_limit=200)
    app.key("distill-start").locator("button").click()
    until("the race in the link", lambda: app.query().get("race"))
    keys = app.query()["race"].split("~")
    runs = [library(server).find(key) for key in keys]
    assert [run.info().objective for run in runs] == ["kd", "bickd"]
    expect(app.key("race-students")).to_contain_text("BicKD")
    until("both ends", lambda: all(ended(run, "finished", "failed") for run in runs), LONG_SECONDS)
    assert [run.status().error for run in runs] == ["", ""]
    assert runs[0].status().worker == runs[1].status().worker
    opener = app.key("race-open").locator("button")
    expect(opener).to_be_visible()
    app.settle()
    assert app.points("race-validation_accuracy") == 4  # two students, two epochs
    opener.click()
    expect(app.page.get_by_text("Every figure with its interval")).to_be_visible()
    app.settle()
    assert (app.query()["teacher"], app.query()["students"].split("~")) == (
        digits_teacher.key,
        keys,
    )


def test_a_finished_run_is_extended_and_its_chart_begins_with_its_parent(
    app: AppPage, server: AppServer
):
    first = submit(small_config(epochs=2), library(server), name="first")
    until("the first run's end", lambda: ended(first, "finished", "failed"), LONG_SECONDS)
    app.open("runs", {"run": "first"})
    app.key("runs-extend-open").locator("button").first.click()
    box = app.key("runs-extend-epochs").locator("input")
    box.fill("3")
    with app.rerun():
        box.press("Enter")
    app.key("runs-extend").locator("button").click()
    until("the longer run in the link", lambda: app.query().get("run") == "first-plus3")
    longer = library(server).find("first-plus3")
    assert (longer.info().extends, longer.info().config.epochs) == ("first", 3)
    until("its end", lambda: ended(longer, "finished", "failed"), LONG_SECONDS)
    assert longer.status().error == ""
    expect(app.page.get_by_text("2 epochs of first, which this run extends")).to_be_visible()
    app.settle()
    assert app.points("live-first-plus3-accuracy") == 2 * (2 + 3)  # validation and train
    app.key("distill-parent").locator("button").click()
    until(
        "the parent in the link", lambda: app.query().get("run") == "first"
    )  # a refresh may come between


def test_reload_and_restart_find_the_run_again(app: AppPage, server: AppServer):
    run = start(app, epochs=60, train_limit=960)
    until("its first step", lambda: run.status().progress.images_per_second, LONG_SECONDS)
    app.reload()
    assert app.query()["run"] == run.key
    expect(app.key("distill-stop")).to_be_visible()
    server.restart()
    assert not run.status().stale(), "the worker must live on when the app ends"
    app.open("distill", app.query())
    stop = app.key("distill-stop").locator("button")
    expect(stop).to_be_visible()
    stop.click()
    until("the run to stop", lambda: ended(run, "stopped"), 60)
    expect(app.key("distill-resume")).to_be_visible()


@pytest.fixture(autouse=True)
def no_worker_is_left(server: AppServer):
    yield
    for run in library(server).runs():
        worker = run.status().worker
        if not run.read_only and run.status().active and worker is not None and not worker.lost():
            os.kill(worker.pid, signal.SIGKILL)
