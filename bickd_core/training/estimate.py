"""How long a run will take here, by doing some of its steps: `python -m bickd_core.training.estimate`.

Reads {config, shelf, own} as JSON on standard input and prints one JSON object: what `measure_speed` returns, or
{error: one sentence}.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from bickd_core.runs import Library
from bickd_core.training.config import TrainConfig
from bickd_core.training.worker import explain

if TYPE_CHECKING:
    from bickd_core.training.setup import Job
    from bickd_core.training.teacher import TeacherOutputs

FINISHING_SECONDS = 20.0
"""Predictions, latency and the map after the last step, where no finished run tells; 18 s on two busy cores."""


def measure_speed(
    config: TrainConfig, library: Library, *, seconds: float = 4.0, since: float | None = None
) -> dict[str, Any]:
    """Real steps for some seconds after a warm-up, and one evaluation.

    The teacher's passes count as far as its views are not stored yet.

    Args:
        since: when loading began, as time.time() counts; this process's start counts Python's own imports, too.

    Returns:
        images_per_second; loading, evaluating and finishing: seconds before the first step, after each epoch and
        after the last; seconds: the expected time of the whole run; device: what it runs on and why.
    """
    from bickd_core.training.engine import Position, end_of_epoch, sample_order, train_step
    from bickd_core.training.setup import build_job

    began = time.time() if since is None else since
    job = build_job(config, library)
    missing = _views_to_make(job)
    job.batches.teacher = _live(job)
    loading = time.time() - began
    order = sample_order(len(job.train), 0, 0)
    batches = [order[i * job.batch_size : (i + 1) * job.batch_size] for i in range(job.steps)]
    for step in range(3):
        train_step(job, batches[step % len(batches)], Position(step=step))
    done, in_teacher, started = 0, 0.0, time.monotonic()
    while time.monotonic() - started < seconds:
        picked, at = batches[done % len(batches)], Position(step=done + 3)
        if job.batches.teacher is not None:
            inputs = job.batches.views.inputs(picked, 0)
            before = time.monotonic()
            job.batches.teacher.outputs(picked, inputs)
            in_teacher += time.monotonic() - before
        train_step(job, picked, at)
        done += 1
    # Each step was one of the student with a live teacher, and one more pass of the teacher, which is timed apart.
    per_step = (time.monotonic() - started - 2 * in_teacher + missing * in_teacher) / done
    started = time.monotonic()
    end_of_epoch(job, Position(seconds=1.0))
    evaluating = time.monotonic() - started
    return {
        "images_per_second": job.batch_size / per_step,
        "loading": loading,
        "evaluating": evaluating,
        "finishing": FINISHING_SECONDS,
        "seconds": loading + config.epochs * (per_step * job.steps + evaluating) + FINISHING_SECONDS,
        "device": job.hardware.reason,
    }


def _views_to_make(job: Job) -> float:
    """The share of the run's views that the teacher has yet to see: 1 with a live teacher."""
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
    asked = json.load(sys.stdin)
    library = Library(shelf=Path(asked["shelf"]), own=Path(asked["own"]))
    try:
        config = TrainConfig.model_validate(asked["config"])
        print(json.dumps(measure_speed(config, library, since=psutil.Process().create_time())))
    except Exception as error:
        traceback.print_exc()
        print(json.dumps({"error": explain(error)}))


if __name__ == "__main__":
    main()
