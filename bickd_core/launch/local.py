"""Run workers as processes on this machine. They continue when the app or shell that started them
ends."""

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
from bickd_core.runs.same_data import check_data_there


def submit(
    config: TrainConfig, library: Library, *, name: str | None = None, title: str = ""
) -> RunFolder:
    """Create a run folder and start a worker on it. The worker waits for a free slot."""
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
    """Create a run folder for each config and start one worker for all. They share batches and
    teacher outputs.

    Args:
        names: of the runs; derived from data, model, objective and seed if not given.
        start: False only creates the folders.

    Raises:
        ValueError: the configs differ in a shared field, or one cannot be started. Then none is
            started.
    """
    check_alike(configs)
    created: list[RunFolder] = []
    try:
        for config, name in zip(configs, names or [""] * len(configs), strict=True):
            created.append(create_run(config, library, name=name or None))
        if start:
            _reap(start_worker(created[0], library, others=created[1:]))
    except BaseException:
        for run in created:
            shutil.rmtree(run.path, ignore_errors=True)
        raise
    return created


def resume(run: RunFolder, library: Library, *others: RunFolder) -> None:
    """Start a worker that resumes a stopped, failed or lost run from its last saved step.

    Args:
        others: runs that continue in the same worker, as a race. Runs that are behind catch up
            first, then all share batches.

    Raises:
        ValueError: a run is working or finished, was not trained here, or cannot share batches.
            Then none is started.
    """
    check_resumable([run, *others])
    _reap(start_worker(run, library, others=others))


def check_resumable(runs: Sequence[RunFolder]) -> None:
    """Check that runs can continue side by side (see `resume`), and clear their old requests to
    stop."""
    for run in runs:
        run.check_resumable()
        check_data_there(run)
    check_alike([config for run in runs if (config := run.info().config) is not None])
    for run in runs:
        run.clear_requests()


def stop(run: RunFolder) -> None:
    """Ask the worker to save its state and stop, which it does within a step."""
    run.request_stop()


class LocalLauncher:
    """Launch runs as worker processes on this machine, with `at_once` of them working at a time."""

    here = True

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
            return (
                "lost"  # the state is that of an earlier worker: this one ended before it wrote any
            )
        return status.state  # type: ignore[return-value]


def worker_command(
    run: RunFolder,
    library: Library,
    python: str = sys.executable,
    *,
    others: Sequence[RunFolder] = (),
) -> list[str]:
    """Return the command of a run's worker. `others` race in the same process."""
    runs = [str(each.path.resolve()) for each in (run, *others)]
    folders = ["--shelf", str(library.shelf.resolve()), "--own", str(library.own.resolve())]
    return [python, "-m", "bickd_core.training.worker", *runs, *folders]


def worker_environment(slots: int | None = None) -> dict[str, str]:
    """Return the additional environment variables of a worker.

    They let Python find a clone that is not installed, from any working folder.
    """
    path = [
        part
        for part in (os.environ.get("PYTHONPATH"), str(Path(bickd_core.__file__).parents[1]))
        if part
    ]
    variables = {"PYTHONUNBUFFERED": "1", "PYTHONPATH": os.pathsep.join(path), **brief_waits()}
    if modules := os.environ.get(VARIABLE):
        variables[VARIABLE] = modules
    return variables if slots is None else {**variables, "BICKD_SLOTS": str(slots)}


def start_worker(
    run: RunFolder, library: Library, *, slots: int | None = None, others: Sequence[RunFolder] = ()
) -> subprocess.Popen[bytes]:
    """Start a detached worker process with its output in the run's log.

    Args:
        others: runs that race this one in the same process, with shared batches and teacher
            outputs.
        slots: how many workers may work at once on this library; BICKD_SLOTS or the machine's
            default if None.

    Raises:
        RunError: a run folder has symbolic links, which a worker would follow.
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
    """Wait for the process in a thread, so that it does not become a zombie."""
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
