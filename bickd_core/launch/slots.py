"""How many runs work at once on this machine: file locks that the system gives back when a process dies."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from bickd_core.cores import available_cores

GIB_PER_RUN = 2.0
CORES_PER_RUN = 2
POLL_SECONDS = 0.3
GPU = Path("/dev/nvidiactl")
"""There where NVIDIA's driver has a GPU."""
_counter = itertools.count()


def default_slots(cores_per_run: int = CORES_PER_RUN) -> int:
    """As many runs as cores and memory allow, at least one; BICKD_SLOTS overrides.

    A run gets two cores, or as many as it is said to have threads, and 2 GiB: small networks gain little from
    more threads.
    """
    if wanted := os.environ.get("BICKD_SLOTS"):
        if not wanted.isdecimal() or int(wanted) < 1:
            raise ValueError(
                f"BICKD_SLOTS must be a whole number of at least 1, got '{wanted}'; correct or unset it."
            )
        return int(wanted)
    cores = available_cores() // cores_per_run
    memory = int(psutil.virtual_memory().total / 2**30 / GIB_PER_RUN)
    return max(1, min(cores, memory))


def side_by_side(runs: int, threads: int | None) -> int:
    """How many of so many runs train at the same time.

    Where `threads` leaves it open and there is no GPU, a run gets one core: two runs of one thread each get more done
    than one run with two threads (docs/performance.md).
    """
    alone = CORES_PER_RUN if GPU.exists() else 1
    return max(1, min(runs, default_slots(threads or alone)))


@contextmanager
def wait_for_slot(root: Path, give_up: Callable[[], bool], *, slots: int | None = None) -> Iterator[bool]:
    """Hold one of the machine's slots; False when `give_up` said so before one was free.

    Those who wait get their turn in the order in which their processes were started.
    """
    folder = root / ".slots"
    folder.mkdir(parents=True, exist_ok=True)
    locks = [FileLock(folder / f"slot-{i}.lock") for i in range(slots or default_slots())]
    with ExitStack() as waiting:
        ticket = waiting.enter_context(_ticket(folder))
        while not give_up():
            held = next((lock for lock in locks if _taken(lock)), None) if _is_first(ticket) else None
            if held is None:
                time.sleep(POLL_SECONDS)
                continue
            waiting.close()
            try:
                yield True
            finally:
                held.release()
            return
    yield False


@contextmanager
def _ticket(folder: Path) -> Iterator[Path]:
    """A place in the queue: a file that is locked as long as its process waits, named by when that was started."""
    started = round(1000 * psutil.Process().create_time())
    path = folder / f"ticket-{started:015d}-{os.getpid():08d}-{next(_counter):04d}"
    lock = FileLock(path)
    with lock:
        yield path
    path.unlink(missing_ok=True)


def _is_first(ticket: Path) -> bool:
    """Whether nobody who was there before still waits; what a dead process left is taken away."""
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
