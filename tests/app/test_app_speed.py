"""How long a run will take: steps, and all that a worker does beside them."""

from __future__ import annotations

import json
import shutil
import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from app.distill.speed import (
    BESIDE_SECONDS,
    Finished,
    Speed,
    finished_runs,
    guess,
    guess_seconds,
    speed_key,
)
from bickd_core.config import KDOptions, Seeds, TrainConfig
from bickd_core.runs.library import Library
from bickd_core.runs.status import Worker
from bickd_core.training.view_store import ViewKey, ViewStore

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
    race = Speed(
        images_per_second=40.0,
        loading=6.0,
        evaluating=1.0,
        finishing=40.0,
        device="CPU",
        students=2,
    )
    assert race.seconds(CONFIG) == pytest.approx(6 + 3 * 192 / 40 + 3 * 1.0 + 40)
    assert race.beside(CONFIG, told) == pytest.approx(
        6 + 3 * 1.0 + 2 * 42
    )  # each student evaluates in 0.5 s
    assert speed.beside(CONFIG, [Finished(1.0, 4)]) == pytest.approx(6 + 1.5 + 2)


def test_races_of_the_same_methods_are_equally_fast_whatever_their_seeds():
    other = CONFIG.model_copy(update={"objective": KDOptions(temperature=2.0)})
    fewer = CONFIG.model_copy(update={"train_limit": 100})  # other views of the teacher
    assert speed_key([CONFIG]) == speed_key(
        [CONFIG.model_copy(update={"seeds": Seeds.all(3), "epochs": 9})]
    )
    assert (
        len({speed_key(configs) for configs in ([CONFIG], [other], [CONFIG, other], [fewer])}) == 4
    )


def test_views_that_are_not_stored_take_time():
    key = ViewKey(
        *("t", "d", "resnet20", 2, True, 0, (0.5,), (0.5,), ("logits",), "fp32"),
    )
    speed = Speed(100.0, 6.0, 0.5, 20.0, "CPU", view_seconds=3.0, views=key)
    for view in range(2):
        file = ViewStore(replace(key, seed=1)).file(view)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    def making(*seeds: int, **changes) -> float:
        configs = [
            CONFIG.model_copy(update={"seeds": Seeds.all(seed), **changes}) for seed in seeds
        ]
        return speed.making_views(configs)

    assert (making(0), making(1), making(0, 1)) == (9.0, 3.0, 12.0)
    assert making(1, epochs=2) == 0.0
    assert making(0, 1, augment=False) == 3.0, "without augmentation all seeds have the same view"
    assert replace(speed, views=None).making_views([CONFIG]) == 0.0


def test_own_finished_runs_are_read_and_bundled_ones_are_not(tmp_path: Path):
    library = Library(shelf=SHELF, own=tmp_path)
    bundled = [(run, run.info()) for run in library.runs()]
    assert finished_runs(CONFIG, bundled) == []
    rough = guess(CONFIG, bundled)
    assert rough is not None
    assert rough.beside == BESIDE_SECONDS
    medians = [
        statistics.median(r["images_per_second"] for r in run.metrics())
        for run in (library.find(f"caltech95/kd-s{seed}") for seed in range(3))
    ]
    assert (rough.images_per_second, rough.own) == (statistics.median(medians), False)
    assert guess_seconds([CONFIG, CONFIG], bundled) == pytest.approx(2 * rough.seconds(CONFIG))
    assert guess_seconds([CONFIG, CONFIG.model_copy(update={"arch": "vgg8"})], bundled) is None
    shutil.copytree(SHELF / "caltech95/kd-s0", tmp_path / "mine")
    runs = [(run, run.info()) for run in library.runs()]
    mine = library.find("mine")
    (found,) = finished_runs(CONFIG, runs)
    trained = sum(70 * 64 / record["images_per_second"] for record in mine.metrics())
    assert found.epochs == 40
    assert found.beside == pytest.approx(max(0.0, mine.status().seconds - trained), abs=1e-6)
    rough = guess(CONFIG, runs)
    assert rough is not None
    shutil.copytree(
        SHELF / "caltech95/kd-s0", tmp_path / "waits"
    )  # most like it, but not a step done
    (tmp_path / "waits/metrics.jsonl").unlink()
    assert guess(CONFIG, [(run, run.info()) for run in library.runs()]) == rough
    assert (rough.key, rough.beside) == ("mine", pytest.approx(found.beside))


def test_a_racers_time_does_not_count_as_that_of_a_run_alone(tmp_path: Path):
    library = Library(shelf=SHELF, own=tmp_path)
    for name, pid in (("a", 1), ("b", 1), ("c", 2)):
        shutil.copytree(SHELF / "caltech95/kd-s0", tmp_path / name)
        run = library.find(name)
        run.write_status(replace(run.status(), worker=Worker("here", pid, 1.0), seconds=500.0))

    def finished() -> int:
        return len(finished_runs(CONFIG, [(run, run.info()) for run in library.runs()]))

    assert finished() == 1
    a, b = library.find("a"), library.find("b")
    a.write_status(replace(a.status(), together=2))
    b.delete()
    assert finished() == 1  # only c: the time of a is still that of the race


def test_the_guess_is_the_fastest_of_recent_runs_on_the_newest_ones_device(tmp_path: Path):
    """A machine that is busy with other work makes a run slower, and never faster."""
    library = Library(shelf=tmp_path / "shelf", own=tmp_path / "own")

    def add(name: str, day: int, speed: float, device: str = "CPU (asked for), bf16") -> None:
        shutil.copytree(SHELF / "caltech95/kd-s0", library.own / name)
        run = library.find(name)
        created = f"2026-01-{day:02}T00:00:00+00:00"
        run.write_info(run.info().model_copy(update={"name": name, "created": created}))
        run.write_status(replace(run.status(), device=device))
        records = [{"epoch": e, "images_per_second": speed + e} for e in range(3)]
        text = "".join(f"{json.dumps(record)}\n" for record in records)
        (run.path / "metrics.jsonl").write_text(text)

    def found() -> tuple[str, float, int]:
        rough = guess(CONFIG, [(run, run.info()) for run in library.runs()])
        return rough.key, rough.images_per_second, rough.similar

    add("alone", 9, 90.0)
    assert found() == ("alone", 91.0, 1)
    add("fast", 10, 1000.0)
    add("gpu", 11, 30000.0, "NVIDIA (a CUDA device is there), bf16")
    add("busy", 12, 80.0)
    assert found() == ("fast", 1001.0, 3)
    for day in range(13, 17):
        add(f"slow{day}", day, float(day))
    assert found() == ("busy", 81.0, 5), "only the five newest count"
