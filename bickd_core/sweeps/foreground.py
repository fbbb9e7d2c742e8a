"""Run a sweep in a shell: progress bars, a line for each finished run, and an orderly end on
Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from bickd_core.launch.stop_signals import exit_code, stop_signals
from bickd_core.runs.info import RunError
from bickd_core.runs.records import last_accuracy
from bickd_core.sweeps.running import Ended, Sweeping

POLL_SECONDS = 0.5


def work_through(sweeping: Sweeping, runs: int, on_end: Callable[[Ended], None]) -> int:
    """Run the sweep until all runs have ended.

    The first Ctrl-C or SIGTERM stops all runs, which save their state. A second one returns at
    once, and the runs stop by themselves.

    Args:
        runs: number of runs.
        on_end: called with each run that has ended.

    Returns:
        0 if all runs finished, 130 after Ctrl-C, 143 after SIGTERM, else 1.
    """
    console = Console(soft_wrap=True)
    problem = ""
    with stop_signals() as signals, _Bars(runs, console) as bars:
        while sweeping.at_work:
            for ended in sweeping.turn():
                console.print(_sentence(ended), highlight=False, markup=False)
                on_end(ended)
            bars.show(sweeping)
            if sweeping.unreachable != problem:
                problem = sweeping.unreachable
                text = f"waiting: {problem}" if problem else "runs are started again"
                console.print(text, highlight=False, markup=False)
            if signals and not sweeping.stopping:
                console.print("stopping: every run saves its state and ends after this step ...")
                sweeping.stop()
            if len(signals) > 1:
                console.print(
                    "left: active runs stop by themselves; run the same command to continue."
                )
                break
            time.sleep(POLL_SECONDS if sweeping.at_work else 0)
    states = [ended.state for ended in sweeping.ended]
    counts = ", ".join(
        f"{states.count(state)} {state}" for state in ("finished", "failed", "stopped")
    )
    console.print(f"{runs} runs: {counts}, {runs - len(states)} not started or still active")
    return exit_code(signals, finished=states.count("finished") == runs)


def _sentence(ended: Ended) -> str:
    name = ended.planned.name
    if ended.state != "finished":
        return f"{name}: {ended.state}{f': {ended.error}' if ended.error else ''}"
    if ended.ended_before:
        return f"{name}: already finished"
    text = f"{name}: finished after {ended.run.status().seconds:.0f} s"
    return text + last_accuracy(ended.run.metrics())


class _Bars:
    """A progress bar for all runs, and one for each active run."""

    def __init__(self, runs: int, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:.0f} %"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._all = self._progress.add_task("", total=float(runs))
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def show(self, sweeping: Sweeping) -> None:
        done = float(len(sweeping.ended))
        for name in set(self._bars) - set(sweeping.working):
            self._progress.remove_task(self._bars.pop(name))
        for name, (_, run) in sweeping.working.items():
            if name not in self._bars:
                self._bars[name] = self._progress.add_task(name, total=1.0)
            try:
                status = run.status()
            except RunError:
                continue
            done += status.progress.fraction
            epoch = f"epoch {status.progress.epoch}/{status.progress.epochs}"
            state = epoch if status.message == "training" else status.message or status.state
            self._progress.update(
                self._bars[name], completed=status.progress.fraction, description=f"{name}: {state}"
            )
        ended = f"{len(sweeping.ended)} of {self._progress.tasks[0].total:.0f} runs ended"
        self._progress.update(self._all, completed=done, description=ended)
