"""Limit how many runs work at once on this machine, with file locks that are released when a
process ends."""

from __future__ import annotations

import hashlib
import itertools
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from bickd_core.cores import allowed_cores, available_cores
from bickd_core.memory import total_memory
from bickd_core.places import count_from_environment

GIB_PER_RUN = 2.0
CORES_PER_RUN = 2
POLL_SECONDS = 0.3
GPU = Path("/dev/nvidiactl")
"""Exists if NVIDIA's driver has a GPU."""
_counter = itertools.count()


def default_slots(cores_per_run: int = CORES_PER_RUN) -> int:
    """Return how many runs cores and memory allow, at least one. BICKD_SLOTS overrides it.

    Args:
        cores_per_run: two by default, because small networks gain little from more threads. A run
            also needs 2 GiB.
    """
    if (wanted := count_from_environment("BICKD_SLOTS")) is not None:
        return wanted
    cores = available_cores() // cores_per_run
    memory = int(total_memory() / 2**30 / GIB_PER_RUN)
    return max(1, min(cores, memory))


def side_by_side(runs: int, threads: int | None) -> int:
    """Return how many of these runs train at the same time.

    If `threads` is None and there is no GPU, each run gets one core: two runs with one thread each
    are faster than one run with two threads (docs/performance.md).
    """
    alone = CORES_PER_RUN if GPU.exists() else 1
    return max(1, min(runs, default_slots(threads or alone)))


def slot_folder(root: Path) -> Path:
    """Return the folder of the locks of this machine and the cores that this process may use.

    Machines that share the runs have slots of their own, and so do jobs that a cluster gives
    different cores of one machine.
    """
    place = f"{socket.gethostname()} {allowed_cores()}"
    return root / ".slots" / hashlib.sha256(place.encode()).hexdigest()[:12]


@contextmanager
def wait_for_slot(
    root: Path, give_up: Callable[[], bool], *, slots: int | None = None
) -> Iterator[int]:
    """Hold one of the machine's slots; yields its number from 1, or 0 if `give_up` returned true
    before one was free.

    Waiting processes get a slot in the order in which they were started.

    Args:
        root: the folder of the locks, such as a runs folder. It may be shared by several machines.
    """
    folder = slot_folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    locks = [FileLock(folder / f"slot-{i}.lock") for i in range(slots or default_slots())]
    with ExitStack() as waiting:
        ticket = waiting.enter_context(_ticket(folder))
        while not give_up():
            free = (number for number, lock in enumerate(locks, 1) if _taken(lock))
            held = next(free, 0) if _is_first(ticket) else 0
            if not held:
                time.sleep(POLL_SECONDS)
                continue
            waiting.close()
            try:
                yield held
            finally:
                locks[held - 1].release()
            return
    yield 0


@contextmanager
def _ticket(folder: Path) -> Iterator[Path]:
    """Hold a place in the queue: a locked file, named by the start time of its process."""
    started = round(1000 * psutil.Process().create_time())
    path = folder / f"ticket-{started:015d}-{os.getpid():08d}-{next(_counter):04d}"
    lock = FileLock(path)
    with lock:
        yield path
    path.unlink(missing_ok=True)


def _is_first(ticket: Path) -> bool:
    """Return whether no earlier process still waits. Tickets of dead processes are removed."""
    for other in sorted(ticket.parent.glob("ticket-*")):
        if other.name >= ticket.name:
            break
        lock = FileLock(other)
        if not _taken(lock):
            return False
        lock.release()
        other.unlink(missing_ok=True)
    return True


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True
