"""What somebody else's run folder, sweep or kept selection may hold: a value or a sentence, never
anything else."""

import io
import re

import numpy as np
import pytest
import yaml
from mutations import COUNT, from_file, mutate_bytes, mutate_text, mutate_zip, outcomes
from run_helpers import random_predictions, small_config

from bickd_core.comparing.saved_selections import SavedSelections
from bickd_core.geometry.layout import Layout, pca_layout
from bickd_core.geometry.map_space import map_space
from bickd_core.runs.library import RunFolder
from bickd_core.runs.predictions import Predictions
from bickd_core.runs.stages import Stages
from bickd_core.runs.status import Progress, Status, Worker
from bickd_core.sweeps.definition import read_sweep


def both_happen(found):
    assert min(found["sentence"], found["accepted"]) > COUNT // 20
    assert found["sentence"] + found["accepted"] == COUNT


@pytest.fixture
def run(make_run):
    return make_run(
        "a", status=Status("running", Progress(1, 4, 2, 6, 812.5, 61.0), Worker.this(), 1.0)
    )


def test_run_yaml(run, make_run, library):
    teacher = {"key": "digits/teacher", "weights_sha256": "0" * 64}
    cost = {"parameters": 1000, "macs": 10**6, "latency_ms": 0.5}
    student = make_run(
        "b", config=small_config(teacher="digits/teacher"), info={"teacher": teacher, "cost": cost}
    )
    imported = make_run(
        "c", info={"config": None, "source": {"kind": "imported", "file": "w.pt", "sha256": "0"}}
    )
    seeds = [(each.path / "run.yaml").read_bytes() for each in (run, student, imported)]
    read = from_file(run.path / "run.yaml", lambda path: RunFolder(path.parent, key="a").info())
    both_happen(outcomes(read, seeds, mutate_text))


def test_status_json(run):
    seeds = [(run.path / "status.json").read_bytes(), b'{"state": "finished"}']
    read = from_file(
        run.path / "status.json", lambda path: RunFolder(path.parent, key="a").status().stale()
    )
    both_happen(outcomes(read, seeds, mutate_text))


def test_metrics_jsonl_is_read_whatever_it_holds(run):
    for epoch in range(4):
        run.append_metrics(
            {"epoch": epoch, "loss": 0.5, "validation_accuracy": 0.25, "images_per_second": 812.0}
        )

    def look(path):
        folder = RunFolder(path.parent, key="a")
        records, problem = folder.metrics(), folder.metrics_problem()
        assert all(np.isfinite(list(record.values())).all() for record in records)
        assert not problem or re.fullmatch(r"a/metrics\.jsonl: .*\.", problem)

    seeds = [(run.path / "metrics.jsonl").read_bytes()]
    assert (
        outcomes(from_file(run.path / "metrics.jsonl", look), seeds, mutate_text)["accepted"]
        == COUNT
    )


def saved(save):
    buffer = io.BytesIO()
    save(buffer)
    return buffer.getvalue()


def npz(**arrays):
    return saved(lambda buffer: np.savez_compressed(buffer, **arrays))


@pytest.fixture
def array_files(run, tmp_path):
    """A whole file of each kind, and its reader."""
    predictions = random_predictions(n=12, c=3, features=2)
    predictions.save(run.predictions_path("test"))
    chance = np.random.default_rng(0)
    probe = np.arange(12)
    stages = Stages(("stem", "features"), (chance.normal(size=(12, 2)),) * 2, probe, probe % 3)
    run.write_stages(stages)
    run.write_trajectory(
        {
            "logits": chance.normal(size=(2, 12, 3)).astype(np.float16),
            "ids": probe,
            "labels": probe % 3,
            "epochs": np.arange(2),
        }
    )
    pca_layout(map_space(predictions.probabilities(4.0))).save(run.layout_path("pca"))
    return {
        "predictions": (run.predictions_path("test"), Predictions.load),
        "stages": (run.stages_path, Stages.load),
        "trajectory": (
            run.path / "trajectory.npz",
            lambda path: RunFolder(path.parent).trajectory(),
        ),
        "layout": (run.layout_path("pca"), Layout.load),
    }


@pytest.mark.parametrize("mutate", [mutate_bytes, mutate_zip])
@pytest.mark.parametrize("kind", ["predictions", "stages", "trajectory", "layout"])
def test_arrays(array_files, kind, mutate):
    path, read = array_files[kind]
    count = COUNT // 2  # two ways to change each
    found = outcomes(from_file(path, read), [path.read_bytes()], mutate, count=count)
    assert found["sentence"] > count // 4
    assert found["sentence"] + found["accepted"] == count


def test_sweep_yaml(tmp_path):
    text = yaml.safe_dump(
        {
            "name": "s",
            "methods": ["kd", {"objective": {"kind": "bickd", "lambda_class": 1.0}}],
            "seeds": [0, 1],
            "pairs": [{"teacher": "digits/teacher", "student": "convnet-small"}],
            "train": {"dataset": "digits", "epochs": 2},
        }
    )
    both_happen(outcomes(from_file(tmp_path / "s.yaml", read_sweep), [text.encode()], mutate_text))


def test_kept_selections(tmp_path):
    kept = SavedSelections(tmp_path)
    kept.save([3, 1, 2], dataset="digits", split="test", name="n", origin="some", ranked=True)
    path = tmp_path / "n.json"

    def look(_):
        kept.names(dataset="digits", split="test")
        kept.find("n", dataset="digits", split="test")

    both_happen(outcomes(from_file(path, look), [path.read_bytes()], mutate_text))
