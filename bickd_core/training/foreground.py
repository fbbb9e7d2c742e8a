"""Train a run in the foreground of a shell, with the same worker and a progress bar."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bickd_core.config import TrainConfig
from bickd_core.presets.catalogue import title_of
from bickd_core.runs.library import Library, RunFolder
from bickd_core.training.divergence import has_diverged
from bickd_core.training.rates import rates_sentence
from bickd_core.training.worker import work_race


def follow(run: RunFolder, library: Library) -> int:
    """Train `run` and show its progress. Ctrl-C saves and stops it. Returns 0 if it finished."""
    return follow_race([run], library)


def follow_race(runs: Sequence[RunFolder], library: Library) -> int:
    """Like `follow`, for runs that share their batches. Returns 0 if all finished."""
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(runs, ended), daemon=True)
    watcher.start()
    outcome: list[str] = []
    worker = threading.Thread(target=lambda: outcome.extend(work_race(runs, library)))
    worker.start()
    with _terminate_as_interrupt():
        while worker.is_alive():
            try:
                worker.join(timeout=0.2)
            except KeyboardInterrupt:
                print("stopping after this step; the state is saved ...", file=sys.stderr)
                for run in runs:
                    run.request_stop()
    ended.set()
    watcher.join()
    for run in runs:
        print(_ended(run))
    if len(runs) > 1:
        print(rates_sentence(_by_method(runs)))
    halted = [run.key for run in runs if run.resumable and not has_diverged(run.status())]
    if halted:
        command = "train" if len(halted) == 1 else "race"
        print(f"to continue: bickd {command} --resume {' '.join(halted)}")
    return 0 if outcome == ["finished"] * len(runs) else 1


def _by_method(runs: Sequence[RunFolder]) -> dict[str, TrainConfig]:
    """Return the configs by the methods' titles, with the run's key added to repeated titles."""
    configs = {run.key: config for run in runs if (config := run.info().config) is not None}
    titles = {key: title_of(config.objective) for key, config in configs.items()}
    twice = {title for title in titles.values() if list(titles.values()).count(title) > 1}
    return {
        f"{title} ({key})" if title in twice else title: configs[key]
        for key, title in titles.items()
    }


@contextlib.contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM act like Ctrl-C. Outside the main thread, this does nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _ended(run: RunFolder) -> str:
    """Describe in one line how the run ended, and what to do next."""
    status = run.status()
    if status.state != "finished":
        return f"{run.key}: {status.state}{f' ({status.error})' if status.error else ''}"
    last = run.metrics()[-1]["validation_accuracy"]
    return (
        f"{run.key}: finished, {last:.1%} on validation; for its figures: bickd evaluate {run.key}"
    )


def _watch(runs: Sequence[RunFolder], ended: threading.Event) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        tasks = [bar.add_task("starting", total=1.0) for _ in runs]
        while not ended.is_set():
            for run, task in zip(runs, tasks, strict=True):
                status = run.status()
                progress = status.progress
                description = status.message or status.state
                if progress.images_per_second and status.message == "training":
                    epoch = min(progress.epoch + 1, progress.epochs)
                    description += (
                        f", epoch {epoch}/{progress.epochs}, {progress.images_per_second:,.0f}"
                        " images/s"
                    )
                if len(runs) > 1:
                    description = f"{run.key}: {description}"
                bar.update(task, completed=progress.fraction, description=description)
            time.sleep(0.5)
