"""Estimate the time of a run from its measured speed, or from finished runs."""

from __future__ import annotations

import contextlib
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from app.distill import races
from app.distill.form_values import train_images
from bickd_core.config import TrainConfig
from bickd_core.runs.library import RunError, RunFolder, RunInfo
from bickd_core.training.view_store import ViewKey, ViewStore

BESIDE_SECONDS = 26.0
"""Seconds for start-up, evaluation and the map of a short run on caltech95, on two busy cores. Used
if there is no finished run."""

RECENT = 5
"""Number of the newest runs that an estimate is made from."""


@dataclass(frozen=True)
class Speed:
    """The measured speed of one kind of training on this machine.

    Attributes:
        images_per_second: in training steps, without the making of the teacher's views.
        loading, evaluating, finishing: seconds before the first step, after each epoch, after the
            last epoch.
        device: device, precision and threads, each with its reason.
        students: how many students train side by side. A step and the finishing are then those of
            all students.
        view_seconds: seconds to make a view of the teacher that is not stored.
        views: key of these views for one seed; None if none are stored.
    """

    images_per_second: float
    loading: float
    evaluating: float
    finishing: float
    device: str
    students: int = 1
    view_seconds: float = 0.0
    views: ViewKey | None = None

    def seconds(self, config: TrainConfig, finished: Sequence[Finished] = ()) -> float:
        """Return the expected seconds of a whole run whose views are all stored."""
        return config.epochs * _step_images(config) / self.images_per_second + self.beside(
            config, finished
        )

    def making_views(self, configs: Sequence[TrainConfig]) -> float:
        """Return the seconds for the views that the teacher must still make.

        Args:
            configs: one for each seed, as the form makes them: without extensions and pools of
                views.
        """
        if self.views is None:
            return 0.0
        wanted: dict[int, int] = {}  # seed of the augmentation -> number of views
        for config in configs:
            seed = config.seeds.augmentation if config.augment else 0
            wanted[seed] = config.epochs if config.augment else 1
        stores = {seed: ViewStore(replace(self.views, seed=seed)) for seed in wanted}
        missing = sum(stores[seed].missing(range(views)) for seed, views in wanted.items())
        return missing * self.view_seconds

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
    """An estimate from another run.

    Attributes:
        images_per_second, key: of that run.
        beside: seconds that runs spend outside training steps.
        similar: number of runs that it is chosen from.
        own: whether it is a run of the user, the fastest of them; else the middle one of bundled
            runs, which another machine may have made.
    """

    images_per_second: float
    key: str
    beside: float = BESIDE_SECONDS
    similar: int = 1
    own: bool = True

    def seconds(self, config: TrainConfig) -> float:
        return self.beside + config.epochs * train_images(config) / self.images_per_second


@dataclass(frozen=True)
class Finished:
    """The seconds that a finished run spent outside training steps, and its number of epochs."""

    beside: float
    epochs: int


def finished_runs(config: TrainConfig, runs: Iterable[tuple[RunFolder, RunInfo]]) -> list[Finished]:
    """Return the user's newest finished runs on the same data.

    Runs of a race are left out, because their time is that of the whole race. Older runs do not
    store that they were in one. They are recognised by another run with the same worker.
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
            if status.state == "finished" and status.together == 1 and speeds:
                trained = sum(_step_images(info.config) / speed for speed in speeds)
                beside = max(0.0, status.seconds - trained)
                by_time.append((status.heartbeat, Finished(beside, len(speeds))))
    return [run for _, run in sorted(by_time, key=lambda pair: -pair[0])[:RECENT]]


def _step_images(config: TrainConfig) -> int:
    """Return the training images of an epoch, in whole batches."""
    images = train_images(config)
    batch = min(config.batch_size, images)
    return images // batch * batch


def speed_key(configs: Sequence[TrainConfig]) -> str:
    """Return a key that is the same for plans of the same speed, on the same training images.
    Seeds, epochs and learning rate are left out."""
    stays = {"epochs", "seeds", "schedule", "probe_size"}
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
    """Estimate from the most similar runs with the same model and data. Own runs come before
    bundled ones.

    Of the newest own runs on one device, the fastest counts: other programs make a run slower, and
    never faster. Of bundled runs, the middle one counts.
    """
    finished = finished_runs(config, runs)
    beside = statistics.median(run.beside for run in finished) if finished else BESIDE_SECONDS
    found: list[tuple[tuple[bool, ...], str, RunFolder, float]] = []
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
        speeds = [r["images_per_second"] for r in run.metrics() if r.get("images_per_second")]
        if speeds:
            found.append((alike, info.created, run, statistics.median(speeds)))
    if not found:
        return None
    most_alike = max(alike for alike, *_ in found)
    newest_first = sorted(
        ((created, run, speed) for alike, created, run, speed in found if alike == most_alike),
        key=lambda each: each[0],
        reverse=True,
    )
    device = _device(newest_first[0][1])
    similar = [(run, speed) for _, run, speed in newest_first if _device(run) == device][:RECENT]
    by_speed = sorted(similar, key=lambda each: each[1])
    own = by_speed[-1][0].origin != "bundled"
    run, speed = by_speed[-1 if own else len(by_speed) // 2]
    return Guess(speed, run.key, beside, len(similar), own)


def _device(run: RunFolder) -> str:
    """Return the device of a run without its precision, threads and reasons: "CPU"."""
    with contextlib.suppress(RunError):
        return run.status().device.split(" (")[0].split(",")[0]
    return ""
