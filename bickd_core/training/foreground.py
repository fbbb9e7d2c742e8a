"""Train a run in the foreground of a shell, with the same worker and a progress bar.

Without a terminal there is no bar, and the worker prints a line for each epoch.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Sequence

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bickd_core.config import TrainConfig
from bickd_core.launch.stop_signals import exit_code, stop_signals
from bickd_core.presets.catalogue import title_of
from bickd_core.runs.library import Library, RunFolder
from bickd_core.runs.records import last_accuracy
from bickd_core.training.divergence import has_diverged
from bickd_core.training.rates import rates_sentence
from bickd_core.training.worker import work_race

STOPPING = (
    "stopping after this step; the state is saved ..."
    " (a second Ctrl-C ends at once, without saving)"
)


def follow(run: RunFolder, library: Library) -> int:
    """Train `run` and show its progress, like `follow_race`."""
    return follow_race([run], library)


def follow_race(runs: Sequence[RunFolder], library: Library) -> int:
    """Train runs that share their batches, and show their progress.

    The first Ctrl-C or SIGTERM saves and stops all runs after their step. A second one ends the
    process at once.

    Returns:
        0 if all runs finished, 130 after Ctrl-C, 143 after SIGTERM, else 1.
    """
    shown, ended = threading.Event(), threading.Event()
    outcome: list[str] = []
    with stop_signals() as signals:

        def train() -> None:
            try:
                outcome.extend(work_race(runs, library, leave=lambda: bool(signals)))
            finally:
                ended.set()

        watcher = threading.Thread(target=_watch, args=(runs, shown), daemon=True)
        watcher.start()
        worker = threading.Thread(target=train)
        worker.start()
        announced = False
        while not ended.wait(timeout=0.2):
            if signals and not announced:
                announced = True
                print(STOPPING, file=sys.stderr, flush=True)
            if len(signals) > 1:
                break
        shown.set()
        watcher.join()  # it shows the cursor again
        if not ended.is_set():
            signal.signal(signals[-1], signal.SIG_DFL)
            signal.raise_signal(signals[-1])
        worker.join()
    for run in runs:
        print(_ended(run))
    if len(runs) > 1:
        print(rates_sentence(_by_method(runs)))
    if command := resume_command(runs):
        print(f"to continue: {command}")
    return exit_code(signals, finished=outcome == ["finished"] * len(runs))


def resume_command(runs: Sequence[RunFolder]) -> str:
    """Return the command that continues those of the runs that can be; "" if there are none."""
    keys = [run.key for run in runs if run.resumable and not has_diverged(run.status())]
    return f"bickd {'train' if len(keys) == 1 else 'race'} --resume {' '.join(keys)}" * bool(keys)


def _by_method(runs: Sequence[RunFolder]) -> dict[str, TrainConfig]:
    """Return the configs by the methods' titles, with the run's key added to repeated titles."""
    configs = {run.key: config for run in runs if (config := run.info().config) is not None}
    titles = {key: title_of(config.objective) for key, config in configs.items()}
    twice = {title for title in titles.values() if list(titles.values()).count(title) > 1}
    return {
        f"{title} ({key})" if title in twice else title: configs[key]
        for key, title in titles.items()
    }


def _ended(run: RunFolder) -> str:
    """Describe in one line how the run ended, and what to do next."""
    status = run.status()
    if status.state != "finished":
        return f"{run.key}: {status.state}{f' ({status.error})' if status.error else ''}"
    reached = last_accuracy(run.metrics())
    return f"{run.key}: finished{reached}; for its figures: bickd evaluate {run.key}"


def _watch(runs: Sequence[RunFolder], ended: threading.Event) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, disable=not sys.stdout.isatty()) as bar:
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
