"""A run in the foreground of a shell: the same worker, with a progress bar over its run folder."""

from __future__ import annotations

import sys
import threading
import time

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bickd_core.runs import Library, RunFolder
from bickd_core.training.worker import work


def follow(run: RunFolder, library: Library) -> int:
    """Work on `run` and show how far it is; Ctrl-C asks it to save and stop. 0 when it finished."""
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(run, ended), daemon=True)
    watcher.start()
    outcome: list[str] = []
    worker = threading.Thread(target=lambda: outcome.append(work(run, library)))
    worker.start()
    while worker.is_alive():
        try:
            worker.join(timeout=0.2)
        except KeyboardInterrupt:
            print("stopping after this step; the state is saved ...", file=sys.stderr)
            run.request_stop()
    ended.set()
    watcher.join()
    status = run.status()
    print(
        f"{run.key}: {outcome[0] if outcome else status.state}{f' ({status.error})' if status.error else ''}"
    )
    return 0 if outcome == ["finished"] else 1


def _watch(run: RunFolder, ended: threading.Event) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("starting", total=1.0)
        while not ended.is_set():
            status = run.status()
            progress = status.progress
            words = status.message or status.state
            if progress.images_per_second and status.message == "training":
                epoch = min(progress.epoch + 1, progress.epochs)
                words += f", epoch {epoch}/{progress.epochs}, {progress.images_per_second:,.0f} images/s"
            bar.update(task, completed=progress.fraction, description=words)
            time.sleep(0.5)
