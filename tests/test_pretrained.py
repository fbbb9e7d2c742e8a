"""Every bundled run is what it says: its weights give its stored predictions and accuracy."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bickd_core.data.registry import load_dataset
from bickd_core.maps.store import stored_layout
from bickd_core.runs.library import Library

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
    files = [
        file for file in SHELF.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    ]
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
    np.testing.assert_allclose(
        stages.features[-1], stored.features[rows], rtol=HALF_PRECISION, atol=1e-2
    )
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
    from bickd_core.runs.create import file_sha256

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
    np.testing.assert_allclose(
        *numbers, rtol=1e-3, atol=0.11, err_msg="run `make results` and commit"
    )


README = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "docs" / "results.md").read_text()


def test_the_readmes_table_is_that_of_the_results_page():
    def rows(page):
        head, *lines = (
            "| model | accuracy % |" + page.split("| model | accuracy % |")[1].split("\n\n")[0]
        ).splitlines()
        titles = [title.strip() for title in head.strip("| ").split("|")]
        cells = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines[1:]]
        return {
            line[0].split(" ")[0]: dict(
                zip(titles[1:], [cell.split(" [")[0] for cell in line[1:]], strict=True)
            )
            for line in cells
        }

    short, whole = rows(README), rows(RESULTS)
    assert list(short) == list(whole) == ["teacher", "CE", "KD", "DIST", "BicKD"]
    for name, cells in short.items():
        for title, mine in cells.items():
            full = whole[name][title.replace("overlap, T = 4", "overlap")]
            for own, figure in zip(NUMBER.findall(mine), NUMBER.findall(full), strict=True):
                decimals = len(own.partition(".")[2])
                assert float(own) == pytest.approx(
                    float(figure), abs=0.51 * 10**-decimals + 0.0001
                ), f"{name}, {title}: {mine} in README, {full} in docs/results.md"


def test_the_readmes_sentences_are_those_of_the_results_page():
    said = README.replace("−", "-").replace("\n", " ")

    def difference(method, column, base="BicKD minus", page=RESULTS):
        table = page.split(f"| {base} |")[1].split("\n\n")[0]
        (line,) = [line for line in table.splitlines() if line.startswith(f"| {method} |")]
        return line.strip("| ").split(" | ")[column].split(" (")[0].rstrip("*")

    for method, before in (
        ("KD", "BicKD minus KD is"),
        ("DIST", "BicKD minus DIST is"),
        ("CE", "BicKD minus CE is"),
    ):
        figure = difference(method, 1)
        estimate, interval = figure.split(" ", 1)
        points = " points" if method == "KD" else ""
        assert f"{before} {estimate}{points} {interval}" in said, figure
    own, one_rate = (
        RESULTS.split("## All methods on caltech95")[2],
        RESULTS.split("## All methods on caltech95")[1],
    )
    at_one_rate = difference("BicKD (reconstruction)", 1, "minus KD", one_rate)
    assert f"BicKD would lead KD by {at_one_rate.replace(' ', ' points ', 1).lstrip('+')}" in said
    assert (
        "More accurate:"
        not in own.split("- Accuracy compared with KD, in points. ")[1].split("\n")[0]
    )
    low, high = (float(end) for end in re.findall(r"[-+][\d.]+", difference("KD", 5))[1:])
    estimate = float(re.match(r"[-+][\d.]+", difference("KD", 5)).group())
    assert f"little of the gap to KD is left: {-estimate:.4f} [{-high:.4f}, {-low:.4f}]" in said
