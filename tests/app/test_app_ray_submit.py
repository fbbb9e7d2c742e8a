"""A plan on a Ray cluster: offered where one is configured, and handed on as a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.distill import ray_submit
from app.distill.form_values import form_of
from app.distill.plan import build_plan, plan_text
from bickd_core.config import Seeds, TrainConfig
from bickd_core.presets.catalogue import VARIANTS
from bickd_core.runs.library import Library, check_name
from bickd_core.sweeps.definition import planned_runs, read_sweep

SHELF = Path(__file__).parents[2] / "pretrained"


def test_each_method_keeps_its_learning_rate_on_the_cluster():
    for changes, rates in (({"own_rates": True}, [0.4, 0.025]), ({"lr": 0.05}, [0.05, 0.05])):
        sweep = ray_submit.as_sweep(plan(methods=["kd", "dist"], seeds="0", **changes), "x")
        assert [run.config.optimizer.lr for run in planned_runs(sweep)] == rates


def plan(**changes):
    config = TrainConfig(
        teacher="caltech95/teacher", objective={"kind": "kd"}, epochs=3, train_limit=200
    )  # type: ignore[arg-type]
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
    assert ray_submit.ray_address() is None
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://head:8265")
    assert ray_submit.ray_address() == "http://head:8265"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert ray_submit.ray_address() is None


def test_a_plan_is_a_sweep_of_the_same_runs():
    sweep = ray_submit.as_sweep(plan(), "mine")
    planned = planned_runs(sweep)
    assert [run.name for run in planned] == [
        "mine-kd-s0", "mine-kd-standardize-s0", "mine-kd-s4", "mine-kd-standardize-s4",
    ]  # fmt: skip
    assert [run.config for run in planned] == [
        run.config for group in plan().groups for run in group
    ]
    assert planned[2].config.seeds == Seeds.all(4)
    assert planned[3].config.objective == VARIANTS["kd-standardize"].options
    with pytest.raises(ValueError, match="on this machine"):
        ray_submit.as_sweep(plan(role="teacher"), "mine")


def test_methods_that_were_changed_to_the_same_objective_keep_their_names():
    asked = plan(methods=["kd", "kd-tuned"], options={"kd-tuned": {"temperature": 3.0}}, seeds="0")
    sweep = ray_submit.as_sweep(asked, "x")
    assert [run.name for run in planned_runs(sweep)] == ["x-kd-s0", "x-kd-tuned-s0"]
    assert "race: KD; KD, tuned." in plan_text(asked, None)


@pytest.mark.parametrize(
    "changes", [{"schedule": "step"}, {"schedule": "step", "optimizer": "adamw"}]
)
def test_settings_with_parts_are_handed_on_whole(changes):
    asked = plan(**changes)
    sweep = ray_submit.as_sweep(asked, "x")
    assert [run.config for run in planned_runs(sweep)] == [
        run.config for group in asked.groups for run in group
    ]


@pytest.mark.parametrize("arch", ["timm:resnet18", "resnet8", "timm:" + "x" * 200])
def test_the_name_of_a_sweep_can_be_that_of_its_runs(arch):
    longest = f"{ray_submit.sweep_name(arch)}-dkd-standardize-s2147483647"
    check_name(longest)


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
    monkeypatch.setattr(ray_submit, "_sweep", lambda path, library: Process())
    assert ray_submit.start_on_ray(plan(), "mine", library) == "mine"
    assert read_sweep(tmp_path / "mine.sweep.yaml") == ray_submit.as_sweep(plan(), "mine")
    assert ray_submit.start_on_ray(plan(), "mine", library) == "mine-2"
    assert asked == [None, None]

    def refuse(address):
        raise ValueError("the Ray cluster refuses.")

    monkeypatch.setattr("bickd_core.launch.ray.connect", refuse)
    with pytest.raises(ValueError, match="refuses"):
        ray_submit.start_on_ray(plan(), "mine", library)
    assert not (tmp_path / "mine-3.sweep.yaml").exists()
