"""How many runs work at once on this machine: file locks that the system gives back when a process dies."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

GIB_PER_RUN = 2.0
CORES_PER_RUN = 2


def available_cores() -> int:
    """Physical cores this process may use."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def default_slots(cores_per_run: int = CORES_PER_RUN) -> int:
    """As many runs as cores and memory allow, at least one; BICKD_SLOTS overrides.

    A run gets two cores, or as many as it is said to have threads, and 2 GiB: small networks gain little from
    more threads.
    """
    if wanted := os.environ.get("BICKD_SLOTS"):
        if not wanted.isdecimal() or int(wanted) < 1:
            raise ValueError(
                f"BICKD_SLOTS must be a whole number from 1 on, got '{wanted}'; correct or unset it."
            )
        return int(wanted)
    cores = available_cores() // cores_per_run
    memory = int(psutil.virtual_memory().total / 2**30 / GIB_PER_RUN)
    return max(1, min(cores, memory))


@contextmanager
def wait_for_slot(root: Path, give_up: Callable[[], bool], *, slots: int | None = None) -> Iterator[bool]:
    """Hold one of the machine's slots; False when `give_up` said so before one was free."""
    folder = root / ".slots"
    folder.mkdir(parents=True, exist_ok=True)
    locks = [FileLock(folder / f"slot-{i}.lock") for i in range(slots or default_slots())]
    while not give_up():
        for lock in locks:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                yield True
            finally:
                lock.release()
            return
        time.sleep(0.3)
    yield False
