"""How a run is doing: what its worker wrote, and what a reader may conclude from it."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import psutil

State = Literal["queued", "running", "finished", "failed", "stopped"]

HEARTBEAT_SECONDS = 5.0
"""How often a worker renews its heartbeat."""
STALE_SECONDS = 25.0
"""A heartbeat older than this is a lost worker; together with one page refresh this stays under 30 s."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        epoch, epochs: finished epochs, and how many there will be.
        step, steps: finished steps of the current epoch, and how many it has.
        images_per_second: training speed over the last epoch or part of one.
        seconds_left: expected time to the end, None before the first steps.
    """

    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    images_per_second: float | None = None
    seconds_left: float | None = None

    @property
    def fraction(self) -> float:
        """Finished share of the run in [0, 1]."""
        if not self.epochs:
            return 0.0
        return min(1.0, (self.epoch + self.step / max(self.steps, 1)) / self.epochs)


@dataclass(frozen=True)
class Worker:
    """The process behind a run: host, pid and the moment the pid was given, so that a reused pid is not it."""

    host: str
    pid: int
    started: float

    @classmethod
    def this(cls) -> Worker:
        return cls(socket.gethostname(), os.getpid(), psutil.Process().create_time())

    def lost(self) -> bool | None:
        """True or False where it can be known, on this host; None for another host."""
        if self.host != socket.gethostname():
            return None
        try:
            process = psutil.Process(self.pid)
            # Two seconds: the start is counted from the boot time, which a clock correction may move a little.
            return abs(process.create_time() - self.started) > 2.0 or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied:
            return False


@dataclass(frozen=True)
class Status:
    """status.json: written by the worker alone."""

    state: State
    progress: Progress = field(default_factory=Progress)
    worker: Worker | None = None
    heartbeat: float = 0.0
    message: str = ""
    """What it is doing, in some words: "evaluating on test"."""
    error: str = ""
    """Why it failed, in one sentence."""
    device: str = ""
    """Device, precision and threads with the reason for each."""
    seconds: float = 0.0
    """Time spent so far, over all its workers."""
    cpu_seconds: float = 0.0
    """Processor time spent so far, over all threads and workers; a run of a race is charged its part."""

    @property
    def active(self) -> bool:
        return self.state in ("queued", "running")

    def stale(self, now: float | None = None) -> bool:
        """True when it says that it works but its process is gone or silent; derived, never written."""
        if not self.active:
            return False
        if self.worker is not None and (lost := self.worker.lost()):
            return lost
        return (time.time() if now is None else now) - self.heartbeat > STALE_SECONDS

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Status:
        """What `to_dict` gave.

        Raises:
            ValueError: not a mapping, an unknown state, or fields that do not fit.
        """
        if not isinstance(stored, dict) or stored.get("state") not in get_args(State):
            raise ValueError(f"expected a `state` of {', '.join(get_args(State))}, got {str(stored)[:80]}")
        try:
            return cls._from_fields(stored)
        except TypeError as error:
            raise ValueError(f"its fields do not fit ({error})") from error

    @classmethod
    def _from_fields(cls, stored: dict[str, Any]) -> Status:
        worker = stored.get("worker")
        return cls(
            **{
                **stored,
                "progress": Progress(**stored.get("progress", {})),
                "worker": None if worker is None else Worker(**worker),
            }
        )
