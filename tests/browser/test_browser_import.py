"""Weights loaded on Runs: a good file becomes a run in the comparison, others are refused and leave nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from browser_harness import AppPage, AppServer, until
from playwright.sync_api import expect

from bickd_core.runs import Library

SECONDS = 120_000


def upload(app: AppPage, file: Path) -> None:
    """Give the form of Runs this file."""
    app.open("runs")
    place = app.key("runs-upload")
    if not place.is_visible():
        app.key("runs-load-open").locator("summary").click()
        expect(place).to_be_visible()
    with app.rerun():
        place.locator('input[type="file"]').set_input_files(file)


def left_behind(server: AppServer) -> list[str]:
    return sorted(path.name for path in server.runs.iterdir() if path.name != ".slots")


def test_weights_become_a_run_that_is_opened_in_the_comparison(
    app: AppPage, server: AppServer, tmp_path: Path
):
    weights = tmp_path / "mine.safetensors"  # its tensors tell the network, its name need not
    weights.write_bytes((server.shelf / "caltech95/kd-s0/model.safetensors").read_bytes())
    upload(app, weights)
    expect(app.key("runs-name").locator("input")).to_have_value("mine")
    app.key("runs-load").get_by_role("button").click()
    loaded = app.key("runs-loaded")
    expect(loaded).to_contain_text("mine is checked", timeout=SECONDS)
    library = Library(server.shelf, server.runs)
    ours, theirs = (library.find(key).predictions("test") for key in ("mine", "caltech95/kd-s0"))
    assert (ours.predicted == theirs.predicted).mean() > 0.995  # evaluated anew, in this machine's precision
    app.key("runs-show-loaded").get_by_role("button").click()
    until("the comparison", lambda: app.query().get("teacher") == "mine")


class RunsCode:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize(
    ("kind", "sentence"), [("text", "is not a whole torch file"), ("code", "nothing in it was run")]
)
def test_a_file_that_is_not_weights_is_refused_in_a_sentence(
    app: AppPage, server: AppServer, tmp_path: Path, kind, sentence
):
    before = left_behind(server) if server.runs.exists() else []
    file, marker = tmp_path / "resnet8.pt", tmp_path / "ran"
    if kind == "text":
        file.write_text("not weights at all")
    else:
        torch.save({"model": RunsCode(marker)}, file)
    upload(app, file)
    expect(app.page.get_by_test_id("stAlert").first).to_contain_text(sentence, timeout=SECONDS)
    expect(app.key("runs-load").get_by_role("button")).to_be_disabled()
    until("nothing to be left", lambda: left_behind(server) == before)
    assert not marker.exists()
