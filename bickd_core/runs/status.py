"""The status of a run, as its worker writes it, and what a reader can conclude from it."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import psutil
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from bickd_core.config import one_sentence

State = Literal["queued", "running", "finished", "failed", "stopped"]

Count = Annotated[int, Field(ge=0, le=10**9)]
Figure = Annotated[float, Field(ge=0, le=1e12)]
Time = Annotated[float, Field(ge=-1e12, le=1e12)]
StatusText = Annotated[str, Field(max_length=100_000)]
_STORED = ConfigDict(extra="forbid", allow_inf_nan=False)

HEARTBEAT_SECONDS = 5.0
"""How often a worker renews its heartbeat."""
STALE_SECONDS = 25.0
"""A worker with an older heartbeat is lost. With one page refresh this stays under 30 s."""
CLOCK_SECONDS = 60.0
"""Largest difference between the clocks of hosts that share a disk. Beyond it, heartbeats are
ignored."""


@dataclass(frozen=True)
class Progress:
    """The progress of a run.

    Attributes:
        epoch, epochs: finished epochs, and their total.
        step, steps: finished steps of the current epoch, and their total.
        images_per_second: training speed over the last epoch or part of one.
        seconds_left: expected time to the end, None before the first steps.
    """

    __pydantic_config__ = _STORED

    epoch: Count = 0
    epochs: Count = 0
    step: Count = 0
    steps: Count = 0
    images_per_second: Figure | None = None
    seconds_left: Figure | None = None

    @property
    def fraction(self) -> float:
        """Finished share of the run in [0, 1]."""
        if not self.epochs:
            return 0.0
        return min(1.0, (self.epoch + self.step / max(self.steps, 1)) / self.epochs)


@cache
def _boot() -> str:
    """Return an id of the machine's boot and process namespace; "" if the system does not provide
    it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _state_and_ticks(pid: int) -> tuple[str, int]:
    """Return the state letter of a process, and the clock ticks from boot to its start.

    Raises:
        OSError: there is no such process, or the system has no /proc.
    """
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return fields[0].decode("ascii"), int(fields[19])


@dataclass(frozen=True)
class Worker:
    """The process that works on a run.

    Process ids are reused, so a process is identified by its start too. On Linux this is counted in
    clock ticks since boot, which changes of the clock do not affect.

    Attributes:
        host: name of the machine.
        pid: process id.
        started: seconds since 1970, used on systems without /proc and for older files.
        ticks: clock ticks from boot to its start; None if the system does not provide them.
        boot: id of the boot and process namespace; "" if the system does not provide it.
    """

    __pydantic_config__ = _STORED

    host: StatusText
    pid: Annotated[int, Field(gt=0, lt=2**31)]
    started: Time
    ticks: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    boot: StatusText = ""

    @classmethod
    def this(cls) -> Worker:
        return _worker(os.getpid())

    @property
    def here(self) -> bool:
        """Whether it is a process of this machine."""
        return self.host == socket.gethostname()

    def lost(self) -> bool | None:
        """Return whether the process is gone; None if unknown: another host, another boot or an
        unclear start."""
        if not self.here or self.boot != (_boot() if self.boot else ""):
            return None
        if self.ticks is not None:
            try:
                state, ticks = _state_and_ticks(self.pid)
            except OSError:
                return True
            return ticks != self.ticks or state in "ZX"
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
            # Where the start is counted from the boot time, a step of the clock moves it: then
            # nothing is certain.
            return False if abs(process.create_time() - self.started) <= 2.0 else None
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return None

    def gone(self) -> bool:
        """Like `lost`, for jobs without a heartbeat: on this host, a process counts as gone unless
        it is found."""
        lost = self.lost()
        return self.here if lost is None else lost


@lru_cache(maxsize=1)
def _worker(pid: int) -> Worker:
    """Describe this process. Asked twice, the system may give two times of its start: it adds the
    ticks to the time of the boot, which moves with the clock."""
    boot = _boot()
    ticks = _state_and_ticks(pid)[1] if boot else None
    return Worker(socket.gethostname(), pid, psutil.Process(pid).create_time(), ticks, boot)


@dataclass(frozen=True)
class Status:
    """The content of status.json. Only the worker writes it."""

    __pydantic_config__ = _STORED

    state: State
    progress: Progress = field(default_factory=Progress)
    worker: Worker | None = None
    heartbeat: Time = 0.0
    message: StatusText = ""
    """The current activity, such as "evaluating on test"."""
    error: StatusText = ""
    """Why it failed, in one sentence."""
    device: StatusText = ""
    """Device, precision and threads, with the reason for each."""
    seconds: Figure = 0.0
    """Time spent so far, over all its workers."""
    cpu_seconds: Figure = 0.0
    """Processor time so far, of all threads and workers. A run of a race gets its share."""
    together: Count = 1
    """The largest number of runs that one of its workers trained in a race with it, itself
    included. `seconds` is then the time of the race. Older files do not have it."""
    written: float | None = field(default=None, compare=False)
    """When the file was written, by the clock of its disk. The reader sets it; it is not stored."""

    @property
    def active(self) -> bool:
        return self.state in ("queued", "running")

    @property
    def at_work(self) -> bool:
        """Whether a worker works on the run, or it waits for one: active and not stale."""
        return self.active and not self.stale()

    def stale(self, now: float | None = None) -> bool:
        """Return whether the status is active although the process is gone. This is derived, never
        stored.

        If the state of the process is known, it decides. Otherwise a fresh heartbeat means that the
        worker works.
        """
        if not self.active:
            return False
        lost = None if self.worker is None else self.worker.lost()
        return not self._fresh(now) if lost is None else lost

    def silent(self, now: float | None = None) -> bool:
        """Return whether the process exists but has not reported for a while: the machine slept, or
        the disk hangs."""
        there = self.active and self.worker is not None and self.worker.lost() is False
        return there and not self._fresh(now)

    def _fresh(self, now: float | None) -> bool:
        """Return whether the heartbeat, or the file by the clock of its disk, is recent."""
        now = time.time() if now is None else now
        elsewhere = self.worker is not None and not self.worker.here
        allowed = STALE_SECONDS + (CLOCK_SECONDS if elsewhere else 0.0)
        if -CLOCK_SECONDS <= now - self.heartbeat <= allowed:
            return True
        return self.written is not None and -CLOCK_SECONDS <= now - self.written <= STALE_SECONDS

    def to_dict(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "written"}

    @classmethod
    def from_dict(cls, stored: object) -> Status:
        """Read the result of `to_dict`.

        Raises:
            ValueError: not a mapping, an unknown state, or fields that do not fit.
        """
        if not isinstance(stored, dict) or stored.get("state") not in get_args(State):
            raise ValueError(
                f"expected a `state` of {', '.join(get_args(State))}, got {str(stored)[:80]}"
            )
        try:
            return _schema().validate_python(stored)
        except ValidationError as error:
            raise ValueError(f"its fields do not fit: {one_sentence(error)}") from error


@cache
def _schema() -> TypeAdapter[Status]:
    """Return the validator of a status. It is built at the first call, which takes 30 ms."""
    return TypeAdapter(Status)
