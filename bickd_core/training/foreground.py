"""A run in the foreground of a shell: the same worker, with a progress bar over its run folder."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bickd_core.runs import Library, RunFolder
from bickd_core.training.worker import work_race


def follow(run: RunFolder, library: Library) -> int:
    """Work on `run` and show how far it is; Ctrl-C asks it to save and stop. 0 when it finished."""
    return follow_race([run], library)


def follow_race(runs: Sequence[RunFolder], library: Library) -> int:
    """`follow` on runs that share their batches; 0 when all finished."""
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(runs, ended), daemon=True)
    watcher.start()
    outcome: list[str] = []
    worker = threading.Thread(target=lambda: outcome.extend(work_race(runs, library)))
    worker.start()
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
    halted = [run.key for run in runs if run.resumable]
    if halted:
        command = "train" if len(halted) == 1 else "race"
        print(f"to go on: bickd {command} --resume {' '.join(halted)}")
    return 0 if outcome == ["finished"] * len(runs) else 1


def _ended(run: RunFolder) -> str:
    """How it ended, in a line, and what may be done next."""
    status = run.status()
    if status.state != "finished":
        return f"{run.key}: {status.state}{f' ({status.error})' if status.error else ''}"
    last = run.metrics()[-1]["validation_accuracy"]
    return f"{run.key}: finished, {last:.1%} on validation; its figures: bickd evaluate {run.key}"


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
                words = status.message or status.state
                if progress.images_per_second and status.message == "training":
                    epoch = min(progress.epoch + 1, progress.epochs)
                    words += f", epoch {epoch}/{progress.epochs}, {progress.images_per_second:,.0f} images/s"
                if len(runs) > 1:
                    words = f"{run.key}: {words}"
                bar.update(task, completed=progress.fraction, description=words)
            time.sleep(0.5)
