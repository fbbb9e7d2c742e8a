"""Estimate the time of a run: first from finished runs, then by a measurement in a separate
process."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.distill import races
from app.distill.form_values import train_images
from bickd_core.config import TrainConfig
from bickd_core.launch.openmp import brief_waits
from bickd_core.runs.library import Library, RunError, RunFolder, RunInfo

BASE = Path(__file__).resolve().parents[2]
SETTLE_SECONDS = 1.2
"""A measurement starts after the settings have not changed for this long."""
LIMIT_SECONDS = 240.0
BESIDE_SECONDS = 26.0
"""Seconds for start-up, evaluation and the map of a short run on caltech95, on two busy cores. Used
if there is no finished run."""


@dataclass(frozen=True)
class Speed:
    """The measured speed of one kind of training on this machine.

    Attributes:
        images_per_second: in training steps.
        loading, evaluating, finishing: seconds before the first step, after each epoch, after the
            last epoch.
        device: device, precision and threads, each with its reason.
        students: how many students train side by side. A step and the finishing are then those of
            all students.
    """

    images_per_second: float
    loading: float
    evaluating: float
    finishing: float
    device: str
    students: int = 1

    def seconds(self, config: TrainConfig, finished: Sequence[Finished] = ()) -> float:
        """Return the expected seconds of a whole run."""
        return config.epochs * _step_images(config) / self.images_per_second + self.beside(
            config, finished
        )

    def beside(self, config: TrainConfig, finished: Sequence[Finished] = ()) -> float:
        """Return the seconds outside the training steps: start-up, evaluation and finishing.

        Args:
            finished: finished runs that tell how long finishing takes.
        """
        measured = [
            run.beside - self.loading - run.epochs * self.evaluating / self.students
            for run in finished
        ]
        last = self.students * max(2.0, statistics.median(measured)) if measured else self.finishing
        return self.loading + config.epochs * self.evaluating + last


@dataclass(frozen=True)
class Guess:
    """An estimate from another run: its speed, its key, and the seconds that runs spend outside
    training steps."""

    images_per_second: float
    key: str
    beside: float = BESIDE_SECONDS

    def seconds(self, config: TrainConfig) -> float:
        return self.beside + config.epochs * train_images(config) / self.images_per_second


@dataclass(frozen=True)
class Finished:
    """The seconds that a finished run spent outside training steps, and its number of epochs."""

    beside: float
    epochs: int


def finished_runs(config: TrainConfig, runs: Iterable[tuple[RunFolder, RunInfo]]) -> list[Finished]:
    """Return the user's five newest finished runs on the same data.

    Runs of a race are left out, because their time is that of the whole race.
    """
    by_time = []
    runs = list(runs)
    alone = {
        group[0].key
        for group in races.groups(run for run, _ in runs if run.origin != "bundled")
        if len(group) == 1
    }
    for run, info in runs:
        if (
            run.key not in alone
            or run.origin == "bundled"
            or info.config is None
            or info.dataset != config.dataset
        ):
            continue
        with contextlib.suppress(RunError):
            status = run.status()
            speeds = [r["images_per_second"] for r in run.metrics() if r.get("images_per_second")]
            if status.state == "finished" and speeds:
                trained = sum(_step_images(info.config) / speed for speed in speeds)
                beside = max(0.0, status.seconds - trained)
                by_time.append((status.heartbeat, Finished(beside, len(speeds))))
    return [run for _, run in sorted(by_time, key=lambda pair: -pair[0])[:5]]


def _step_images(config: TrainConfig) -> int:
    """Return the training images of an epoch, in whole batches."""
    images = train_images(config)
    batch = min(config.batch_size, images)
    return images // batch * batch


def speed_key(configs: Sequence[TrainConfig]) -> str:
    """Return a key that is the same for plans of the same speed. Seeds, epochs and learning rate
    are left out."""
    stays = {"epochs", "train_limit", "seeds", "schedule", "validation_seed", "probe_size"}
    relevant = [
        {**config.model_dump(mode="json", exclude=stays), "optimizer": config.optimizer.kind}
        for config in configs
    ]
    return json.dumps(relevant, sort_keys=True)


def guess_seconds(
    configs: Sequence[TrainConfig], runs: Sequence[tuple[RunFolder, RunInfo]]
) -> float | None:
    """Estimate the seconds of these runs one after the other; None if one has no similar run."""
    guesses = [(guess(config, runs), config) for config in configs]
    return (
        sum(rough.seconds(config) for rough, config in guesses if rough)
        if all(r for r, _ in guesses)
        else None
    )


def guess(config: TrainConfig, runs: Sequence[tuple[RunFolder, RunInfo]]) -> Guess | None:
    """Estimate from the most similar run with the same model and data. Own runs come before bundled
    ones."""
    finished = finished_runs(config, runs)
    beside = statistics.median(run.beside for run in finished) if finished else BESIDE_SECONDS
    best: tuple[tuple[bool, ...], RunFolder, list[float]] | None = None
    for run, info in runs:
        if info.config is None or (info.arch, info.dataset) != (config.arch, config.dataset):
            continue
        if config.image_size not in (None, info.image_size):
            continue
        alike = (
            info.config.objective.kind == config.objective.kind,
            (info.config.teacher is None) == (config.teacher is None),
            run.origin != "bundled",
        )
        if best is None or alike > best[0]:
            speeds = sorted(
                r["images_per_second"] for r in run.metrics() if r.get("images_per_second")
            )
            best = (alike, run, speeds) if speeds else best
    if best is None:
        return None
    return Guess(best[2][len(best[2]) // 2], best[1].key, beside)


class SpeedMeter:
    """Measures one run or race at a time in a process. A new request ends the previous measurement.

    Args:
        known: results by `speed_key`, which several meters may share: a `Speed` or an error
            message.
    """

    def __init__(self, library: Library, known: dict[str, Speed | str]) -> None:
        self._library = library
        self._known = known
        self._wanted: tuple[str, Sequence[TrainConfig], float] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._key = ""
        self._since = 0.0

    def ask(self, configs: Sequence[TrainConfig]) -> Speed | str | None:
        """Return the speed, an error message, or None while measuring. Call again to continue."""
        key = speed_key(configs)
        if key in self._known:
            self.close()
            return self._known[key]
        now = time.monotonic()
        if self._wanted is None or self._wanted[0] != key:
            self.close()
            self._wanted = (key, configs, now)
        elif self._process is None and now - self._wanted[2] >= SETTLE_SECONDS:
            self._start(key, configs)
        elif self._process is not None:
            self._collect(now)
        return self._known.get(key)

    def close(self) -> None:
        """End the current measurement."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process, self._wanted = None, None

    def _start(self, key: str, configs: Sequence[TrainConfig]) -> None:
        request = {
            "configs": [
                config.model_copy(update={"epochs": 1}).model_dump(mode="json")
                for config in configs
            ],
            "shelf": str(self._library.shelf.resolve()),
            "own": str(self._library.own.resolve()),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bickd_core.training.estimate"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=BASE,
            env={**os.environ, **brief_waits()},
        )
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request))
            self._process.stdin.close()
        self._process.stdin = None
        self._key, self._since = key, time.monotonic()

    def _collect(self, now: float) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            if now - self._since > LIMIT_SECONDS:
                self.close()
                self._known[self._key] = (
                    "The speed could not be measured in time. You can still start the run."
                )
            return
        printed, _ = self._process.communicate()
        self._process = None
        self._known[self._key] = read_answer(printed)


def read_answer(printed: str) -> Speed | str:
    """Parse the output of the measuring process; returns an error message if it has no result."""
    lines = printed.strip().splitlines()
    try:
        answer: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError):
        return "The speed could not be measured here. You can still start the run."
    if "error" in answer:
        return str(answer["error"])
    names = ("images_per_second", "loading", "evaluating", "finishing", "device", "students")
    return Speed(**{name: answer[name] for name in names})
