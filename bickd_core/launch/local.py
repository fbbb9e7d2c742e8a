"""Runs as worker processes on this machine. They live on when the app or the shell that started them ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import bickd_core
from bickd_core.runs import Library, RunFolder
from bickd_core.training.config import TrainConfig
from bickd_core.training.start import create_run


def submit(config: TrainConfig, library: Library, *, name: str | None = None, title: str = "") -> RunFolder:
    """Make a run folder and start a worker on it, which waits for its turn in the queue."""
    run = create_run(config, library, name=name, title=title)
    _reap(start_worker(run, library))
    return run


def resume(run: RunFolder, library: Library) -> None:
    """Start a worker on a stopped, failed or lost run; it goes on from the last saved step.

    Raises:
        RunError: the run is working, finished, or was not trained here.
    """
    run.check_resumable()
    run.clear_requests()
    _reap(start_worker(run, library))


def stop(run: RunFolder) -> None:
    """Ask the worker to save its state and end; it does so within a step."""
    run.request_stop()


def start_worker(run: RunFolder, library: Library) -> subprocess.Popen[bytes]:
    """The worker process, detached: its own session, its output in the run's log. The caller waits for its end."""
    command = [sys.executable, "-m", "bickd_core.training.worker", str(run.path.resolve())]
    # A clone that is not installed is found as well, from whatever folder the app was started in.
    path = [
        part for part in (os.environ.get("PYTHONPATH"), str(Path(bickd_core.__file__).parents[1])) if part
    ]
    command += ["--shelf", str(library.shelf.resolve()), "--own", str(library.own.resolve())]
    with open(run.log_path, "ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(path)},
        )


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Wait for the process in the background, so that it leaves no zombie while this one lives."""
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
