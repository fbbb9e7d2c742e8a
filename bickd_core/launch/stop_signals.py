"""Ctrl-C and SIGTERM as requests to save and stop, for commands that work in the foreground."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)
APART_SECONDS = 1.0
"""Signals that follow closer are one request: `timeout` sends SIGTERM to a process and to its
group."""


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Yield a list that gets an entry for each Ctrl-C or SIGTERM. These signals interrupt nothing
    meanwhile.

    The handlers raise no exception. On Python < 3.13, one that comes out of `Thread.join` marks the
    living thread as ended, and the interpreter exits while it works. Outside the main thread, this
    does nothing.
    """
    received: list[int] = []
    last = 0.0

    def receive(number: int, frame: object) -> None:
        nonlocal last
        now = time.monotonic()
        if not received or now - last >= APART_SECONDS:
            received.append(number)
            last = now

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = [signal.signal(each, receive) for each in SIGNALS]
    try:
        yield received
    finally:
        for each, handler in zip(SIGNALS, before, strict=True):
            signal.signal(each, handler)


def exit_code(received: list[int], *, finished: bool) -> int:
    """Return the exit code of a command that trains: 0 if all runs finished, 130 after Ctrl-C, 143
    after SIGTERM, else 1."""
    if finished:
        return 0
    return 128 + received[0] if received else 1
