"""Measure how long a run or a race will take on this machine, with `python -m
bickd_core.training.estimate`.

It reads {configs, shelf, own} as JSON from standard input, does some training steps, and prints one
JSON object: the result of `measure_speed`, or {error: one sentence}.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from bickd_core.config import TrainConfig
from bickd_core.runs.create import check_run
from bickd_core.runs.library import Library
from bickd_core.training.worker import explain

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from bickd_core.models.outputs import Outputs
    from bickd_core.training.setup import Job
    from bickd_core.training.teacher import LiveTeacher

FINISHING_SECONDS = 20.0
"""Seconds for predictions, latency and the map after the last step, if no finished run is known.
Measured: 18 s on two busy cores."""


def measure_speed(
    configs: Sequence[TrainConfig],
    library: Library,
    *,
    seconds: float = 4.0,
    since: float | None = None,
) -> dict[str, Any]:
    """Do real steps for some seconds after a warm-up, and evaluate each student once.

    A live teacher's forward passes are part of the steps, once for all students. Those that fill
    the store of views are measured apart, because they depend on the views that are stored.

    Args:
        configs: of one run, or of the runs of a race.
        since: when loading began, in time.time(). The start of this process includes Python's
            imports.

    Returns:
        A dictionary. `images_per_second`: speed of a step of all students. `loading`, `evaluating`,
        `finishing`: seconds before the first step, after each epoch and after the last.
        `view_seconds`: seconds to make a view that is not stored. `views`: the fields of the
        `ViewKey` of the views, None if none are stored. `seconds`: the expected total time.
        `device`: the device and the reason for it. `students`: their number.
    """
    from bickd_core.training.race import lanes_of, spread_over
    from bickd_core.training.setup import build_race
    from bickd_core.training.teacher import StoredTeacher

    began = time.time() if since is None else since
    jobs = build_race(configs, library)
    job = jobs[0]
    teacher = job.batches.teacher
    store = teacher.store if isinstance(teacher, StoredTeacher) else None
    timed = None if teacher is None else _TimedTeacher(teacher.live)
    job.batches.teacher = timed
    loading = time.time() - began
    with spread_over(lanes_of(jobs)) as spread:
        students, in_teacher, evaluating = _measure(jobs, timed, spread, seconds)
    per_step = students + (in_teacher if store is None else 0.0)
    view_seconds = 0.0 if store is None else in_teacher * len(job.train) / job.batch_size
    numbers = {job.batches.views.number(epoch) for epoch in range(job.config.epochs)}
    making = 0.0 if store is None else view_seconds * store.missing(numbers)
    training = job.config.epochs * (per_step * job.steps + evaluating) + making
    finishing = FINISHING_SECONDS * len(jobs)
    return {
        "images_per_second": job.batch_size / per_step,
        "loading": loading,
        "evaluating": evaluating,
        "finishing": finishing,
        "view_seconds": view_seconds,
        "views": None if store is None else asdict(store.key),
        "seconds": loading + training + finishing,
        "device": job.hardware.reason,
        "students": len(jobs),
    }


@dataclass
class _TimedTeacher:
    """The forward pass of the teacher, with its seconds and its number so far."""

    live: LiveTeacher
    seconds: float = 0.0
    passes: int = 0

    def prepare(self, view: int) -> Iterator[None]:
        return self.live.prepare(view)

    def outputs(self, picked: Tensor, inputs: Tensor) -> Outputs:
        _wait_for(inputs.device)
        before = time.monotonic()
        outputs = self.live.outputs(picked, inputs)
        _wait_for(inputs.device)
        self.seconds += time.monotonic() - before
        self.passes += 1
        return outputs


def _wait_for(device: torch.device) -> None:
    """Wait until a GPU has done what it was given."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _measure(
    jobs: Sequence[Job],
    teacher: _TimedTeacher | None,
    spread: Callable[..., Iterable[Any]],
    seconds: float,
) -> tuple[float, float, float]:
    """Return the seconds of a step of all students without the teacher, of the teacher's pass over
    its batch, and of the evaluations of all students.

    Args:
        teacher: the one that the jobs' batches have.
        spread: a `map` that does the students' steps side by side, as in a race.
        seconds: how long to measure steps.
    """
    from bickd_core.training.engine import Position, end_of_epoch, sample_order, train_step

    job = jobs[0]

    def step(picked: Tensor, number: int) -> None:
        job.batches.get(job.ranks.part(picked), 0, number)
        at = Position(step=number)
        list(spread(lambda each: train_step(each, picked, at).figures(), jobs))  # waits for a GPU

    order = sample_order(len(job.train), 0, 0)
    batches = [order[i * job.batch_size : (i + 1) * job.batch_size] for i in range(job.steps)]
    for number in range(3):
        step(batches[number % job.steps], number % job.steps)
    if teacher is not None:
        teacher.seconds, teacher.passes = 0.0, 0
    done, started = 0, time.monotonic()
    while time.monotonic() - started < seconds:
        step(batches[done % job.steps], (done + 3) % job.steps)
        done += 1
    in_students = time.monotonic() - started - (0.0 if teacher is None else teacher.seconds)
    in_teacher = 0.0
    if teacher is not None:
        while teacher.passes < 3:  # where an epoch is one step, its batch is kept
            teacher.outputs(batches[0], job.batches.views.inputs(batches[0], 0))
        in_teacher = teacher.seconds / teacher.passes
    started = time.monotonic()
    for each in jobs:
        end_of_epoch(each, Position(seconds=1.0))
    return in_students / done, in_teacher, time.monotonic() - started


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(5)  # the page that waits for this stays quick
    request = json.load(sys.stdin)
    library = Library(shelf=Path(request["shelf"]), own=Path(request["own"]))
    try:
        configs = [TrainConfig.model_validate(config) for config in request["configs"]]
        from bickd_core.training.hardware import choose_hardware

        before = time.time()
        configs = [check_run(config, library).config or config for config in configs]
        choose_hardware(
            configs[0], say=lambda message: print(message, file=sys.stderr)
        )  # compiles kernels, once
        since = psutil.Process().create_time() + time.time() - before
        print(json.dumps(measure_speed(configs, library, since=since)))
    except Exception as error:
        traceback.print_exc()
        print(json.dumps({"error": explain(error, "try again")}))


if __name__ == "__main__":
    main()
