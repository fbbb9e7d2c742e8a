"""A plan on a Ray cluster: offered where one is configured, and handed on as a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import elsewhere
from app.plan import build_plan
from app.training import form_of
from bickd_core.presets import VARIANTS
from bickd_core.runs import Library
from bickd_core.sweeps.definition import planned_runs, read_sweep
from bickd_core.training.config import Seeds, TrainConfig

SHELF = Path(__file__).parents[2] / "pretrained"


def plan(**changes):
    config = TrainConfig(teacher="caltech95/teacher", objective={"kind": "kd"}, epochs=3, train_limit=200)  # type: ignore[arg-type]
    form = {
        "methods": ["kd", "kd-standardize"],
        "options": {"kd": {"temperature": 2.0}},
        "seeds": "0 4",
        "name": "",
    }
    return build_plan({**form_of(config), **form, **changes})


def test_it_is_offered_where_an_address_and_ray_are_there(monkeypatch):
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert elsewhere.ray_address() is None
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://head:8265")
    assert elsewhere.ray_address() == "http://head:8265"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert elsewhere.ray_address() is None


def test_a_plan_is_a_sweep_of_the_same_runs():
    sweep = elsewhere.as_sweep(plan(), "mine")
    planned = planned_runs(sweep)
    assert [run.name for run in planned] == [
        "mine-kd-s0", "mine-kd-standardize-s0", "mine-kd-s4", "mine-kd-standardize-s4",
    ]  # fmt: skip
    assert [run.config for run in planned] == [run.config for group in plan().groups for run in group]
    assert planned[2].config.seeds == Seeds.all(4)
    assert planned[3].config.objective == VARIANTS["kd-standardize"].options
    with pytest.raises(ValueError, match="on this machine"):
        elsewhere.as_sweep(plan(role="teacher"), "mine")


def test_the_sweep_is_written_and_started_once_the_cluster_takes_it(tmp_path, monkeypatch):
    library = Library(shelf=SHELF, own=tmp_path)
    asked = []

    class Process:
        pid = 1

        def wait(self):
            return 0

    def connect(address):
        asked.append(address)

    monkeypatch.setattr("bickd_core.launch.ray.connect", connect)
    monkeypatch.setattr(elsewhere, "_sweep", lambda path, library: Process())
    assert elsewhere.start_on_ray(plan(), "mine", library) == "mine"
    assert read_sweep(tmp_path / "mine.sweep.yaml") == elsewhere.as_sweep(plan(), "mine")
    assert elsewhere.start_on_ray(plan(), "mine", library) == "mine-2"
    assert asked == [None, None]

    def refuse(address):
        raise ValueError("the Ray cluster refuses.")

    monkeypatch.setattr("bickd_core.launch.ray.connect", refuse)
    with pytest.raises(ValueError, match="refuses"):
        elsewhere.start_on_ray(plan(), "mine", library)
    assert not (tmp_path / "mine-3.sweep.yaml").exists()
