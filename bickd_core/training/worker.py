"""The worker process of a run: `python -m bickd_core.training.worker RUN_FOLDER... --shelf DIR
--own DIR`.

It locks the run, or all runs of a race, waits for a slot, trains from the saved state, evaluates,
makes the map and writes the card. It writes everything to the run folder, so no other process needs
to be running.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from pydantic import ValidationError

from bickd_core.config import TrainConfig, one_sentence
from bickd_core.disk import explain_os_error
from bickd_core.file_sizes import out_of_memory
from bickd_core.launch.gpus import VARIABLE, gpu_of_slot
from bickd_core.launch.slots import wait_for_slot
from bickd_core.launch.stop_signals import SIGNALS
from bickd_core.runs.create import file_sha256, record_preprocessing, settle_data
from bickd_core.runs.library import Library, RunError, RunFolder
from bickd_core.runs.same_data import check_data_there
from bickd_core.runs.status import HEARTBEAT_SECONDS, Progress, State, Status, Worker

if TYPE_CHECKING:
    from bickd_core.training.setup import Job


class Reporter:
    """Writes status.json: when the state changes, once a second for progress, and as a
    heartbeat."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        before = _status_before(run)
        spent = before.seconds
        self._cpu_spent = before.cpu_seconds
        self._cpu_since = 0.0
        self._together_before = before.together
        self.shared_by = 1
        """The number of runs that this process trains. Each gets a share of its time."""
        self._status = replace(
            Status("queued", worker=Worker.this()),
            progress=before.progress,
            seconds=spent,
            cpu_seconds=before.cpu_seconds,
            together=before.together,
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
            self._cpu_since = time.process_time()
        self._set(state="running", message=message)

    def device(self, description: str) -> None:
        self._set(device=description)

    def progress(self, progress: Progress) -> None:
        with self._lock:
            self._status = replace(self._status, progress=progress, message="training")
        if time.monotonic() - self._written > 1.0:
            self._set()

    def end(self, state: State, *, error: str = "") -> None:
        """Write the final status. If the disk is full, it may not be written, and the run then
        counts as lost."""
        self._end.set()
        self._thread.join()
        try:
            self._set(state=state, error=error, message="")
        except OSError as problem:
            print(
                f"the state '{state}' could not be written: {problem}", file=sys.stderr, flush=True
            )

    def _beat(self) -> None:
        while not self._end.wait(HEARTBEAT_SECONDS):
            # A beat that cannot be written is left out: whether work can go on, the worker itself
            # finds out.
            with suppress(OSError):
                self._set()

    def _set(self, **changes: object) -> None:
        with self._lock:
            at_work = self._working_since is not None
            worked = (
                time.monotonic() - self._working_since if self._working_since is not None else 0.0
            )
            used = (time.process_time() - self._cpu_since) / self.shared_by if at_work else 0.0
            self._status = replace(
                self._status,
                heartbeat=time.time(),
                seconds=self._spent + worked,
                cpu_seconds=self._cpu_spent + used,
                together=max(self._together_before, self.shared_by),
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
    """Train the run to its end; returns its final state: finished, stopped or failed.

    A finished run, or one that another worker holds, is not changed; its state is returned.
    """
    return work_race([run], library, slots=slots)[0]


def work_race(
    runs: Sequence[RunFolder],
    library: Library,
    *,
    slots: int | None = None,
    leave: Callable[[], bool] = lambda: False,
    on_slot: Callable[[int], None] = lambda slot: None,
) -> list[State]:
    """Train runs that share their batches side by side; returns the final state of each.

    If one run stops or fails, the others continue. Together they use one slot.

    Args:
        leave: called before every step. If it returns true, all runs are saved and stopped.
        on_slot: called with the number of the slot, before torch is imported.
    """
    with ExitStack() as stack:
        entrants = [entrant for run in runs if (entrant := _enter(run, stack, leave)) is not None]
        if entrants:
            try:
                waiting = wait_for_slot(library.root, _all_stopped(entrants), slots=slots)
                if slot := stack.enter_context(waiting):
                    on_slot(slot)
                    _train(entrants, library)
            except BaseException as error:
                traceback.print_exc()
                for entrant in entrants:
                    if entrant.state is None:
                        entrant.end("failed", error=explain(error, logged=True))
                if not isinstance(error, Exception):
                    raise
            for entrant in entrants:
                if entrant.state is None:
                    entrant.end("stopped")
        states = {entrant.run.path: entrant.state for entrant in entrants}
        return [states.get(run.path) or run.status().state for run in runs]


@dataclass
class Entrant:
    """A run whose lock this worker holds until its end, even if others of its race continue.

    Attributes:
        state: the final state, or None.
    """

    run: RunFolder
    reporter: Reporter
    lock: FileLock
    leave: Callable[[], bool]
    state: State | None = None

    def should_stop(self) -> bool:
        return self.leave() or self.run.stop_requested()

    def end(self, state: State, *, error: str = "") -> None:
        if state != "failed":
            self.run.clear_requests()
        self.state = state
        self.reporter.end(state, error=error)
        self.lock.release()


def _enter(run: RunFolder, stack: ExitStack, leave: Callable[[], bool]) -> Entrant | None:
    """Lock the run; returns None if this worker has nothing to do."""
    try:
        lock = stack.enter_context(FileLock(run.lock_path, timeout=0, thread_local=False))
    except Timeout:
        print(
            f"run '{run.path.name}' already has a worker; this one leaves it alone.",
            file=sys.stderr,
        )
        return None
    if _status_before(run).state == "finished":
        print(f"run '{run.path.name}' is finished; there is nothing to do.", file=sys.stderr)
        return None
    run.sweep_temporary()  # before the reporter writes temporary files of its own
    entrant = Entrant(run, Reporter(run), lock, leave)
    try:
        run.refuse_links()
    except RunError as error:
        entrant.end("failed", error=str(error))
        return None
    return entrant


def _all_stopped(entrants: list[Entrant]) -> Callable[[], bool]:
    return lambda: all(entrant.should_stop() for entrant in entrants)


def _train(entrants: list[Entrant], library: Library) -> None:
    def say(message: str) -> None:
        for entrant in entrants:
            entrant.reporter.running(message)

    say("loading data and models")
    from bickd_core.data.class_order import classes_sentence
    from bickd_core.training.engine import Runner
    from bickd_core.training.finish import finish
    from bickd_core.training.loggers import OnEpoch, epoch_lines, start_loggers
    from bickd_core.training.race import lanes_of, race
    from bickd_core.training.setup import build_race

    configs = [_checked_config(entrant.run, library) for entrant in entrants]
    jobs = build_race(configs, library, say, runs=[entrant.run for entrant in entrants])
    for entrant in entrants:
        settle_data(entrant.run, jobs[0].dataset.content, library)
        if jobs[0].ranks.first:
            record_preprocessing(entrant.run, jobs[0].dataset)
    if jobs[0].dataset.content is not None:  # data of one's own
        print(classes_sentence(jobs[0].dataset, configs[0].class_order), flush=True)
    print(jobs[0].hardware.reason, flush=True)
    for entrant, job in zip(entrants, jobs, strict=True):
        entrant.reporter.device(job.hardware.reason)
        entrant.reporter.running("training")
        entrant.reporter.shared_by = len(entrants)

    def on_epoch(run: RunFolder, job: Job) -> list[OnEpoch]:
        calls = start_loggers(run)
        if not sys.stdout.isatty():  # the run's log, or a foreground run without progress bars
            calls.append(epoch_lines(run.key if len(jobs) > 1 else "", job.config.epochs))
        return calls

    def runner(entrant: Entrant, job: Job) -> Runner:
        return Runner(
            job,
            entrant.run,
            report=entrant.reporter.progress,
            should_stop=entrant.should_stop,
            on_epoch=on_epoch(entrant.run, job) if job.ranks.first else (),
        )

    def ended(entrant: Entrant, job: Job, state: State) -> None:
        job.ranks.leave()
        if state == "finished":
            finish(job, entrant.run, library, say=entrant.reporter.running)
        entrant.end(state)

    makers = [partial(runner, *pair) for pair in zip(entrants, jobs, strict=True)]
    enders = [partial(ended, *pair) for pair in zip(entrants, jobs, strict=True)]
    race(
        makers,
        enders,
        lambda number, error: entrants[number].end("failed", error=explain(error, logged=True)),
        lanes=lanes_of(jobs),
    )


def _checked_config(run: RunFolder, library: Library) -> TrainConfig:
    """Return the run's config, after checking that it was trained here, that its data is there and
    that its teacher has not changed."""
    info = run.info()
    if info.config is None:
        raise RunError(f"run '{run.key}' was imported, not trained here, so it cannot be resumed.")
    check_data_there(run)
    if info.teacher is not None:
        weights = library.locate(info.teacher.key).weights_path
        if weights.exists() and file_sha256(weights) != info.teacher.weights_sha256:
            raise RunError(
                f"teacher '{info.teacher.key}' has new weights since this run was started; start a"
                " new run."
            )
    return info.config


def explain(error: BaseException, then: str = "resume the run", *, logged: bool = False) -> str:
    """Describe an error in one sentence for the user.

    Args:
        then: what to do after a problem of the disk or of memory is fixed.
        logged: whether the run's log has the whole message. The sentence then says so.
    """
    if isinstance(error, ValidationError):
        return one_sentence(error)
    if isinstance(error, OSError) and error.errno and error.errno != errno.ENOMEM:
        return explain_os_error(error, then)
    if out_of_memory(error):
        return (
            f"out of memory; free some memory, then {then}, or start a new run with a smaller batch"
            " size or model."
        )
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "the worker was interrupted; resume the run to continue."
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    known = isinstance(error, ValueError) or type(error).__name__ == "TrainingError"
    if known:
        return first
    where = (
        "the whole message is in the run's log"
        if logged
        else "this error is unexpected; please report it"
    )
    return f"{type(error).__name__}: {first} ({where})."


def _take_gpu(slot: int) -> None:
    """Let this process see one of several GPUs. CUDA reads the variable when it starts."""
    gpu = gpu_of_slot(slot, os.environ)
    if gpu is not None:
        os.environ[VARIABLE] = gpu
        print(f"GPU {gpu}, as this is worker {slot} of this machine", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Work on one run folder until it is finished.")
    parser.add_argument(
        "runs", type=Path, nargs="+", help="a run folder, or several that share their batches"
    )
    parser.add_argument("--shelf", type=Path, required=True)
    parser.add_argument("--own", type=Path, required=True)
    arguments = parser.parse_args()
    for folder in arguments.runs:
        if not (folder / "run.yaml").exists():
            sys.exit(f"{folder} is not a run folder: it has no run.yaml.")
    library = Library(shelf=arguments.shelf, own=arguments.own)
    runs = [RunFolder(folder, key=folder.name) for folder in arguments.runs]
    terminated = threading.Event()

    def terminate(*_: object) -> None:
        """Save and stop, for example when the machine shuts down. A second signal ends the process
        at once."""
        terminated.set()
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)

    for each in SIGNALS:
        signal.signal(each, terminate)
    states = set(work_race(runs, library, leave=terminated.is_set, on_slot=_take_gpu))
    if terminated.is_set() and states != {"finished"}:
        sys.exit(
            128 + signal.SIGTERM
        )  # a launcher takes this for a lost worker, and starts another
    sys.exit(0 if states <= {"finished", "stopped"} else 1)


if __name__ == "__main__":
    main()
