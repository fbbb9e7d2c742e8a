"""The process behind a run: `python -m bickd_core.training.worker RUN_FOLDER [--shelf DIR --own DIR]`.

It takes the run's lock, waits in the queue, trains (from where the run stands), evaluates, lays out the map
and writes the card. Everything it knows goes into the run folder; nobody needs to be there to read it.
"""

from __future__ import annotations

import argparse
import errno
import sys
import threading
import time
import traceback
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from bickd_core.launch.slots import wait_for_slot
from bickd_core.runs import Library, RunError, RunFolder
from bickd_core.status import HEARTBEAT_SECONDS, Progress, State, Status, Worker
from bickd_core.training.config import one_sentence
from bickd_core.training.start import file_sha256


class Reporter:
    """Writes status.json: at once when the state changes, once a second on progress, and as a heartbeat."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        before = _status_before(run)
        spent = before.seconds
        self._status = replace(
            Status("queued", worker=Worker.this()), progress=before.progress, seconds=spent
        )
        self._lock = threading.Lock()
        self._written = 0.0
        self._working_since: float | None = None
        self._spent = spent
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._set()
        self._thread.start()

    def running(self, message: str) -> None:
        if self._working_since is None:
            self._working_since = time.monotonic()
        self._set(state="running", message=message)

    def device(self, words: str) -> None:
        self._set(device=words)

    def progress(self, progress: Progress) -> None:
        with self._lock:
            self._status = replace(self._status, progress=progress, message="training")
        if time.monotonic() - self._written > 1.0:
            self._set()

    def end(self, state: State, *, error: str = "") -> None:
        """The last word. On a disk that is full it may not be written: the run then reads as lost."""
        self._end.set()
        self._thread.join()
        try:
            self._set(state=state, error=error, message="")
        except OSError as problem:
            print(f"the state '{state}' could not be written: {problem}", file=sys.stderr, flush=True)

    def _beat(self) -> None:
        while not self._end.wait(HEARTBEAT_SECONDS):
            # A beat that cannot be written is left out: whether work can go on, the worker itself finds out.
            with suppress(OSError):
                self._set()

    def _set(self, **changes: object) -> None:
        with self._lock:
            worked = 0.0 if self._working_since is None else time.monotonic() - self._working_since
            self._status = replace(
                self._status,
                heartbeat=time.time(),
                seconds=self._spent + worked,
                **changes,  # type: ignore[arg-type]
            )
            self._run.write_status(self._status)
            self._written = time.monotonic()


def _status_before(run: RunFolder) -> Status:
    try:
        return run.status()
    except RunError:
        return Status("queued")  # unreadable: it is written anew


def work(run: RunFolder, library: Library, *, slots: int | None = None) -> State:
    """Take the run to its end; the state it ends in: finished, stopped or failed.

    A finished run, and one that another worker holds, is left alone; its state is returned.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(FileLock(run.lock_path, timeout=0))
        except Timeout:
            print(f"run '{run.path.name}' already has a worker; this one leaves it alone.", file=sys.stderr)
            return run.status().state
        if _status_before(run).state == "finished":
            print(f"run '{run.path.name}' is finished; there is nothing to do.", file=sys.stderr)
            return "finished"
        run.sweep_temporary()
        reporter = Reporter(run)
        try:
            got = stack.enter_context(wait_for_slot(library.own, run.stop_requested, slots=slots))
            state: State = _train(run, library, reporter) if got else "stopped"
        except BaseException as error:
            traceback.print_exc()
            reporter.end("failed", error=explain(error))
            if not isinstance(error, Exception):
                raise
            return "failed"
        run.clear_requests()
        reporter.end(state)
        return state


def _train(run: RunFolder, library: Library, reporter: Reporter) -> State:
    reporter.running("loading data and models")
    from bickd_core.training.engine import fit
    from bickd_core.training.finish import finish
    from bickd_core.training.setup import build_job

    info = run.info()
    config = info.config
    if config is None:
        raise RunError(f"run '{run.key}' was imported, not trained here, so there is nothing to go on with.")
    if info.teacher is not None:
        weights = library.locate(info.teacher.key).weights_path
        if weights.exists() and file_sha256(weights) != info.teacher.weights_sha256:
            raise RunError(
                f"teacher '{info.teacher.key}' has other weights than when this run was made; start a new run."
            )
    job = build_job(config, library)
    print(job.hardware.reason, flush=True)
    reporter.device(job.hardware.reason)
    reporter.running("training")
    if fit(job, run, report=reporter.progress, should_stop=run.stop_requested) == "stopped":
        return "stopped"
    finish(job, run, library, say=reporter.running)
    return "finished"


_NO_MEMORY = ("out of memory", "can't allocate memory")


def explain(error: BaseException) -> str:
    """What went wrong, in one sentence for a person."""
    if isinstance(error, ValidationError):
        return one_sentence(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full; free some space and resume the run, nothing finished was lost."
    if isinstance(error, MemoryError) or any(words in str(error).lower() for words in _NO_MEMORY):
        return "out of memory; lower the batch size or choose a smaller model, then resume."
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "the worker was interrupted; resume the run to go on."
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    known = isinstance(error, ValueError) or type(error).__name__ == "TrainingError"
    return first if known else f"{type(error).__name__}: {first} (the whole message is in the run's log)."


def main() -> None:
    parser = argparse.ArgumentParser(description="Work on one run folder until it is finished.")
    parser.add_argument("run", type=Path)
    parser.add_argument("--shelf", type=Path, required=True)
    parser.add_argument("--own", type=Path, required=True)
    arguments = parser.parse_args()
    if not (arguments.run / "run.yaml").exists():
        sys.exit(f"{arguments.run} is no run folder: it has no run.yaml.")
    library = Library(shelf=arguments.shelf, own=arguments.own)
    run = RunFolder(arguments.run, key=arguments.run.name)
    sys.exit(0 if work(run, library) in ("finished", "stopped") else 1)


if __name__ == "__main__":
    main()
