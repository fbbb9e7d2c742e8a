"""What a reader may conclude from status.json: stale at once when the process is gone, else by the heartbeat."""

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

from bickd_core.status import HEARTBEAT_SECONDS, STALE_SECONDS, Progress, Status, Worker


def now_working(worker):
    return Status("running", worker=worker, heartbeat=time.time())


@pytest.fixture
def child():
    """A process that does nothing until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def worker_of(process):
    return Worker(socket.gethostname(), process.pid, psutil.Process(process.pid).create_time())


def test_a_living_worker_is_not_stale(child):
    assert Worker.this().lost() is False
    assert worker_of(child).lost() is False
    assert not now_working(worker_of(child)).stale()


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
    assert now_working(replace(worker, started=worker.started - 60)).stale()
    assert now_working(replace(worker, started=worker.started + 60)).stale()
    assert not now_working(replace(worker, started=worker.started + 1)).stale()  # a clock that was set right


def test_a_worker_on_another_host_is_judged_by_its_heartbeat_alone():
    elsewhere = Worker("another-host", os.getpid(), 0.0)
    assert elsewhere.lost() is None
    status = replace(now_working(elsewhere), heartbeat=1000.0)
    assert not status.stale(now=1000.0 + STALE_SECONDS - 1)
    assert status.stale(now=1000.0 + STALE_SECONDS + 1)


def test_a_silent_worker_is_stale_though_its_process_lives():
    status = replace(now_working(Worker.this()), heartbeat=1000.0)
    assert not status.stale(now=1000.0 + STALE_SECONDS - 1)
    assert status.stale(now=1000.0 + STALE_SECONDS + 1)


def test_staleness_shows_within_half_a_minute_and_survives_a_lost_beat():
    assert STALE_SECONDS + 2 < 30
    assert STALE_SECONDS > 3 * HEARTBEAT_SECONDS


def test_a_worker_that_never_started_is_stale_after_a_while():
    queued = Status("queued", heartbeat=1000.0)
    assert not queued.stale(now=1001.0)
    assert queued.stale(now=1000.0 + STALE_SECONDS + 1)


@pytest.mark.parametrize("state", ["finished", "failed", "stopped"])
def test_a_run_that_ended_is_never_stale(state):
    assert not Status(state, worker=Worker(socket.gethostname(), 2**22 + 1, 0.0), heartbeat=0.0).stale()
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
