"""Run the runs of a sweep: start the next ones, and notice which have ended. The launcher decides
where they work."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bickd_core.launch.protocol import Launcher
from bickd_core.runs.create import check_run, check_trainable, create_run, same_settings, with_data
from bickd_core.runs.library import Library, RunError, RunFolder
from bickd_core.runs.same_data import relocate
from bickd_core.sweeps.definition import PlannedRun

LOST_IN_A_ROW = 3
"""A run that is lost this many times without a step in between has failed."""


@dataclass(frozen=True)
class Ended:
    """How one run of a sweep ended.

    Attributes:
        error: the reason for a failure or a stop; "" if none is known.
        ended_before: whether the run had ended before this sweep began, so that nothing was done.
    """

    planned: PlannedRun
    run: RunFolder
    state: Literal["finished", "failed", "stopped"]
    error: str = ""
    ended_before: bool = False


def check_sweep(planned: Sequence[PlannedRun], library: Library, *, here: bool = True) -> None:
    """Check a sweep before anything is started.

    Args:
        here: whether its runs train on this machine, as for `create_run`.

    Raises:
        ValueError: a run cannot be created (see `create_run`), or a folder with its name has
            another run.
    """
    for each in planned:
        wanted = check_run(each.config, library)
        folder = _folder(each, library)
        if (folder.path / "run.yaml").exists() and not same_settings(folder.info(), wanted):
            raise RunError(
                f"run '{each.name}' already exists with other settings or another teacher; give"
                " this sweep another name, or delete that run."
            )
        if here:
            check_trainable(wanted)


def _folder(planned: PlannedRun, library: Library) -> RunFolder:
    return RunFolder(library.own / planned.name, key=planned.name)


class Sweeping:
    """The runs of a sweep, from start to end. Call `turn` repeatedly while `at_work`.

    Finished runs stay as they are. Stopped and lost runs are resumed. A run that another worker
    holds is waited for.

    Args:
        retries: how often a failed run is started again before it counts as failed.
    """

    def __init__(
        self,
        planned: Sequence[PlannedRun],
        library: Library,
        launcher: Launcher,
        *,
        retries: int = 0,
    ) -> None:
        self.working: dict[str, tuple[PlannedRun, RunFolder]] = {}
        self.ended: list[Ended] = []
        self.stopping = False
        self.unreachable = ""
        """Why no run could be started in the last turn, if the place could not be reached."""
        self._waiting = deque(planned)
        self._library = library
        self._launcher = launcher
        self._retries = retries
        self._failures: Counter[str] = Counter()
        self._losses: Counter[str] = Counter()
        self._lost_at: dict[str, tuple[int, int]] = {}

    @property
    def at_work(self) -> bool:
        return bool(self.working or self._waiting)

    def stop(self) -> None:
        """Start no more runs, and ask all active runs to save their state and stop."""
        self.stopping = True
        self._waiting.clear()
        for _, run in self.working.values():
            self._launcher.stop(run)

    def turn(self) -> list[Ended]:
        """Check all active runs, and start others in free places.

        Returns:
            The runs that have ended since the last turn.
        """
        before, self.unreachable = len(self.ended), ""
        for planned, run in list(self.working.values()):
            try:
                self._look(planned, run)
            except RunError as error:  # its folder is gone or damaged
                self._end(planned, run, "failed", str(error))
        places = self._launcher.at_once
        while self._waiting and len(self.working) < places and not self.unreachable:
            planned = self._waiting.popleft()
            run = _folder(planned, self._library)
            try:
                self._start(planned, run)
            except RunError as error:
                self._end(planned, run, "failed", str(error))
        return self.ended[before:]

    def _start(self, planned: PlannedRun, run: RunFolder) -> None:
        if not (run.path / "run.yaml").exists():
            try:
                run = create_run(
                    planned.config,
                    self._library,
                    name=planned.name,
                    title=planned.title,
                    here=self._launcher.here,
                )
            except ValueError as error:
                return self._end(planned, run, "failed", str(error))
            return self._submit(planned, run)
        status = run.status()
        if status.state == "finished":
            return self._end(planned, run, "finished", ended_before=True)
        if run.resumable:
            try:
                dataset = with_data(planned.config, self._library).dataset
                if run.info().dataset != dataset:
                    relocate(run, dataset)
            except ValueError as error:
                return self._end(planned, run, "failed", str(error))
        if status.state == "failed":
            return self._failed(planned, run, status.error, ended_before=True)
        if status.at_work and status.worker is not None:
            self.working[planned.name] = (planned, run)  # somebody else's worker is on it
            return None
        return self._submit(planned, run)

    def _submit(self, planned: PlannedRun, run: RunFolder) -> None:
        """Start the run. If the place cannot be reached, it is the next to start in a later
        turn."""
        self.working[planned.name] = (planned, run)
        try:
            self._launcher.submit(run)
        except ConnectionError as error:
            self.unreachable = str(error)
            del self.working[planned.name]
            self._waiting.appendleft(planned)

    def _look(self, planned: PlannedRun, run: RunFolder) -> None:
        state = self._launcher.poll(run)
        if state == "lost":
            self._lost(planned, run)
        elif state == "failed":
            self._failed(planned, run, run.status().error)
        elif state != "working":
            self._end(planned, run, state)

    def _failed(
        self, planned: PlannedRun, run: RunFolder, error: str, *, ended_before: bool = False
    ) -> None:
        self._failures[planned.name] += 1
        if self.stopping or self._failures[planned.name] > self._retries:
            self._end(planned, run, "failed", error, ended_before=ended_before)
        else:
            self._submit(planned, run)
            if planned.name not in self.working:
                self._failures[planned.name] -= 1  # counted again when it is started

    def _lost(self, planned: PlannedRun, run: RunFolder) -> None:
        """Submit a lost run again, to resume it. A worker that repeatedly dies at once counts as
        failed."""
        if self.stopping:
            return self._end(planned, run, "stopped", "its worker was lost")
        progress = run.status().progress
        here = (progress.epoch, progress.step)
        if self._lost_at.get(planned.name) != here:
            self._losses[planned.name] = 0
        self._lost_at[planned.name] = here
        self._losses[planned.name] += 1
        if self._losses[planned.name] >= LOST_IN_A_ROW:
            error = (
                f"its worker was lost {LOST_IN_A_ROW} times without a step between; see"
                f" {run.log_path}."
            )
            return self._end(planned, run, "failed", error)
        return self._submit(planned, run)

    def _end(
        self,
        planned: PlannedRun,
        run: RunFolder,
        state: Literal["finished", "failed", "stopped"],
        error: str = "",
        *,
        ended_before: bool = False,
    ) -> None:
        self.working.pop(planned.name, None)
        self.ended.append(Ended(planned, run, state, error, ended_before))
