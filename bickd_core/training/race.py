"""Train several students side by side on the same batches and teacher outputs."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Literal

import torch

from bickd_core.training.engine import Runner
from bickd_core.training.hardware import Hardware


def lanes_for(students: int, hardware: Hardware) -> int:
    """Return how many students do their step at the same time, each with its share of the threads.

    On a CPU small networks gain little from a second thread, while two of them side by side are
    nearly twice as fast. With one thread, or on a GPU, they alternate.
    """
    return 1 if hardware.device.type != "cpu" else max(1, min(students, hardware.threads))


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

    def step(number: int) -> bool:
        return attempt(lambda n: at_work[n].step(), number)

    def end_if_over(number: int) -> None:
        state = at_work[number].state
        if state != "training":
            del at_work[number]
            enders[number](state)

    with ExitStack() as stack:
        spread: Callable[..., Iterable[object]] = map
        if lanes > 1:
            share = max(1, torch.get_num_threads() // lanes)
            pool = ThreadPoolExecutor(
                lanes, "lane", initializer=torch.set_num_threads, initargs=(share,)
            )
            spread = stack.enter_context(pool).map
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
            level = [n for n in level if attempt(prepare, n)]
            list(spread(step, level))
            for number in [n for n in level if n in at_work]:
                attempt(end_if_over, number)
