"""Pooled features by stage: the file, the probe set, and every way a run gets them."""

import numpy as np
import pytest
import torch
from run_helpers import small_config

from bickd_cli import main
from bickd_core.data.registry import load_dataset
from bickd_core.runs.create import create_run
from bickd_core.runs.predictions import PredictionsError
from bickd_core.runs.stages import Stages, probe_positions, stage_probe
from bickd_core.training.evaluate import predict_stages
from bickd_core.training.finish import add_stages
from bickd_core.training.setup import load_run_model
from bickd_core.training.worker import work

pytestmark = pytest.mark.usefixtures("quick_umap")


def some_stages(n=6, widths=(2, 5)):
    random = np.random.default_rng(0)
    return Stages(
        names=tuple(f"stage {i}" for i in range(len(widths))),
        features=tuple(random.normal(size=(n, w)).astype(np.float32) for w in widths),
        ids=np.arange(n) * 3,
        labels=np.arange(n) % 2,
    )


def test_what_is_written_is_read(make_run):
    run = make_run("a")
    assert run.stages() is None
    stages = some_stages()
    run.write_stages(stages)
    again = run.stages()
    assert again.names == stages.names
    assert (again.ids == stages.ids).all()
    assert (again.labels == stages.labels).all()
    for before, after in zip(stages.features, again.features, strict=True):
        assert after.dtype == np.float32
        np.testing.assert_allclose(after, before, rtol=1e-3)  # float16 on the disk


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ("one",)}, "got 1 names for 2 stages"),
        ({"ids": np.zeros(6, dtype=int)}, "`ids` must be unique"),
        ({"labels": np.zeros(5, dtype=int)}, r"got 6 and \(5,\)"),
        ({"features": (np.zeros((6, 2)), np.full((6, 1), np.nan))}, "'stage 1' must be finite"),
        ({"features": (np.zeros((5, 2)), np.zeros((6, 1)))}, r"'stage 0' must be finite \[6, D\]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(PredictionsError, match=message):
        Stages(**{**vars(some_stages()), **changes})


def test_a_file_that_lacks_a_stage_is_refused(tmp_path):
    path = tmp_path / "stages.npz"
    np.savez(
        path,
        names=np.array(["a", "b"]),
        ids=np.arange(2),
        labels=np.arange(2),
        **{"stage-0": np.ones((2, 1))},
    )
    with pytest.raises(PredictionsError, match="missing stage-1"):
        Stages.load(path)


def test_the_probe_set_has_the_same_number_of_each_class():
    labels = np.repeat(np.arange(95), 7)
    counts = np.bincount(labels[stage_probe(labels)])
    assert counts.tolist() == [2] * 95
    assert (
        np.bincount(np.arange(2000)[stage_probe(np.arange(2000) % 10)] % 10).tolist() == [19] * 10
    )
    few = np.array([0, 0, 0, 1])
    assert stage_probe(few).tolist() == [0, 1, 2, 3]  # all there are
    assert probe_positions(labels, 3).tolist() == [0, 7, 14]


def test_stages_are_those_of_the_model_on_images_of_test(teacher):
    data = load_dataset("digits")
    model = load_run_model(teacher, data).train()
    stages = predict_stages(model, data, batch_size=50)
    assert model.training
    assert np.isin(stages.ids, data.test.ids).all()
    assert stages.names == ("stage 1", "stage 2", "stage 3")
    stored = teacher.predictions("test")
    rows = np.searchsorted(stored.ids, stages.ids)
    np.testing.assert_allclose(stages.features[-1], stored.features[rows], atol=1e-5)
    assert (stages.labels == stored.labels[rows]).all()
    with torch.no_grad():
        model.eval()
        images = torch.from_numpy(data.test.images[rows[:4]]).float() / 255
        mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (data.mean, data.std))
        first = torch.relu(model.body[1](model.body[0]((images - mean) / std)))
    np.testing.assert_allclose(stages.features[0][:4], first.mean((2, 3)).numpy(), atol=1e-4)


def test_a_finished_training_and_an_older_run_have_the_same(library, teacher):
    run = create_run(
        small_config(objective={"kind": "kd"}, teacher="teacher"), library, name="student"
    )
    assert work(run, library) == "finished"
    written = run.stages()
    run.stages_path.unlink()
    add_stages(run)
    for before, after in zip(written.features, run.stages().features, strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_command_fills_in_what_lacks(library, teacher, make_run, monkeypatch, capsys):
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    make_run("without-weights")

    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main.main(["stages", *arguments])
        return left.value.code, capsys.readouterr()

    damaged = make_run("damaged")
    damaged.weights_path.write_bytes(b"not weights")
    code, said = call()
    assert (code, said.out) == (1, "teacher: stages.npz written\n")
    assert said.err.startswith("bickd: damaged: ")
    assert said.err.count("\n") == 1
    assert teacher.stages() is not None
    damaged.delete()
    assert call() == (0, ("", ""))
    code, said = call("without-weights")
    assert code == 1
    assert "has no weights yet" in said.err
