"""Log a training to TensorBoard, trackio, Weights & Biases, or your own program.

BICKD_LOGGERS lists the loggers, separated by spaces. A logger is a function that is called with the
run when its training starts or resumes. It returns `on_epoch(record)`, which is called with each
line of metrics.jsonl. An installed package can add loggers in the entry-point group
`bickd.loggers`.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Any

from bickd_core.naming import not_known
from bickd_core.runs.library import RunFolder
from bickd_core.runs.records import scalars

GROUP = "bickd.loggers"
VARIABLE = "BICKD_LOGGERS"
OnEpoch = Callable[[Mapping[str, Any]], None]
Logger = Callable[[RunFolder], OnEpoch]


def tensorboard(run: RunFolder) -> OnEpoch:
    """Write an event file into `tensorboard/` in the run folder."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(run.path / "tensorboard"))

    def on_epoch(record: Mapping[str, Any]) -> None:
        for name, value in scalars(record).items():
            writer.add_scalar(name, value, record["epoch"] + 1)
        writer.flush()

    return on_epoch


def _tracker(module: Any, run: RunFolder, **options: Any) -> OnEpoch:
    """Log through the functions that trackio and Weights & Biases share."""
    info = run.info()
    config = {} if info.config is None else info.config.model_dump(mode="json")
    tracked = module.init(
        project=os.environ.get("BICKD_PROJECT", "bickd"), name=info.name, config=config, **options
    )

    def on_epoch(record: Mapping[str, Any]) -> None:
        tracked.log(scalars(record), step=record["epoch"] + 1)

    return on_epoch


def trackio(run: RunFolder) -> OnEpoch:
    """Log to trackio, in the project that BICKD_PROJECT names ("bickd")."""
    import trackio as module

    return _tracker(module, run)


def wandb(run: RunFolder) -> OnEpoch:
    """Log to Weights & Biases, in the project that BICKD_PROJECT names ("bickd")."""
    import wandb as module

    return _tracker(module, run, reinit="create_new")  # the runs of a race share a process


def epoch_lines(name: str, epochs: int) -> OnEpoch:
    """Print a line for each epoch, for logs: loss, accuracy, speed and the time left.

    Args:
        name: begins each line, to tell the runs of a race apart; "" for a single run.
        epochs: their total.
    """
    begin = f"{name}: " if name else ""
    began, done = time.monotonic(), 0

    def on_epoch(record: Mapping[str, Any]) -> None:
        nonlocal done
        done += 1
        left = epochs - record["epoch"] - 1
        seconds = round((time.monotonic() - began) / done * left)
        print(
            f"{begin}epoch {epochs - left}/{epochs}, loss {record['loss']:.4g},"
            f" {record['validation_accuracy']:.1%} on validation,"
            f" {record['images_per_second']:,.0f} images/s",
            *([f"{timedelta(seconds=seconds)} left"] if left else []),
            sep=", ",
            flush=True,
        )

    return on_epoch


BUILT_IN: dict[str, Logger] = {"tensorboard": tensorboard, "trackio": trackio, "wandb": wandb}


def _reported(name: str, on_epoch: OnEpoch) -> OnEpoch:
    """Disable the function after its first failure. The reason goes to the run's log, and training
    continues."""
    failed = False

    def call(record: Mapping[str, Any]) -> None:
        nonlocal failed
        if failed:
            return
        try:
            on_epoch(record)
        except Exception:
            failed = True
            traceback.print_exc()
            print(
                f"logger {name} failed, as shown above, and gets no more epochs of this run.",
                flush=True,
            )

    return call


def start_loggers(run: RunFolder) -> list[OnEpoch]:
    """Start the loggers that BICKD_LOGGERS names.

    Args:
        run: the run whose training starts or resumes.

    Returns:
        One function for each logger, to be called with the record of each epoch.

    Raises:
        ValueError: a name is unknown, or its library is not installed.
    """
    names = os.environ.get(VARIABLE, "").split()
    if not names:
        return []
    installed = {point.name: point for point in entry_points(group=GROUP)}
    known = {**BUILT_IN, **installed}
    started = []
    for name in names:
        if name not in known:
            raise ValueError(f"{VARIABLE}: logger {not_known(name, known)}")
        try:
            logger: Logger = installed[name].load() if name in installed else BUILT_IN[name]
            started.append(_reported(name, logger(run)))
        except ModuleNotFoundError as error:
            raise ValueError(
                f"{VARIABLE} names the logger {name}, whose library is not installed: run pip"
                f" install {error.name}."
            ) from error
    return started
