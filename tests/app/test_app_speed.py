"""How long a run will take: steps, and all that a worker does beside them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from app.speed import BESIDE_SECONDS, Finished, Speed, finished_runs, guess
from bickd_core.runs import Library
from bickd_core.training.config import TrainConfig

SHELF = Path(__file__).parents[2] / "pretrained"
CONFIG = TrainConfig.model_validate(
    {
        "dataset": "caltech95",
        "arch": "resnet8",
        "role": "student",
        "teacher": "caltech95/teacher",
        "objective": {"kind": "kd"},
        "epochs": 3,
        "batch_size": 64,
        "train_limit": 200,
    }
)


def test_the_expected_time_is_steps_and_start_and_end():
    speed = Speed(images_per_second=96.0, loading=6.0, evaluating=0.5, finishing=20.0, device="CPU")
    steps = 3 * 192 / 96  # 200 images are three whole batches of 64
    assert speed.seconds(CONFIG) == pytest.approx(6 + steps + 3 * 0.5 + 20)
    # Finished runs tell: of 50 s beside steps over 4 epochs, 6 were loading and 2 evaluating.
    told = [Finished(50.0, 4), Finished(48.0, 4), Finished(900.0, 4)]
    assert speed.seconds(CONFIG, told) == pytest.approx(6 + steps + 1.5 + 42)
    assert speed.beside(CONFIG, [Finished(1.0, 4)]) == pytest.approx(6 + 1.5 + 2)


def test_own_finished_runs_are_read_and_bundled_ones_are_not(tmp_path: Path):
    library = Library(shelf=SHELF, own=tmp_path)
    bundled = [(run, run.info()) for run in library.runs()]
    assert finished_runs(CONFIG, bundled) == []
    rough = guess(CONFIG, bundled)
    assert rough is not None
    assert rough.beside == BESIDE_SECONDS
    shutil.copytree(SHELF / "caltech95/kd-s0", tmp_path / "mine")
    runs = [(run, run.info()) for run in library.runs()]
    mine = library.find("mine")
    (found,) = finished_runs(CONFIG, runs)
    trained = sum(70 * 64 / record["images_per_second"] for record in mine.metrics())
    assert found.epochs == 40
    assert found.beside == pytest.approx(max(0.0, mine.status().seconds - trained), abs=1e-6)
    rough = guess(CONFIG, runs)
    assert rough is not None
    assert (rough.key, rough.beside) == ("mine", pytest.approx(found.beside))
