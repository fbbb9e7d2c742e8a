"""Runs as worker processes on this machine. They live on when the app or the shell that started them ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import bickd_core
from bickd_core.config import TrainConfig, check_alike
from bickd_core.launch.openmp import brief_waits
from bickd_core.launch.protocol import Poll
from bickd_core.launch.slots import default_slots
from bickd_core.models.own import VARIABLE
from bickd_core.runs.create import create_run
from bickd_core.runs.library import Library, RunFolder


def submit(config: TrainConfig, library: Library, *, name: str | None = None, title: str = "") -> RunFolder:
    """Make a run folder and start a worker on it, which waits for its turn in the queue."""
    run = create_run(config, library, name=name, title=title)
    _reap(start_worker(run, library))
    return run


def submit_race(
    configs: Sequence[TrainConfig],
    library: Library,
    *,
    names: Sequence[str] | None = None,
    start: bool = True,
) -> list[RunFolder]:
    """Make a run folder for each config and start one worker on all: they share batches and teacher passes.

    names: of the runs; made from data, model, objective and seed if not given. start: False only makes the folders.

    Raises:
        ValueError: the configs do not agree in what they share, or one of them cannot be started; then none is.
    """
    check_alike(configs)
    made: list[RunFolder] = []
    try:
        for config, name in zip(configs, names or [""] * len(configs), strict=True):
            made.append(create_run(config, library, name=name or None))
        if start:
            _reap(start_worker(made[0], library, others=made[1:]))
    except BaseException:
        for run in made:
            shutil.rmtree(run.path, ignore_errors=True)
        raise
    return made


def resume(run: RunFolder, library: Library, *others: RunFolder) -> None:
    """Start a worker on a stopped, failed or lost run; it goes on from the last saved step.

    others: they go on beside it in the same worker, as a race: those behind catch up first, then all share batches.

    Raises:
        ValueError: a run is working, finished, or was not trained here, or others cannot share batches; then none begins.
    """
    check_resumable([run, *others])
    _reap(start_worker(run, library, others=others))


def check_resumable(runs: Sequence[RunFolder]) -> None:
    """Refuse runs that cannot go on side by side (see `resume`); what was asked of the others is taken back."""
    for run in runs:
        run.check_resumable()
    check_alike([config for run in runs if (config := run.info().config) is not None])
    for run in runs:
        run.clear_requests()


def stop(run: RunFolder) -> None:
    """Ask the worker to save its state and end; it does so within a step."""
    run.request_stop()


class LocalLauncher:
    """This machine as a place for many runs: worker processes in the local queue, `at_once` of them at work."""

    def __init__(self, library: Library, *, at_once: int | None = None) -> None:
        self.at_once = at_once or default_slots()
        self._library = library
        self._processes: dict[Path, subprocess.Popen[bytes]] = {}

    def submit(self, run: RunFolder) -> None:
        run.clear_requests()
        self._processes[run.path] = start_worker(run, self._library, slots=self.at_once)

    def stop(self, run: RunFolder) -> None:
        stop(run)

    def poll(self, run: RunFolder) -> Poll:
        process = self._processes.get(run.path)
        if process is not None and process.poll() is None:
            return "working"
        status = run.status()
        if status.state in ("queued", "running"):
            never_began = process is not None and status.worker is None
            return "lost" if never_began or status.stale() else "working"
        if process is not None and process.returncode and status.state == "stopped":
            return "lost"  # the state is that of an earlier worker: this one ended before it wrote any
        return status.state  # type: ignore[return-value]


def worker_command(
    run: RunFolder, library: Library, python: str = sys.executable, *, others: Sequence[RunFolder] = ()
) -> list[str]:
    """The command behind a run, wherever it works; `others` race it, in the same process."""
    runs = [str(each.path.resolve()) for each in (run, *others)]
    folders = ["--shelf", str(library.shelf.resolve()), "--own", str(library.own.resolve())]
    return [python, "-m", "bickd_core.training.worker", *runs, *folders]


def worker_environment(slots: int | None = None) -> dict[str, str]:
    """What a worker needs in its environment besides the machine's own.

    A clone that is not installed is found as well, from whatever folder the app was started in.
    """
    path = [
        part for part in (os.environ.get("PYTHONPATH"), str(Path(bickd_core.__file__).parents[1])) if part
    ]
    found = {"PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(path), **brief_waits()}
    if modules := os.environ.get(VARIABLE):
        found[VARIABLE] = modules
    return found if slots is None else {**found, "BICKD_SLOTS": str(slots)}


def start_worker(
    run: RunFolder, library: Library, *, slots: int | None = None, others: Sequence[RunFolder] = ()
) -> subprocess.Popen[bytes]:
    """The worker process, detached: its own session, its output in the run's log. The caller waits for its end.

    others: runs that race this one: they share its batches and teacher passes, in one process.
    slots: how many workers work at once on this library, this one among them; BICKD_SLOTS or the machine's
    default if None.

    Raises:
        RunError: a run's folder holds links, which a worker would write through.
    """
    for each in (run, *others):
        each.refuse_links()
    with open(run.log_path, "ab") as log:
        return subprocess.Popen(
            worker_command(run, library, others=others),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **worker_environment(slots)},
        )


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Wait for the process in the background, so that it leaves no zombie while this one lives."""
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
