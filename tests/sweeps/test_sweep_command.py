"""`bickd sweep` with real workers: all ends, goes on, and stops in an orderly way."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from run_helpers import wait_for

import bickd_core
from bickd_cli.main import main
from bickd_core.data.base import Split
from bickd_core.data.corruptions import CORRUPTIONS, corrupted
from bickd_core.runs.library import RunFolder
from bickd_core.sweeps.diverged import diverged_path, read_diverged
from bickd_core.sweeps.results import read_results
from bickd_core.training.evaluate import predict
from bickd_core.training.setup import load_run_data, load_run_model

pytestmark = pytest.mark.usefixtures("quick_umap", "teacher")

QUICK = [
    "--dataset",
    "digits",
    "--train-limit",
    "200",
    "--epochs",
    "1",
    "--precision",
    "fp32",
    "--threads",
    "1",
]
FIRST = [
    "--name",
    "first",
    "--methods",
    "ce",
    "kd",
    "--seeds",
    "0",
    "--pairs",
    "teacher:convnet-small",
]


@pytest.fixture
def sweep(library, monkeypatch, capsys):
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))

    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["sweep", *map(str, arguments)])
        captured = capsys.readouterr()
        return left.value.code or 0, captured.out, captured.err

    return call


def test_lines_have_corrupted_images_if_the_sweep_asks_for_them(sweep, library, tmp_path):
    results = tmp_path / "results.jsonl"
    arguments = [*FIRST, *QUICK]
    arguments.remove("ce")
    code, _, err = sweep(*arguments, "--corruptions", "--results", results)
    assert (code, err) == (0, "")
    (line,) = read_results(results)
    assert set(line.corrupted) == set(CORRUPTIONS)
    run = library.find("first-kd-s0")
    dataset = load_run_data(run.info())
    model = load_run_model(run, dataset)
    test = dataset.test
    noisy = Split(corrupted(test.images, test.ids, "gaussian_noise"), test.labels, test.ids)
    expected = (predict(model, noisy, dataset).predicted == test.labels).mean()
    assert line.corrupted["gaussian_noise"] == pytest.approx(expected, abs=1e-6)
    assert line.robustness.mean() == pytest.approx(sum(line.corrupted.values()) / 5, abs=1e-5)
    assert line.ece_scaled is not None


def test_a_diverged_run_is_recorded_and_not_trained_again(sweep, library, tmp_path):
    path, results = tmp_path / "two.yaml", tmp_path / "results.jsonl"
    train = {
        "dataset": "digits",
        "train_limit": 200,
        "epochs": 1,
        "precision": "fp32",
        "threads": 1,
    }
    methods = [
        {"label": "fast", "objective": {"kind": "ce"}, "train": {"optimizer": {"kind": "sgd", "lr": 1e30}}},
        {"label": "slow", "objective": {"kind": "ce"}},
    ]  # fmt: skip
    path.write_text(
        yaml.safe_dump(
            {
                "name": "two",
                "pairs": [{"teacher": "teacher", "student": "convnet-small"}],
                "seeds": [0],
                "methods": methods,
                "train": train,
            }
        )
    )
    code, out, _ = sweep(path, "--results", results, "--retries", "1")
    assert code == 1
    assert "two-fast-s0: failed: the loss" in out
    assert [each.name for each in read_results(results)] == ["two-slow-s0"]
    (diverged,) = read_diverged(results)
    assert diverged.name == "two-fast-s0"
    assert "not finite" in diverged.error
    for name in ("two-fast-s0", "two-slow-s0"):
        shutil.rmtree(library.own / name)
    code, out, err = sweep(path, "--results", results)
    assert code == 0
    assert f"1 of 2 runs are already in {results}\n" in err
    assert f"1 of 2 runs are already in {diverged_path(results)}\n" in err
    assert not list(library.own.glob("two-*-s0"))
    path.write_text(path.read_text().replace("1.0e+30", "0.01"))
    _, out, _ = sweep(path, "--list-only", "--results", results)
    assert out.split() == ["two-fast-s0"]
    diverged_path(results).write_text("torn")
    code, _, err = sweep(path, "--results", results)
    assert code != 0
    assert "results.diverged.jsonl is damaged in line 1" in err


def test_a_sweep_from_flags_ends_with_results_and_again_does_nothing(sweep, library, tmp_path):
    results = tmp_path / "results.jsonl"
    code, out, err = sweep(*FIRST, *QUICK, "--results", results)
    assert (code, err) == (0, "")
    assert "first-kd-s0: finished after" in out
    assert "2 runs: 2 finished, 0 failed, 0 stopped" in out
    found = {each.name: each for each in read_results(results)}
    assert set(found) == {"first-ce-s0", "first-kd-s0"}
    assert found["first-kd-s0"].agreement > 0
    assert found["first-kd-s0"].n == 360
    before = results.read_bytes()
    code, out, _ = sweep(library.own / "first.sweep.yaml", "--results", results)
    assert code == 0
    assert "first-ce-s0: already finished" in out
    assert results.read_bytes() == before
    results.unlink()
    sweep(
        *FIRST, *QUICK, "--results", results
    )  # lines of runs that finished without a file to write to
    assert {each.name for each in read_results(results)} == set(found)
    shutil.rmtree(
        library.own / "first-kd-s0"
    )  # as on another machine, with the committed lines alone
    code, out, err = sweep(*FIRST, *QUICK, "--results", results)
    assert (code, "1 of 2 runs are already in" in err, "first-kd-s0" in out) == (0, True, False)
    assert not (library.own / "first-kd-s0").exists()


def test_the_names_can_be_had_without_starting_anything(sweep, library):
    code, out, _ = sweep(*FIRST, *QUICK, "--list-only")
    assert (code, out.split()) == (0, ["first-ce-s0", "first-kd-s0"])
    assert sorted(path.name for path in library.own.iterdir()) == ["teacher"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (FIRST[:-2], "a sweep needs --pairs or a YAML file, got neither"),
        ([*FIRST, "--pairs", "teacher"], "--pairs must be TEACHER:MODEL"),
        (["nowhere.yaml"], "nowhere.yaml is not a valid sweep"),
        (["nowhere.yaml", "--epochs", "3"], "--epochs cannot be combined with a sweep file"),
        (["nowhere.yaml", "--seeds", "3"], "--seeds cannot be combined with a sweep file"),
        ([*FIRST[:3], "kdd", *FIRST[5:]], "'kdd'"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_made(sweep, library, arguments, words):
    code, _, err = sweep(*arguments)
    assert code == 2
    assert words in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in library.own.iterdir()) == ["teacher"]


LONG = ["--dataset", "digits", "--train-limit", "100", "--batch-size", "25", "--epochs", "100000"]


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_ctrl_c_stops_all_and_the_same_command_goes_on(library, monkeypatch):
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    names = ("first-ce-s0", "first-kd-s0")
    epochs = dict.fromkeys(names, 0)
    try:
        for _ in range(2):  # the second call goes on where the first was stopped
            code, out = interrupted_after(library, epochs)
            assert code == 130
            assert "stopping: every run saves its state" in out
            assert "2 runs: 0 finished, 0 failed, 2 stopped" in out
            assert all(library.find(name).status().state == "stopped" for name in names)
            for name in names:
                records = library.find(name).metrics()
                assert [record["epoch"] for record in records] == list(range(len(records)))
                assert len(records) > epochs[name]
                epochs[name] = len(records)
    finally:
        for name in names:
            if (library.own / name).exists():
                library.find(name).request_stop()


def interrupted_after(library, epochs):
    """Run the sweep in a process of its own, and interrupt it when every run is further than
    `epochs`."""
    command = [
        sys.executable,
        "-m",
        "bickd_cli.main",
        "sweep",
        *FIRST,
        *LONG,
        "--threads",
        "1",
        "--at-once",
        "2",
    ]
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(Path(bickd_core.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            for name, before in epochs.items():
                metrics = RunFolder(library.own / name).metrics
                wait_for(
                    lambda metrics=metrics, n=before: len(metrics()) > n, what=f"an epoch of {name}"
                )
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=120)
        finally:
            process.kill()
    return process.returncode, out
