"""Make maps in a separate process, with a status file that any page can read.

A job is named by the content of its maps, so two tabs that need the same maps share one job. A lock
allows one process at a time. Files are written atomically, so the process may be killed at any
moment. The process is `python -m bickd_core.maps.jobs`.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import psutil
from filelock import FileLock, Timeout
from pydantic import ConfigDict, TypeAdapter

import bickd_core
from bickd_core.atomic import TEMPORARY_SUFFIX, write_json
from bickd_core.disk import explain_os_error
from bickd_core.maps.make import METHODS, Maps, make
from bickd_core.reading import read_json
from bickd_core.runs.library import Library
from bickd_core.runs.status import Worker

START_SECONDS = 30.0
"""A process that has not reported after this time counts as lost."""


@dataclass(frozen=True)
class JobStatus:
    """The progress of a job, as stored in its status file.

    Attributes:
        done, steps: number of finished steps and of all steps, which is 0 until it is known.
        words: name of the current step.
        started: seconds since 1970.
        worker: its process; None until the process has reported.
        error: why it failed, in one sentence.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    state: Literal["running", "finished", "failed", "stopped"]
    started: float
    done: int = 0
    steps: int = 0
    words: str = ""
    worker: Worker | None = None
    error: str = ""

    @property
    def lost(self) -> bool:
        if self.worker is None:  # either way: the clock may have been set back
            return abs(time.time() - self.started) > START_SECONDS
        return self.worker.gone()


def status(library: Library, name: str) -> JobStatus | None:
    """Return the last status of the job, or None if there is no job. A job whose process is gone
    has failed."""
    try:
        job = _schema().validate_python(read_json(_path(library, name, "json")))
    except (FileNotFoundError, ValueError):
        return None
    if job.state == "running" and job.lost:
        return replace(
            job,
            state="failed",
            error="its process ended without an error message; make the maps again.",
        )
    return job


@functools.cache
def _schema() -> TypeAdapter[JobStatus]:
    return TypeAdapter(JobStatus)


def start(maps: Maps) -> None:
    """Start the job in a separate process, unless it is running. The process continues if this one
    ends.

    Raises:
        RunError: the library is read-only.
    """
    maps.library.home()
    now = status(maps.library, maps.name)
    if now is not None and now.state == "running":
        return
    folder = _path(maps.library, maps.name, "json").parent
    folder.mkdir(parents=True, exist_ok=True)
    _path(maps.library, maps.name, "stop").unlink(missing_ok=True)
    _write(maps.library, maps.name, JobStatus("running", time.time(), words="starting"))
    command = [
        sys.executable,
        "-m",
        "bickd_core.maps.jobs",
        "--method",
        maps.method,
        "--split",
        maps.split,
    ]
    command += ["--teacher", maps.teacher.key, "--students", *[run.key for run in maps.students]]
    command += [
        "--shelf",
        str(maps.library.shelf.resolve()),
        "--own",
        str(maps.library.own.resolve()),
    ]
    path = [os.environ.get("PYTHONPATH"), str(Path(bickd_core.__file__).parents[1])]
    with open(_path(maps.library, maps.name, "log"), "wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(part for part in path if part)},
        )
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()


def stop(library: Library, name: str) -> None:
    """End the job now. Finished maps are kept; the unfinished one is lost.

    Raises:
        RunError: the library is read-only.
    """
    library.home()
    now = status(library, name)
    if now is None or now.state != "running":
        return
    _path(library, name, "stop").touch()  # for a process that has not reported yet
    if now.worker is not None and now.worker.lost() is False:
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(now.worker.pid).kill()
        _sweep(library, now.worker.pid)
    _write(library, name, replace(now, state="stopped", words=""))


def work(maps: Maps) -> None:
    """Run all steps in this process, and write each to the status file."""
    library, name = maps.library, maps.name
    lock = FileLock(_path(library, name, "lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return  # another process makes these maps
    with lock:
        began = JobStatus("running", time.time(), worker=Worker.this())

        def report(done: int, steps: int, step: str) -> None:
            if _path(library, name, "stop").exists():
                raise SystemExit(0)
            _write(library, name, replace(began, done=done, steps=steps, words=step))

        try:
            report(0, 0, "reading predictions")
            make(maps, report)
        except OSError as error:
            message = explain_os_error(error, "make the maps again")
            _write(library, name, replace(began, state="failed", error=message))
        except ValueError as error:
            _write(library, name, replace(began, state="failed", error=str(error)))
        else:
            _write(library, name, replace(began, state="finished"))


def _path(library: Library, name: str, ending: str) -> Path:
    return library.own / ".layouts" / "jobs" / f"{name}.{ending}"


def _write(library: Library, name: str, now: JobStatus) -> None:
    write_json(_path(library, name, "json"), asdict(now))


def _sweep(library: Library, pid: int) -> None:
    """Remove the temporary files of a killed process. Their names contain its pid."""
    for place, pattern in ((library.own, ".layout-*"), (library.own / ".layouts" / "jobs", ".*")):
        for path in place.rglob(f"{pattern}.{pid}.*{TEMPORARY_SUFFIX}"):
            path.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the maps of a comparison.")
    parser.add_argument("--method", default="umap", choices=METHODS)
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--students", nargs="*", default=[])
    parser.add_argument("--shelf", type=Path, required=True)
    parser.add_argument("--own", type=Path, required=True)
    arguments = parser.parse_args()
    library = Library(shelf=arguments.shelf, own=arguments.own)
    students = tuple(library.locate(key) for key in arguments.students)
    work(
        Maps(
            library, library.locate(arguments.teacher), students, arguments.split, arguments.method
        )
    )


if __name__ == "__main__":
    main()
