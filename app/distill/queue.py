"""The runs that work and wait on this machine, and their expected times, without Streamlit."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from app.distill import races
from app.distill.races import Standing
from bickd_core.config import TrainConfig
from bickd_core.data.registry import dataset_title
from bickd_core.launch.slots import default_slots
from bickd_core.runs.library import RunError, RunFolder, RunInfo
from bickd_viz.text import numbers

Seconds = float | None
Active = tuple[RunFolder, RunInfo]
STOP_SECONDS = 2.0
"""A worker stops after its current step."""


@dataclass(frozen=True)
class Entry:
    """A run, or the runs of a race, on one worker.

    Attributes:
        working: whether it works; otherwise it waits.
        here: whether its worker is on this machine. The runs folder may be on a shared disk.
        started: when its worker was started, in seconds since 1970. Infinite before the worker has
            reported, and on another machine, whose clock may differ.
        seconds_left: None if unknown.
        ending: "stopping" after a request to stop, "finishing" after the last epoch, else "".
    """

    runs: tuple[Active, ...]
    working: bool
    standing: Standing
    seconds_left: Seconds
    ending: str = ""
    here: bool = True
    started: float = math.inf

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(run.key for run, _ in self.runs)

    @property
    def of_another(self) -> bool:
        """Whether it belongs to another user of this server."""
        return any(run.origin == "other" for run, _ in self.runs)

    @property
    def title(self) -> str:
        """The run's name, or the methods of the race. The names of other users' runs are not
        shown."""
        if self.of_another:
            return "A run of another user"
        infos = {run.key: info for run, info in self.runs}
        if len(infos) == 1:
            return next(iter(infos.values())).name
        info = self.runs[0][1]
        return (
            f"{', '.join(races.names(infos).values())} · {dataset_title(info.dataset)}, seed"
            f" {info.seed}"
        )

    @property
    def progress(self) -> str:
        """The progress and the expected time."""
        if self.ending:
            return self.ending
        left = "" if self.seconds_left is None else f" · {numbers.duration(self.seconds_left)}"
        if not self.working:
            return f"waiting{left and f' · takes {numbers.duration(self.seconds_left)}'}"
        return f"{self.standing.fraction:.0%}{left + ' left' if left else ''}"


def entries(
    runs: Iterable[Active],
    expected: Callable[[Sequence[TrainConfig]], Seconds],
) -> list[Entry]:
    """Return working entries, then waiting ones, each in the order in which their workers were
    started. This is the order in which waiting workers get their turn.

    Args:
        expected: returns the seconds of runs that have not begun, one after the other.
    """
    active = {}
    for run, info in runs:
        if run.origin == "bundled":
            continue
        try:
            status = run.status()
        except RunError:
            continue
        if status.at_work:
            active[run.key] = (run, info)
    queue_entries = []
    ordered = sorted(active.values(), key=lambda pair: (pair[1].created, pair[0].key))
    for group in races.groups(run for run, _ in ordered):
        pairs = tuple(active[run.key] for run in group)
        try:
            statuses = [run.status() for run in group]
        except RunError:
            continue
        working = any(status.state == "running" for status in statuses)
        configs = [info.config for _, info in pairs if info.config is not None]
        stopping = [run.stop_requested() for run in group]
        epochs = max((config.epochs for config in configs), default=0)
        at = races.standing(statuses, epochs, stopping)
        left, ending = at.seconds_left, ""
        if all(stopping):
            left, ending = STOP_SECONDS, "stopping"
        elif at.fraction == 1:
            ending = "finishing"
        elif left is None and at.fraction == 0:
            left = expected(configs)
        here = all(status.worker is None or status.worker.here for status in statuses)
        worker = statuses[0].worker
        started = worker.started if worker is not None and worker.here else math.inf
        queue_entries.append(Entry(pairs, working, at, left, ending, here, started))
    return sorted(queue_entries, key=lambda entry: (not entry.working, entry.started))


def ends(slots: int, working: Sequence[float], waiting: Sequence[float]) -> list[float]:
    """Return the seconds until each waiting run is done, if `slots` runs work at once.

    >>> ends(1, [10.0], [5.0, 5.0]), ends(2, [10.0], [5.0, 5.0])
    ([15.0, 20.0], [5.0, 10.0])
    """
    free = sorted([*working, *[0.0] * max(0, slots - len(working))])
    heapq.heapify(free)
    finish_times = []
    for seconds in waiting:
        end = heapq.heappop(free) + seconds
        finish_times.append(end)
        heapq.heappush(free, end)
    return finish_times


def on_this_machine(queue_entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in queue_entries if entry.here]


def all_done(queue_entries: Sequence[Entry], slots: int | None = None) -> Seconds:
    """Return the seconds until all entries of this machine are done, or None if one of them is
    unknown."""
    queue_entries = on_this_machine(queue_entries)
    left = [entry.seconds_left for entry in queue_entries]
    if not queue_entries or any(seconds is None for seconds in left):
        return None
    working = [entry.seconds_left or 0.0 for entry in queue_entries if entry.working]
    waiting = [entry.seconds_left or 0.0 for entry in queue_entries if not entry.working]
    return max([*working, *ends(slots or default_slots(), working, waiting)], default=0.0)


def until_free(queue_entries: Sequence[Entry], slots: int | None = None) -> Seconds:
    """Return the seconds until a new run may start on this machine: 0 if a slot is free, None if
    unknown."""
    queue_entries = on_this_machine(queue_entries)
    slots = slots or default_slots()
    if len(queue_entries) < slots:
        return 0.0
    if any(entry.seconds_left is None for entry in queue_entries):
        return None
    working = [entry.seconds_left or 0.0 for entry in queue_entries if entry.working]
    waiting = [entry.seconds_left or 0.0 for entry in queue_entries if not entry.working]
    return ends(slots, working, [*waiting, 0.0])[-1]


def several(groups: int, seconds: float, slots: int, *, race: bool) -> str:
    """Describe the schedule of several runs or races of one plan."""
    noun = numbers.counted(groups, "race" if race else "run")
    each = numbers.duration(seconds)
    if slots == 1:
        return f"{noun} one after the other, {each} each."
    return (
        f"{noun}, {min(slots, groups)} at a time. Each takes {each} alone, and longer side by side."
    )


def plan_seconds(groups: int, seconds: float, slots: int) -> float:
    """Return the seconds of a plan of equal groups on an idle machine."""
    return math.ceil(groups / slots) * seconds
