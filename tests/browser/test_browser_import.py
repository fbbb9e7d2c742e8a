"""Weights loaded on Runs: a good file becomes a run in the comparison, others are refused and leave
nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from browser_harness import AppPage, AppServer, until
from playwright.sync_api import expect
from safetensors.torch import load_file

from bickd_core.data.registry import load_dataset
from bickd_core.runs.library import Library

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
    expect(app.field("runs-name").locator("input")).to_have_value("mine")
    app.key("runs-load").get_by_role("button").click()
    loaded = app.key("runs-loaded")
    expect(loaded).to_contain_text("mine was checked", timeout=SECONDS)
    library = Library(server.shelf, server.runs)
    ours, theirs = (library.find(key).predictions("test") for key in ("mine", "caltech95/kd-s0"))
    assert (
        ours.predicted == theirs.predicted
    ).mean() > 0.995  # evaluated anew, in this machine's precision
    app.key("runs-show-loaded").get_by_role("button").click()
    until("the comparison", lambda: app.query().get("teacher") == "mine")


def without_normalisation(weights: Path, target: Path) -> Path:
    """A bundled caltech95 network that expects inputs from 0 to 1: the scale is folded into its
    first layers."""
    data, state = load_dataset("caltech95"), load_file(weights)
    mean, std = (torch.tensor(figures).view(1, -1, 1, 1) for figures in (data.mean, data.std))
    stem = state["conv1.weight"].float()
    state["conv1.weight"] = stem / std
    state["bn1.running_mean"] = state["bn1.running_mean"].float() + (stem * mean / std).sum(
        (1, 2, 3)
    )
    torch.save({"state_dict": {f"module.{name}": value for name, value in state.items()}}, target)
    return target


def test_another_normalisation_is_named_and_one_click_loads_the_file_with_it(
    app: AppPage, server: AppServer, tmp_path: Path
):
    kd = server.shelf / "caltech95/kd-s0/model.safetensors"
    upload(app, without_normalisation(kd, tmp_path / "plain.pt"))
    app.key("runs-load").get_by_role("button").click()
    refused = app.key("runs-refused")
    expect(refused).to_contain_text("With no normalisation (values from 0 to 1),", timeout=SECONDS)
    expect(refused).to_contain_text(
        "validation images are right, but with the data's own mean and std only"
    )
    assert "plain" not in [run.key for run in Library(server.shelf, server.runs).runs()]
    app.key("runs-load-better").get_by_role("button").click()
    expect(app.key("runs-loaded")).to_contain_text("plain was checked", timeout=SECONDS)
    expect(app.key("runs-loaded")).to_contain_text("Inputs were not normalised")
    expect(app.key("runs-details")).to_contain_text("Inputs were not normalised")
    library = Library(server.shelf, server.runs)
    ours, theirs = (library.find(key).predictions("test") for key in ("plain", "caltech95/kd-s0"))
    assert (ours.predicted == theirs.predicted).mean() > 0.8  # equal but for the border


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


def test_a_file_with_two_networks_asks_which_one(app: AppPage, server: AppServer, tmp_path: Path):
    student = load_file(server.shelf / "caltech95/kd-s0/model.safetensors")
    both = {f"student.{name}": value for name, value in student.items()}
    both |= {f"teacher.{name}": value + 1 for name, value in student.items()}
    torch.save({"model": both, "best_acc": 1.0}, tmp_path / "both.th")
    upload(app, tmp_path / "both.th")
    expect(app.page.get_by_text("Network in the file")).to_be_visible(timeout=SECONDS)
    choice = app.page.get_by_role("combobox", name="Network in the file")
    expect(choice).to_have_value("model/student · ResNet-8")
    expect(app.field("runs-name").locator("input")).to_have_value("both")
