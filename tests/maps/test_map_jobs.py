"""Maps made by a process: told how they stand, shared by those who ask, and gone without trace when
stopped."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock
from run_helpers import random_predictions

from bickd_core.maps import jobs as map_jobs
from bickd_core.maps.jobs import JobStatus, start, status, stop, work
from bickd_core.maps.make import Maps
from bickd_core.runs.status import Worker

SLOW = """
import time, pathlib, numpy as np
__version__ = "slow"
class UMAP:
    def __init__(self, **options): self.start = options["init"]
    def fit_transform(self, samples):
        pathlib.Path({mark!r}).touch()
        time.sleep(600)
"""


@pytest.fixture
def maps(library, make_run):
    teacher = make_run("teacher", predictions=random_predictions(30, 4, seed=1))
    student = make_run("student", predictions=random_predictions(30, 4, seed=1))
    return Maps(library, teacher, (student,), "test", "umap")


def until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def test_a_process_makes_the_maps_and_says_how_it_stands(maps, quick_umap):
    assert status(maps.library, maps.name) is None
    start(maps)
    assert status(maps.library, maps.name).state == "running"
    until(lambda: status(maps.library, maps.name).state != "running")
    now = status(maps.library, maps.name)
    assert (now.state, now.error, now.done) == ("finished", "", now.steps)
    assert [maps.stored(run).displaced_share is not None for run in maps.runs] == [True, True]


def test_a_stopped_job_leaves_nothing_half_made(maps, tmp_path, monkeypatch):
    mark = tmp_path / "began"
    (tmp_path / "umap.py").write_text(SLOW.format(mark=str(mark)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    start(maps)
    until(mark.exists)
    worker = status(maps.library, maps.name).worker
    before = time.monotonic()
    stop(maps.library, maps.name)
    assert time.monotonic() - before < 60  # it does not wait for the 600 s that the process sleeps
    assert status(maps.library, maps.name).state == "stopped"
    until(worker.lost)
    left = [
        path.name
        for path in maps.library.own.rglob("*")
        if "layout-" in path.name or path.suffix == ".tmp"
    ]
    assert left == []
    with FileLock(maps.library.own / ".layouts" / "jobs" / f"{maps.name}.lock").acquire(timeout=0):
        pass


def test_a_job_that_is_stopped_before_it_spoke_does_nothing(maps, quick_umap, monkeypatch):
    monkeypatch.setattr(map_jobs.subprocess, "Popen", lambda *args, **kwargs: _Sleeper())
    start(maps)
    stop(maps.library, maps.name)
    with pytest.raises(SystemExit):
        work(maps)
    assert status(maps.library, maps.name).state == "stopped"
    assert maps.stored(maps.teacher) is None


class _Sleeper:
    pid = 0

    def wait(self):
        return 0


def test_two_tabs_do_not_make_the_same_maps_twice(maps, quick_umap, monkeypatch):
    started = []
    monkeypatch.setattr(
        map_jobs.subprocess, "Popen", lambda command, **more: started.append(command) or _Sleeper()
    )
    start(maps)
    start(maps)
    assert len(started) == 1
    jobs = maps.library.own / ".layouts" / "jobs"
    before = (jobs / f"{maps.name}.json").read_text()
    with FileLock(jobs / f"{maps.name}.lock"):
        work(maps)  # a second process, while another has the lock
    assert (jobs / f"{maps.name}.json").read_text() == before
    assert maps.stored(maps.teacher) is None


def test_a_failure_is_one_sentence_and_can_be_asked_for_again(maps, make_run, quick_umap):
    part = make_run("part", predictions=random_predictions(30, 4, seed=1).take(np.arange(20)))
    torn = replace(maps, students=(part,))
    (maps.library.own / ".layouts" / "jobs").mkdir(parents=True)
    work(torn)
    now = status(maps.library, torn.name)
    assert now.state == "failed"
    assert "run 'part' has 20 of the 30 samples" in now.error


def test_a_process_that_is_gone_is_found(maps):
    folder = maps.library.own / ".layouts" / "jobs"
    folder.mkdir(parents=True)
    for gone in (replace(Worker.this(), ticks=1), replace(Worker.this(), boot="an earlier boot")):
        map_jobs._write(maps.library, maps.name, JobStatus("running", time.time(), worker=gone))
        assert "ended without an error message" in status(maps.library, maps.name).error
    map_jobs._write(maps.library, maps.name, JobStatus("running", time.time() - 100))
    assert status(maps.library, maps.name).state == "failed"
    (folder / f"{maps.name}.json").write_text(json.dumps({"state": "running"}))
    assert status(maps.library, maps.name) is None
