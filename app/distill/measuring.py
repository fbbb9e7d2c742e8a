"""Measure the speed of a plan in a separate process, once for all sessions of the server."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.distill.speed import Speed, speed_key
from bickd_core.config import TrainConfig
from bickd_core.launch.openmp import brief_waits
from bickd_core.runs.library import Library
from bickd_core.training.view_store import ViewKey

BASE = Path(__file__).resolve().parents[2]
SETTLE_SECONDS = 1.2
"""A measurement starts after the settings have not changed for this long."""
ABSENT_SECONDS = 15.0
"""A session that has not asked for this long no longer waits."""
LIMIT_SECONDS = 240.0
ERROR_SECONDS = 60.0
"""After this long, a plan that could not be measured is measured again."""


class SpeedMeter:
    """What one session wants to know of the measurements that all sessions share."""

    def __init__(self, library: Library, measurements: Measurements) -> None:
        self._library = library
        self._measurements = measurements

    def ask(self, configs: Sequence[TrainConfig]) -> Speed | str | None:
        """Return the speed, an error message, or None while measuring. Call again to continue."""
        return self._measurements.ask(self, self._library, configs)

    def close(self) -> None:
        """Wait no longer. The measurement ends if no other session waits for it."""
        self._measurements.leave(self)


@dataclass
class _Request:
    key: str
    since: float
    last: float


class Measurements:
    """Measures one plan after the other, so that no measurement slows down another. Plans of the
    same speed are measured once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Speed] = {}
        self._errors: dict[str, tuple[str, float]] = {}  # with their times
        self._requests: dict[SpeedMeter, _Request] = {}
        self._process: subprocess.Popen[str] | None = None
        self._key = ""
        self._since = 0.0

    def ask(
        self, meter: SpeedMeter, library: Library, configs: Sequence[TrainConfig]
    ) -> Speed | str | None:
        """Return the speed, an error message, or None while the plan waits or is measured."""
        now = time.monotonic()
        key = f"{library.own.resolve()}\n{speed_key(configs)}"
        with self._lock:
            self._collect(now)
            if key in self._known:
                self._requests.pop(meter, None)
                return self._known[key]
            if error := self._recent_error(key, now):
                self._requests.pop(meter, None)
                return error
            request = self._requests.get(meter)
            if request is None or request.key != key:
                self._requests[meter] = request = _Request(key, now, now)
            request.last = now
            self._forget(now)
            if now - request.since >= SETTLE_SECONDS and not self._busy():
                self._start(key, library, configs)
            return None

    def _recent_error(self, key: str, now: float) -> str:
        error, at = self._errors.get(key, ("", 0.0))
        return error if now - at < ERROR_SECONDS else ""

    def leave(self, meter: SpeedMeter) -> None:
        """Remove this session's request."""
        with self._lock:
            self._requests.pop(meter, None)
            if not self._wanted():
                self._end()

    def _forget(self, now: float) -> None:
        for meter, request in list(self._requests.items()):
            if now - request.last > ABSENT_SECONDS:
                del self._requests[meter]

    def _wanted(self) -> bool:
        return any(request.key == self._key for request in self._requests.values())

    def _busy(self) -> bool:
        """Return whether a measurement is running that a session waits for."""
        return self._process is not None and self._wanted()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self, key: str, library: Library, configs: Sequence[TrainConfig]) -> None:
        self._end()
        request = {
            "configs": [
                config.model_copy(update={"epochs": 1}).model_dump(mode="json")
                for config in configs
            ],
            "shelf": str(library.shelf.resolve()),
            "own": str(library.own.resolve()),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bickd_core.training.estimate"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=BASE,
            env={**os.environ, **brief_waits()},
        )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request))
            self._process.stdin.close()
        self._process.stdin = None
        self._key, self._since = key, time.monotonic()

    def _collect(self, now: float) -> None:
        if self._process is None:
            return
        if self._process.poll() is not None:
            printed, _ = self._process.communicate()
            self._process = None
            answer = read_answer(printed)
            if isinstance(answer, Speed):
                self._known[self._key] = answer
            else:
                self._errors[self._key] = answer, now
        elif now - self._since > LIMIT_SECONDS:
            self._end()
            late = "The speed could not be measured in time. You can still start the run."
            self._errors[self._key] = late, now


def read_answer(printed: str) -> Speed | str:
    """Parse the output of the measuring process; returns an error message if it has no result."""
    lines = printed.strip().splitlines()
    try:
        answer: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError):
        return "The speed could not be measured here. You can still start the run."
    if "error" in answer:
        return str(answer["error"])
    answer.pop("seconds")
    views = answer.pop("views")
    return Speed(**answer, views=None if views is None else ViewKey(**views))
