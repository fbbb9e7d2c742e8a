"""Several students on one teacher pass: runs that share their batches, taken forward step by step."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Literal

from bickd_core.training.engine import Runner


def race(
    makers: Sequence[Callable[[], Runner]],
    enders: Sequence[Callable[[Literal["finished", "stopped"]], None]],
) -> dict[int, Exception]:
    """Take all runners to their ends; those that stand at the same step share its batch.

    A run that is behind the others (it was resumed) goes first until it has caught up. What fails one run
    leaves the others at work.

    Args:
        makers: make the runners, from jobs of one `build_race`.
        enders: what to do when a run is finished or stopped, one for each.

    Returns:
        Which runs failed, and with what.
    """
    failed: dict[int, Exception] = {}
    at_work: dict[int, Runner] = {}

    def attempt(number: int, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception as error:
            traceback.print_exc()
            failed[number] = error
            at_work.pop(number, None)

    def start(number: int) -> None:
        at_work[number] = makers[number]()

    def advance(number: int) -> None:
        runner = at_work[number]
        if runner.state == "training":
            runner.advance()
        if runner.state != "training":
            del at_work[number]
            enders[number](runner.state)

    for number in range(len(makers)):
        attempt(number, lambda number=number: start(number))  # type: ignore[misc]
    while at_work:
        first = min((runner.at.epoch, runner.at.step) for runner in at_work.values())
        level = [n for n, runner in at_work.items() if (runner.at.epoch, runner.at.step) == first]
        for number in level:
            attempt(number, lambda number=number: advance(number))  # type: ignore[misc]
    return failed
