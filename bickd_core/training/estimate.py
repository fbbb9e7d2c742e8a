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
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from bickd_core.config import TrainConfig
from bickd_core.runs.library import Library
from bickd_core.training.worker import explain

if TYPE_CHECKING:
    from torch import Tensor

    from bickd_core.training.setup import Job
    from bickd_core.training.teacher import TeacherOutputs

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

    Forward passes of the teacher count once for all students, and only for views that are not
    stored yet.

    Args:
        configs: of one run, or of the runs of a race.
        since: when loading began, in time.time(). The start of this process includes Python's
            imports.

    Returns:
        A dictionary. `images_per_second`: speed of a step of all students. `loading`, `evaluating`,
        `finishing`: seconds before the first step, after each epoch and after the last. `seconds`:
        the expected total time. `device`: the device and the reason for it. `students`: their
        number.
    """
    from bickd_core.training.race import lanes_of, spread_over
    from bickd_core.training.setup import build_race

    began = time.time() if since is None else since
    jobs = build_race(configs, library)
    job = jobs[0]
    missing = _views_to_make(job)
    job.batches.teacher = _live(job)
    loading = time.time() - began
    with spread_over(lanes_of(jobs)) as spread:
        per_step, evaluating = _measure(jobs, missing, spread, seconds)
    finishing = FINISHING_SECONDS * len(jobs)
    return {
        "images_per_second": job.batch_size / per_step,
        "loading": loading,
        "evaluating": evaluating,
        "finishing": finishing,
        "seconds": loading + job.config.epochs * (per_step * job.steps + evaluating) + finishing,
        "device": job.hardware.reason,
        "students": len(jobs),
    }


def _measure(
    jobs: Sequence[Job], missing: float, spread: Callable[..., Iterable[Any]], seconds: float
) -> tuple[float, float]:
    """Return the seconds of a step of all students, and of their evaluations.

    Args:
        missing: share of the views that the teacher must still compute.
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
    done, in_teacher, started = 0, 0.0, time.monotonic()
    while time.monotonic() - started < seconds:
        picked = batches[done % job.steps]
        if job.batches.teacher is not None:
            inputs = job.batches.views.inputs(picked, 0)
            before = time.monotonic()
            job.batches.teacher.outputs(picked, inputs)
            in_teacher += time.monotonic() - before
        step(picked, (done + 3) % job.steps)
        done += 1
    # Each step was one of all students with a live teacher, and one more pass of the teacher, which
    # is timed apart. Where an epoch is one step, its batch is kept, and the teacher's pass with it.
    passes = 2 if job.steps > 1 else 1
    per_step = (time.monotonic() - started - (passes - missing) * in_teacher) / done
    started = time.monotonic()
    for each in jobs:
        end_of_epoch(each, Position(seconds=1.0))
    return per_step, time.monotonic() - started


def _views_to_make(job: Job) -> float:
    """Return the share of the run's views that the teacher must still compute: 1 for a live
    teacher."""
    teacher = job.batches.teacher
    if teacher is None:
        return 0.0
    return teacher.missing({job.batches.views.number(epoch) for epoch in range(job.config.epochs)})


def _live(job: Job) -> TeacherOutputs | None:
    teacher = job.batches.teacher
    return teacher if teacher is None else teacher.live


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(5)  # the page that waits for this stays quick
    request = json.load(sys.stdin)
    library = Library(shelf=Path(request["shelf"]), own=Path(request["own"]))
    try:
        configs = [TrainConfig.model_validate(config) for config in request["configs"]]
        from bickd_core.training.hardware import choose_hardware

        before = time.time()
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
