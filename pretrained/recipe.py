"""Make the bundled runs: `make pretrained`. You can stop and repeat it: finished runs are kept, the
others resume.

For each data set it trains a teacher, and then students with the same budget and the default
options of their presets. All seeds of a run follow its number. Only the learning rate is chosen for
each method, on validation data, with the same number of trials (`pretrained/sweeps/*-rates.yaml`).
A teacher must be at least 3 points of validation accuracy above the `ce` student; otherwise no
other students are trained.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from bickd_core.config import (
    SGD,
    BicKDOptions,
    CEOptions,
    DISTOptions,
    KDOptions,
    ObjectiveOptions,
    Seeds,
    TrainConfig,
)
from bickd_core.launch.local import LocalLauncher
from bickd_core.maps.make import Maps
from bickd_core.maps.make import make as make_maps
from bickd_core.presets.catalogue import PRESETS
from bickd_core.runs.card import write_card
from bickd_core.runs.library import Library, RunFolder
from bickd_core.runs.pack import pack
from bickd_core.sweeps.definition import PlannedRun
from bickd_core.sweeps.foreground import work_through
from bickd_core.sweeps.running import Sweeping, check_sweep

SHELF = Path(__file__).resolve().parent
METHODS: dict[str, ObjectiveOptions] = {
    "ce": CEOptions(),
    "kd": KDOptions(),
    "dist": DISTOptions(),
    "bickd": BicKDOptions(),
}
MARGIN = 0.03
"""Validation accuracy by which a teacher must beat the `ce` student."""


@dataclass(frozen=True)
class Recipe:
    """A teacher and its students on one data set: `seeds` students for each method, at the method's
    learning rate."""

    dataset: str
    teacher: TrainConfig
    student: TrainConfig
    rates: dict[str, float]
    seeds: int

    def students(self, method: str) -> dict[str, TrainConfig]:
        key = f"{self.dataset}/teacher"
        return {
            f"{method}-s{seed}": self.student.model_copy(
                update={
                    "teacher": key,
                    "objective": METHODS[method],
                    "optimizer": SGD(lr=self.rates[method]),
                    "seeds": Seeds.all(seed),
                }
            )
            for seed in range(self.seeds)
        }


RECIPES = (
    Recipe(
        dataset="caltech95",
        teacher=TrainConfig(
            dataset="caltech95", arch="resnet14x2", role="teacher", epochs=60,
            optimizer=SGD(lr=0.05), threads=2
        ),
        student=TrainConfig(dataset="caltech95", arch="resnet8", epochs=40, threads=1),
        rates={kind: PRESETS[kind].rate for kind in METHODS},
        seeds=3,
    ),
    Recipe(
        dataset="fashion-mnist",
        teacher=TrainConfig(
            dataset="fashion-mnist", arch="resnet14", role="teacher", epochs=6, batch_size=128,
            optimizer=SGD(lr=0.1), threads=2, probe_size=200,
        ),
        student=TrainConfig(
            dataset="fashion-mnist", arch="resnet8", epochs=20, train_limit=6000, threads=1,
            probe_size=200,
        ),
        rates={"ce": 0.4, "kd": 0.4, "dist": 0.025, "bickd": 0.025},
        seeds=1,
    ),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the bundled runs; finished ones are kept.")
    parser.add_argument("--dataset", choices=[recipe.dataset for recipe in RECIPES])
    parser.add_argument(
        "--side-by-side", type=int, default=2, help="students trained at once, a thread each"
    )
    asked = parser.parse_args()
    for recipe in RECIPES:
        if asked.dataset in (None, recipe.dataset):
            make(recipe, asked.side_by_side)


def make(recipe: Recipe, side_by_side: int) -> None:
    """Train the teacher and the `ce` students, check the teacher, and train the others. Then add
    what bundled runs need."""
    train_all(recipe.dataset, {"teacher": recipe.teacher}, 1)
    train_all(recipe.dataset, recipe.students("ce"), side_by_side)
    check_teacher(recipe)
    rest = {
        name: config
        for method in METHODS
        if method != "ce"
        for name, config in recipe.students(method).items()
    }
    # Seeds outermost, so that whatever is finished can be compared.
    train_all(
        recipe.dataset,
        dict(sorted(rest.items(), key=lambda item: item[0].split("-s")[1])),
        side_by_side,
    )
    from bickd_core.training.finish import add_stages

    library = Library(SHELF, SHELF / recipe.dataset)
    for run in library.runs():
        if run.key.startswith(f"{recipe.dataset}/"):
            own = RunFolder(run.path, key=run.key)
            cost = own.info().cost
            unpacked = own.resume_path.exists()
            if (
                unpacked or cost is None or cost.latency_batch_ms is None
            ):  # older runs lack batch 64
                measure_alone(own, library)
            if unpacked:
                pack(own)
            if own.stages() is None:  # made before runs had that file
                add_stages(own)
    measure_seeds(recipe.dataset)
    if recipe.dataset == "fashion-mnist":
        write_fashion_sprite()


def train_all(dataset: str, configs: dict[str, TrainConfig], side_by_side: int) -> None:
    """Train these runs as a sweep does: finished ones are kept, the others resume."""
    library = Library(shelf=SHELF, own=SHELF / dataset)
    planned = [
        PlannedRun(name, config.objective.kind, config.teacher or "", config)
        for name, config in configs.items()
    ]
    check_sweep(planned, library)
    sweeping = Sweeping(planned, library, LocalLauncher(library, at_once=side_by_side), retries=1)
    if code := work_through(sweeping, len(planned), lambda ended: None):
        print(f"{dataset}: not every run finished; see their log.txt, then run this again")
        sys.exit(code)


def check_teacher(recipe: Recipe) -> None:
    def accuracy(name: str) -> float:
        return RunFolder(SHELF / recipe.dataset / name).metrics()[-1]["validation_accuracy"]

    teacher = accuracy("teacher")
    students = [accuracy(name) for name in recipe.students("ce")]
    student = sum(students) / len(students)
    print(
        f"{recipe.dataset}: teacher {teacher:.1%}, ce student {student:.1%} on validation",
        flush=True,
    )
    if teacher < student + MARGIN:
        sys.exit(
            f"the teacher of {recipe.dataset} is less than {MARGIN:.0%} above its ce student; train"
            " it longer"
        )


def measure_alone(run: RunFolder, library: Library) -> None:
    """Measure the cost again, on one thread and with nothing else running, because another run ran
    next to its worker."""
    import torch

    from bickd_core.data.registry import load_dataset
    from bickd_core.training.finish import measure
    from bickd_core.training.setup import load_run_model

    torch.set_num_threads(1)
    info = run.info()
    dataset = load_dataset(info.dataset, image_size=info.image_size)
    shape = (dataset.in_channels, dataset.image_size, dataset.image_size)
    run.write_info(info.model_copy(update={"cost": measure(load_run_model(run, dataset), shape)}))
    write_card(run, library, licence="MIT")


def measure_seeds(dataset: str) -> None:
    """Store with each UMAP how far other seeds move it."""
    library = Library(SHELF, SHELF / dataset)
    runs = {run.key: RunFolder(run.path, key=run.key) for run in library.runs() if run.read_only}
    students = [
        run
        for key, run in runs.items()
        if key.startswith(f"{dataset}/") and key != f"{dataset}/teacher"
    ]
    maps = Maps(library, runs[f"{dataset}/teacher"], tuple(students), "test", "umap")
    make_maps(
        maps, lambda done, steps, words: print(f"{dataset}: {done} of {steps}, {words}", flush=True)
    )


def write_fashion_sprite() -> None:
    """Write the test images into one file, so that thumbnails need no data set."""
    from bickd_core.data.registry import load_dataset
    from bickd_core.runs.thumbnails import sprite_path, write_sprite

    target = sprite_path(SHELF / "fashion-mnist", "test")
    if not target.exists():
        write_sprite(load_dataset("fashion-mnist").test.images[:], target)


if __name__ == "__main__":
    main()
