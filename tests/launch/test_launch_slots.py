"""Slots: as many at once as there are, the next when one is free, also after an error or a kill."""

import signal
import subprocess
import sys
import threading

import pytest
from filelock import FileLock, Timeout
from run_helpers import wait_for

from bickd_core import cores as cores_module
from bickd_core.launch import slots
from bickd_core.launch.slots import side_by_side, slot_folder, wait_for_slot


def never():
    return False


def test_a_second_waits_until_the_first_is_done(tmp_path):
    asked, got, done = threading.Event(), threading.Event(), threading.Event()

    def give_up():
        asked.set()
        return False

    def second():
        with wait_for_slot(tmp_path, give_up, slots=1) as mine:
            assert mine
            got.set()
            done.wait()

    with wait_for_slot(tmp_path, never, slots=1) as mine:
        assert mine
        thread = threading.Thread(target=second)
        thread.start()
        assert asked.wait(30)
        assert not got.is_set()
    assert got.wait(30)
    with pytest.raises(Timeout):
        FileLock(slot_folder(tmp_path) / "slot-0.lock", timeout=0).acquire()
    done.set()
    thread.join()


def test_two_slots_hold_two(tmp_path):
    tries = []

    def give_up():
        tries.append(1)
        return len(tries) > 2

    with (
        wait_for_slot(tmp_path, never, slots=2) as one,
        wait_for_slot(tmp_path, never, slots=2) as two,
    ):
        with wait_for_slot(tmp_path, give_up, slots=2) as three:
            assert (one, two, three) == (1, 2, 0)
        with wait_for_slot(tmp_path, never, slots=3) as three:
            assert three == 3


@pytest.mark.parametrize(
    ("where", "name", "other"),
    [(slots.socket, "gethostname", "node-2"), (slots, "allowed_cores", [98, 99])],
)
def test_another_machine_and_other_cores_have_slots_of_their_own(
    tmp_path, monkeypatch, where, name, other
):
    with wait_for_slot(tmp_path, never, slots=1):
        with wait_for_slot(tmp_path, iter([False, True]).__next__, slots=1) as here:
            assert not here
        monkeypatch.setattr(where, name, lambda: other)
        with wait_for_slot(tmp_path, iter([False, True]).__next__, slots=1) as there:
            assert there


def test_giving_up_before_the_turn_comes_takes_no_slot(tmp_path):
    with wait_for_slot(tmp_path, lambda: True, slots=1) as mine:
        assert not mine
    with wait_for_slot(tmp_path, never, slots=1) as mine:
        assert mine


def test_turns_come_in_the_order_of_the_processes_starts(tmp_path):
    done = tmp_path / "done"
    waits = """
import sys
from pathlib import Path
from bickd_core.launch.slots import wait_for_slot
with wait_for_slot(Path(sys.argv[1]), lambda: False, slots=1):
    with open(sys.argv[2], "a") as file:
        print(sys.argv[3], file=file)
"""
    with wait_for_slot(tmp_path, never, slots=1):
        workers = []
        for name in "abcd":
            command = [sys.executable, "-c", waits, str(tmp_path), str(done), name]
            workers.append(subprocess.Popen(command))
            here = len(workers)
            wait_for(
                lambda here=here: len(list(slot_folder(tmp_path).glob("ticket-*"))) == here,
                what=name,
            )
        workers[1].kill()  # its ticket is left behind, and holds up nobody
        workers[1].wait()
    for worker in workers:
        worker.wait()
    assert done.read_text().split() == ["a", "c", "d"]
    assert not list(slot_folder(tmp_path).glob("ticket-*"))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, TimeoutError])
def test_an_error_inside_gives_the_slot_back_and_comes_out(tmp_path, error):
    with pytest.raises(error), wait_for_slot(tmp_path, never, slots=1):
        raise error
    with wait_for_slot(tmp_path, never, slots=1) as mine:
        assert mine


HOLD = """
import sys
from pathlib import Path
from bickd_core.launch.slots import wait_for_slot
with wait_for_slot(Path(sys.argv[1]), lambda: False, slots=1):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_slot_of_a_killed_process_is_free(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    lock = FileLock(slot_folder(tmp_path) / "slot-0.lock", timeout=0)
    with pytest.raises(Timeout):
        lock.acquire()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_for(lambda: _free(lock), what="the slot")


def _free(lock):
    try:
        with lock:
            return True
    except Timeout:
        return False


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 8),
        ({}, 8),
    ],
)
def test_a_containers_share_of_the_cores_is_rounded_up(tmp_path, monkeypatch, files, cores):
    monkeypatch.setattr(cores_module, "allowed_cores", lambda: list(range(8)))
    monkeypatch.setattr(cores_module.psutil, "cpu_count", lambda logical: 8)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cores_module.available_cores(tmp_path) == cores


def test_slots_fit_into_the_memory_of_a_container(monkeypatch):
    monkeypatch.setattr(slots, "available_cores", lambda: 64)
    monkeypatch.setattr(slots, "total_memory", lambda: 7 * 2**30)
    assert slots.default_slots() == 3


def test_runs_side_by_side_get_a_core_each_and_two_beside_a_gpu(tmp_path, monkeypatch):
    monkeypatch.setattr(slots, "available_cores", lambda: 8)
    monkeypatch.setattr(slots, "GIB_PER_RUN", 0.001)
    monkeypatch.setattr(slots, "GPU", tmp_path / "none")
    assert [side_by_side(runs, None) for runs in (1, 3, 8, 60)] == [1, 3, 8, 8]
    assert [side_by_side(60, threads) for threads in (1, 2, 4, 16)] == [8, 4, 2, 1]
    monkeypatch.setattr(slots, "GPU", tmp_path)
    assert [side_by_side(runs, None) for runs in (1, 3, 60)] == [1, 3, 4]
    monkeypatch.setenv("BICKD_SLOTS", "5")
    assert [side_by_side(runs, None) for runs in (3, 60)] == [3, 5]
