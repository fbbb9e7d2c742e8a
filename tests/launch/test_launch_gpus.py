"""One of several GPUs for each worker, and nothing changed otherwise."""

import os

import pytest

from bickd_core.launch import gpus
from bickd_core.launch.gpus import gpu_of_slot
from bickd_core.training import worker


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, ["0", "1", "0"]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-a, GPU-b ,GPU-c"}, ["GPU-a", "GPU-b", "GPU-c"]),
        ({"CUDA_VISIBLE_DEVICES": "3"}, [None, None, None]),
        ({"CUDA_VISIBLE_DEVICES": ""}, [None, None, None]),
        ({"CUDA_VISIBLE_DEVICES": "0,1", "LOCAL_RANK": "0"}, [None, None, None]),
        ({}, ["0", "1", "0"]),
    ],
)
def test_slots_get_the_gpus_in_turn(environment, expected, tmp_path, monkeypatch):
    for name in ("nvidia0", "nvidia7", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr(gpus, "DEVICES", tmp_path)
    assert [gpu_of_slot(slot, environment) for slot in (1, 2, 3)] == expected


def test_a_machine_with_one_gpu_or_none_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(gpus, "DEVICES", tmp_path)
    assert gpu_of_slot(2, {}) is None
    (tmp_path / "nvidia0").touch()
    assert gpu_of_slot(2, {}) is None


def test_a_worker_takes_the_gpu_of_its_slot_before_it_trains(make_run, library, monkeypatch):
    seen = []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    monkeypatch.setattr(
        worker, "_train", lambda *_: seen.append(os.environ["CUDA_VISIBLE_DEVICES"])
    )
    run = make_run("run", state="queued")
    with worker.wait_for_slot(library.root, lambda: False, slots=2):
        worker.work_race([run], library, slots=2, on_slot=worker._take_gpu)
    assert seen == ["5"]
