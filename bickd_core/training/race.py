"""Train several students side by side on the same batches and teacher outputs."""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal

import torch

from bickd_core.training.engine import Runner
from bickd_core.training.hardware import Hardware
from bickd_core.training.setup import Job


def lanes_for(students: int, hardware: Hardware) -> int:
    """Return how many students do their step at the same time, each with its share of the threads.

    On a CPU small networks gain little from a second thread, while two of them side by side are
    nearly twice as fast. With one thread, or on a GPU, they alternate.
    """
    return 1 if hardware.device.type != "cpu" else max(1, min(students, hardware.threads))


def lanes_of(jobs: Sequence[Job]) -> int:
    """Return the lanes of a race. Students that draw random numbers alternate, because torch's
    generators are global."""
    drawn = any(job.draws for job in jobs)
    return 1 if drawn else lanes_for(len(jobs), jobs[0].hardware)


@contextmanager
def spread_over(lanes: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Provide a `map` over this many Python threads, each with its share of torch's threads."""
    if lanes == 1:
        yield map
        return
    share = max(1, torch.get_num_threads() // lanes)
    with ThreadPoolExecutor(
        lanes, "lane", initializer=torch.set_num_threads, initargs=(share,)
    ) as pool:
        yield pool.map


def race(
    makers: Sequence[Callable[[], Runner]],
    enders: Sequence[Callable[[Literal["finished", "stopped"]], None]],
    on_failure: Callable[[int, Exception], None],
    *,
    lanes: int = 1,
) -> None:
    """Train all runners to their ends. Runners at the same step share its batch.

    A resumed run that is behind the others catches up first. If one run fails, the others continue.
    Batches are made here with all threads. Then each runner does its step in one of `lanes` Python
    threads, with its share of the threads.

    Args:
        makers: functions that make the runners, from jobs of one `build_race`.
        enders: functions to call when a run is finished or stopped, one for each run.
        on_failure: called with the number of a failed run and its error.
    """
    at_work: dict[int, Runner] = {}

    def attempt(do: Callable[[int], object], number: int) -> bool:
        try:
            do(number)
        except Exception as error:
            traceback.print_exc()
            at_work.pop(number, None)
            on_failure(number, error)
            return False
        return True

    def start(number: int) -> None:
        at_work[number] = makers[number]()

    def ready(number: int) -> None:
        at_work[number].ready()

    def prepare(number: int) -> None:
        at_work[number].prepare_batch()

    def step(number: int, side_by_side: float) -> bool:
        return attempt(lambda n: at_work[n].step(side_by_side), number)

    def end_if_over(number: int) -> None:
        state = at_work[number].state
        if state != "training":
            del at_work[number]
            enders[number](state)

    with spread_over(lanes) as spread:
        for number in range(len(makers)):
            if attempt(start, number):
                attempt(end_if_over, number)
        while at_work:
            first = min((runner.at.epoch, runner.at.step) for runner in at_work.values())
            level = [
                n for n, runner in at_work.items() if (runner.at.epoch, runner.at.step) == first
            ]
            level = [
                n for n in level if attempt(ready, n) and attempt(end_if_over, n) and n in at_work
            ]
            started = time.monotonic()
            level = [n for n in level if attempt(prepare, n)]
            making, rounds = time.monotonic() - started, math.ceil(len(level) / lanes)
            for number in level:
                at_work[number].at.seconds += making / len(level)
            list(spread(step, level, [len(level) / max(rounds, 1)] * len(level)))
            for number in [n for n in level if n in at_work]:
                attempt(end_if_over, number)
