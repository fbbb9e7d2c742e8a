"""Every bundled run is what it says: its weights give its stored predictions and accuracy."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bickd_core.data import load_dataset
from bickd_core.layouts import stored_layout
from bickd_core.runs import Library

ROOT = Path(__file__).resolve().parent.parent
SHELF = ROOT / "pretrained"
LIBRARY = Library(SHELF, ROOT / "runs")
RUNS = [run for run in LIBRARY.runs() if run.read_only]
METHODS = ("ce", "kd", "dist", "bickd")
HALF_PRECISION = 2e-3  # relative: stored logits are float16
MEGABYTES = 40


@cache
def data_of(name, image_size):
    return load_dataset(name, image_size=image_size)


def test_the_shelf_holds_what_the_first_screen_needs():
    keys = {run.key for run in RUNS}
    assert {"caltech95/teacher", "fashion-mnist/teacher"} <= keys
    assert {f"caltech95/{method}-s{seed}" for method in METHODS for seed in range(3)} <= keys
    assert {f"fashion-mnist/{method}-s0" for method in METHODS} <= keys


def test_the_shelf_stays_small():
    files = [file for file in SHELF.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    total = sum(file.stat().st_size for file in files)
    assert total < MEGABYTES * 1e6, f"pretrained/ has {total / 1e6:.1f} MB"


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.key)
def test_weights_give_the_stored_predictions(run):
    from bickd_core.training.evaluate import predict
    from bickd_core.training.setup import load_run_model

    info = run.info()
    dataset = data_of(info.dataset, info.image_size)
    # A fifth of Fashion-MNIST's 10,000 images; all of caltech95's 1,208.
    split = dataset.test.take(np.arange(min(len(dataset.test), 2000)))
    now = predict(load_run_model(run, dataset), split, dataset)
    stored = run.predictions("test").take(np.arange(len(split)))
    assert (stored.ids == split.ids).all()
    assert (stored.labels == split.labels).all()
    np.testing.assert_allclose(stored.logits, now.logits, rtol=HALF_PRECISION, atol=2e-2)
    second, top = np.sort(now.logits, axis=1)[:, -2:].T
    clear = top - second > 0.04  # half precision may swap two classes that are all but tied
    assert clear.mean() > 0.95
    assert (stored.predicted == now.predicted)[clear].all()
    accuracy = [(p.predicted == split.labels).mean() for p in (stored, now)]
    assert abs(accuracy[0] - accuracy[1]) <= 3 / len(split)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.key)
def test_a_bundled_run_is_complete(run):
    info, status = run.info(), run.status()
    assert status.state == "finished"
    assert info.cost is not None
    assert info.cost.parameters > 0
    assert len(run.metrics()) == info.config.epochs
    trajectory = run.trajectory()
    assert trajectory is not None
    assert len(trajectory["logits"]) == info.config.epochs
    stages = run.stages()
    assert stages is not None
    assert stages.names == ("stem", "stage 1", "stage 2", "stage 3")
    stored = run.predictions("test")
    rows = np.searchsorted(stored.ids, stages.ids)
    assert (stored.labels[rows] == stages.labels).all()
    np.testing.assert_allclose(stages.features[-1], stored.features[rows], rtol=HALF_PRECISION, atol=1e-2)
    assert len(set(np.bincount(stages.labels))) == 1, "the probe set holds as many of each class"
    teacher = None if info.teacher is None else LIBRARY.find(info.teacher.key)
    for method in ("umap", "pca"):
        layout = stored_layout(LIBRARY, run, teacher=teacher, method=method)
        assert layout is not None, f"{run.key} has no stored {method}"
        assert len(layout.coordinates) == len(run.predictions("test"))
    assert f"{info.cost.parameters:,} parameters" in (run.path / "README.md").read_text()
    assert not (run.path / "resume").exists()


@pytest.mark.parametrize("dataset", sorted({run.info().dataset for run in RUNS}))
def test_all_runs_on_one_data_set_have_the_same_probe_set(dataset):
    probes = [run.stages().ids.tolist() for run in RUNS if run.info().dataset == dataset]
    assert all(probe == probes[0] for probe in probes)


@pytest.mark.parametrize("run", [r for r in RUNS if r.info().teacher], ids=lambda run: run.key)
def test_a_student_names_the_teacher_that_lies_beside_it(run):
    from bickd_core.training.start import file_sha256

    reference = run.info().teacher
    assert file_sha256(LIBRARY.find(reference.key).weights_path) == reference.weights_sha256


@pytest.mark.parametrize("dataset", sorted({run.info().dataset for run in RUNS}))
def test_the_teacher_is_good_enough_to_teach(dataset):
    accuracy = {
        run.key.split("/")[1]: run.metrics()[-1]["validation_accuracy"]
        for run in RUNS
        if run.info().dataset == dataset
    }
    students = [value for name, value in accuracy.items() if name.startswith("ce-")]
    assert accuracy["teacher"] >= np.mean(students) + 0.03


NUMBER = re.compile(r"[-+]?[0-9][0-9,]*\.?[0-9]*")


def test_results_page_is_what_the_runs_say():
    command = [sys.executable, "-m", "pretrained.results"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kept = (ROOT / "docs" / "results.md").read_text()
    assert NUMBER.sub("#", made) == NUMBER.sub("#", kept), "run `make results` and commit"
    numbers = [[float(n.replace(",", "")) for n in NUMBER.findall(text)] for text in (made, kept)]
    # Another CPU may round the last digit otherwise.
    np.testing.assert_allclose(*numbers, rtol=1e-3, atol=0.11, err_msg="run `make results` and commit")


def test_the_readmes_table_is_that_of_the_results_page():
    def rows(path, columns):
        table = path.read_text().split("| model | accuracy % |")[1].split("\n\n")[0]
        cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines()[2:]]
        return {line[0].split(" ")[0]: [cell.split(" [")[0] for cell in line[1:columns]] for line in cells}

    short, whole = rows(ROOT / "README.md", 5), rows(ROOT / "docs" / "results.md", 5)
    assert list(short) == list(whole) == ["teacher", "CE", "KD", "DIST", "BicKD"]
    for name, cells in short.items():
        for mine, full in zip(cells, whole[name], strict=True):
            for own, figure in zip(NUMBER.findall(mine), NUMBER.findall(full), strict=True):
                assert float(own) == pytest.approx(float(figure), abs=0.0006), (
                    f"{name}: {mine} in README, {full}"
                )
