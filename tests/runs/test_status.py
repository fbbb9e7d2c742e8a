"""What a reader may conclude from status.json: stale at once when the process is gone, else by the
heartbeat."""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest
from run_helpers import wait_for

from bickd_core.runs import status as status_module
from bickd_core.runs.status import (
    CLOCK_SECONDS,
    HEARTBEAT_SECONDS,
    STALE_SECONDS,
    Progress,
    Status,
    Worker,
)


def now_working(worker):
    return Status("running", worker=worker, heartbeat=time.time())


@pytest.fixture
def child():
    """A process that does nothing until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    yield process
    process.kill()
    process.communicate()


def worker_of(process):
    """What `Worker.this` gives in that process."""
    ticks = status_module._state_and_ticks(process.pid)[1]
    created = psutil.Process(process.pid).create_time()
    return Worker(socket.gethostname(), process.pid, created, ticks, status_module._boot())


def without_ticks(worker):
    """As older programs and systems without /proc write it."""
    return replace(worker, ticks=None, boot="")


def test_a_living_worker_is_not_stale(child):
    assert Worker.this().lost() is False
    assert worker_of(child).lost() is False
    assert not now_working(worker_of(child)).stale()


def test_a_process_is_the_same_worker_when_the_clock_has_moved_its_start(monkeypatch):
    created = iter((100.0, 100.02))
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: next(created))
    status_module._worker.cache_clear()
    try:
        assert len({Worker.this(), Worker.this()}) == 1
    finally:
        status_module._worker.cache_clear()


def test_a_killed_worker_is_stale_at_once_also_as_a_zombie(child):
    status = now_working(worker_of(child))
    child.kill()
    wait_for(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE, what="the zombie")
    assert status.stale()
    child.wait()
    assert not psutil.pid_exists(child.pid)
    assert status.stale()


def test_a_pid_that_another_process_has_now_is_not_the_worker(child):
    worker = worker_of(child)
    assert worker.ticks is not None, "this system has /proc"
    assert now_working(replace(worker, ticks=worker.ticks - 1)).stale()
    assert now_working(replace(worker, ticks=worker.ticks + 1)).stale()


@pytest.mark.parametrize("step", [1, 3, -30, 3600])
def test_a_step_of_the_clock_loses_no_living_worker(child, monkeypatch, step):
    """The kernel's boot time moves with the wall clock, and with it the start of every process as
    psutil sees it."""
    linux = pytest.importorskip("psutil._pslinux")
    worker, began = worker_of(child), time.time()
    real = linux.boot_time()
    monkeypatch.setattr(linux, "boot_time", lambda: real + step)
    assert abs(psutil.Process(child.pid).create_time() - worker.started - step) < 1
    status = Status("running", worker=worker, heartbeat=began)
    assert worker.lost() is False
    assert not status.stale(now=began + step)
    old = replace(status, worker=without_ticks(worker))
    assert not old.stale(now=began + 1), "a fresh heartbeat means alive"
    child.kill()
    child.wait()
    assert status.stale(now=began)
    assert old.stale(now=began)


def test_an_older_file_knows_the_process_by_its_start(child):
    worker = without_ticks(worker_of(child))
    assert worker.lost() is False
    assert replace(worker, started=worker.started + 60).lost() is None
    assert now_working(replace(worker, started=worker.started + 60)).stale() is False
    assert replace(now_working(replace(worker, started=0.0)), heartbeat=1000.0).stale()


def test_another_boot_of_the_host_is_judged_by_the_heartbeat(child):
    rebooted = replace(worker_of(child), boot="another boot")
    assert rebooted.lost() is None
    assert not now_working(rebooted).stale()
    assert replace(now_working(rebooted), heartbeat=1000.0).stale()


def test_a_worker_on_another_host_is_judged_by_its_heartbeat_alone():
    elsewhere = Worker("another-host", os.getpid(), 0.0)
    assert elsewhere.lost() is None
    status = replace(now_working(elsewhere), heartbeat=1000.0)
    late = STALE_SECONDS + CLOCK_SECONDS
    assert not status.stale(now=1000.0 + late - 1), "its clock may be a minute behind"
    assert status.stale(now=1000.0 + late + 1)


def test_a_heartbeat_in_the_future_means_nothing():
    elsewhere = Worker("another-host", 1, 0.0)
    ahead = Status("running", worker=elsewhere, heartbeat=1000.0)
    assert not ahead.stale(now=1000.0 - CLOCK_SECONDS + 1)
    assert ahead.stale(now=1000.0 - CLOCK_SECONDS - 1)
    assert Status("queued", heartbeat=5000.0).stale(now=1000.0)
    # A clock that is an hour ahead: the file's own time of change tells whether it still writes.
    assert not replace(ahead, written=1.0).stale(now=1.0 + STALE_SECONDS - 1)
    assert replace(ahead, written=1.0).stale(now=1.0 + STALE_SECONDS + 1)


def test_a_silent_worker_whose_process_is_there_is_silent_and_not_lost(child):
    """A laptop that slept for half a minute: the worker goes on when it wakes."""
    status = replace(now_working(worker_of(child)), heartbeat=1000.0)
    assert not status.silent(now=1000.0 + STALE_SECONDS - 1)
    assert status.silent(now=1000.0 + STALE_SECONDS + 1)
    assert not status.stale(now=1000.0 + STALE_SECONDS + 1)
    child.kill()
    child.wait()
    assert status.stale(now=1000.0)
    assert not status.silent(now=1e6)


def test_staleness_shows_within_half_a_minute_and_survives_a_lost_beat():
    assert STALE_SECONDS + 2 < 30
    assert STALE_SECONDS > 3 * HEARTBEAT_SECONDS


def test_a_worker_that_never_started_is_stale_after_a_while():
    queued = Status("queued", heartbeat=1000.0)
    assert not queued.stale(now=1001.0)
    assert queued.stale(now=1000.0 + STALE_SECONDS + 1)


@pytest.mark.parametrize("state", ["finished", "failed", "stopped"])
def test_a_run_that_ended_is_never_stale(state):
    assert not Status(
        state, worker=Worker(socket.gethostname(), 2**22 + 1, 0.0), heartbeat=0.0
    ).stale()
    assert not Status(state).active


def test_status_survives_json():
    status = Status(
        "running",
        progress=Progress(3, 40, 5, 20, 812.5, 61.0),
        worker=Worker.this(),
        heartbeat=time.time(),
        message="training",
        device="CPU",
        seconds=12.25,
    )
    assert Status.from_dict(json.loads(json.dumps(status.to_dict()))) == status
    assert Status.from_dict({"state": "finished"}) == Status("finished")


@pytest.mark.parametrize(
    "stored",
    [
        [],
        None,
        "running",
        {},
        {"state": "asleep"},
        {"state": "running", "mood": 1},
        {"state": "running", "worker": {"pid": 1}},
    ],
)
def test_what_is_no_status_is_a_value_error(stored):
    with pytest.raises(ValueError, match="expected a `state` of queued|its fields do not fit"):
        Status.from_dict(stored)


@pytest.mark.parametrize(
    ("progress", "fraction"),
    [
        (Progress(), 0.0),
        (Progress(0, 4, 0, 10), 0.0),
        (Progress(1, 4, 5, 10), 0.375),
        (Progress(4, 4, 0, 10), 1.0),
        (Progress(9, 4, 0, 10), 1.0),
        (Progress(1, 2, 3, 0), 1.0),
    ],
)
def test_fraction(progress, fraction):
    assert progress.fraction == fraction
