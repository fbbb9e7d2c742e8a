"""The results of a sweep as one compact line for each finished run. The file is small enough for a
repository."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from bickd_core.config import TrainConfig
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.jackknife import Replicated
from bickd_core.geometry.proper_scores import nll
from bickd_core.geometry.summary import summarise
from bickd_core.presets.catalogue import PRESETS
from bickd_core.runs.create import check_run
from bickd_core.runs.info import RunInfo
from bickd_core.runs.library import Library, RunError, RunFolder
from bickd_core.runs.predictions import Predictions, align
from bickd_core.runs.teachers import recorded_teacher
from bickd_core.sweeps.definition import PlannedRun, Sweep
from bickd_core.sweeps.lines import add_line, read_lines
from bickd_core.sweeps.replicates import TEMPERATURE, figures_with_replicates


class Result(BaseModel):
    """The results of one run: shares instead of per cent, entropies and likelihoods in nats, times
    in seconds.

    Figures are those of the last weights on `split`, without intervals. Intervals of accuracy and
    agreement follow from `predicted` (see `classes`), and differences between two runs are paired.
    `ece` has 15 bins of equal width; `ece_scaled` is the same at `temperature`, which is fitted on
    validation. On validation, `agreement` is that of the last epoch, and
    other figures that need the teacher are None: the teacher has no stored predictions of a fold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sweep: str
    name: str
    created: str
    method: str
    kind: str
    options: dict[str, Any]
    seed: int
    seeds: dict[str, int]
    dataset: str
    image_size: int
    arch: str
    teacher: str | None
    teacher_sha256: str | None
    epochs: int
    batch_size: int
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    precision: str
    threads: int | None
    device: str
    n: int
    accuracy: float
    agreement: float | None
    overlap: float | None
    overlap_matched: float | None
    score: float | None
    ece: float
    nll: float
    validation_last: float
    validation_best: float
    seconds: float
    cpu_seconds: float | None
    teacher_cpu_seconds: float | None = None
    """The part of `cpu_seconds` that made the teacher's views. Other runs with the same data and
    seed read them, so it depends on which run came first."""
    teacher_outputs: str = "auto"
    overlap_per_image: float | None = None
    view_pool: int | None = None
    train_limit: int | None = None
    validation_seed: int = 0
    validation_folds: int | None = None
    validation_fold: int = 0
    split: Literal["test", "validation"] = "test"
    """The split of the figures and of `samples` and `predicted`."""
    augment: bool = True
    compile: bool = False
    kernels: str = "auto"
    temperature: float | None = None
    ece_scaled: float | None = None
    replicates: dict[str, tuple[float, ...]] = {}
    """Jackknife replicates of `overlap`, `overlap_per_image`, `ece` and `ece_scaled`, from the
    shards of the samples in ascending order of ids; on test only."""
    corrupted: dict[str, float] = {}
    """Accuracy on test images with each corruption, if the sweep asks for `corruptions`."""
    corrupted_hits: str = ""
    """For each sample, in ascending order of ids, with how many corruptions it is classified
    correctly: uint8, base64."""
    samples: int
    """CRC-32 of the sorted sample ids (int64). Two lines can be paired only if it is the same."""
    predicted: str
    """Predicted class of each sample, in ascending order of ids: uint16, little-endian,
    base64."""

    @model_validator(mode="after")
    def _options_are_complete(self) -> Result:
        """Add the options that were added to the objective after this line was written."""
        preset = PRESETS.get(self.kind)
        if preset is not None:
            self.options.update({**preset.options.former, **self.options})
        return self

    @property
    def shared_augmentation(self) -> bool:
        """Whether the augmentation stream is that of another seed."""
        return self.seeds["augmentation"] != self.seed

    @property
    def classes(self) -> np.ndarray:
        """`predicted` as int64 [n]."""
        return np.frombuffer(base64.b64decode(self.predicted), dtype="<u2").astype(np.int64)

    @property
    def robustness(self) -> np.ndarray | None:
        """For each sample, the share of corruptions with which it is classified correctly, float64
        [n]; None if the sweep did not ask for them."""
        if not self.corrupted_hits:
            return None
        counts = np.frombuffer(base64.b64decode(self.corrupted_hits), dtype=np.uint8)
        return counts / len(self.corrupted)

    def has_figures_of(self, sweep: Sweep) -> bool:
        """Return whether the figures are of the split that a sweep asks for, with corruptions if it
        asks for them."""
        return self.split == sweep.results_on and (
            bool(self.corrupted_hits) or not sweep.corruptions
        )

    def replicated(self, name: str) -> Replicated:
        """Return a figure with its replicates.

        Raises:
            ValueError: the line has no replicates of it.
        """
        if name not in self.replicates:
            raise RunError(
                f"the line of {self.name} has no replicates of `{name}`; measure it again."
            )
        replicates = np.array(self.replicates[name])
        return Replicated(getattr(self, name), replicates, self.n, (0.0, 1.0))


def result_of(
    planned: PlannedRun,
    run: RunFolder,
    library: Library,
    *,
    sweep: str,
    split: Literal["test", "validation"] = "test",
    corrupted_hits: Mapping[str, np.ndarray] | None = None,
) -> Result:
    """Measure a finished run. With the split "validation", its test predictions are not read.

    Args:
        corrupted_hits: from `training.robustness.corrupted_hits`, if wanted.

    Raises:
        ValueError: the run has no predictions on the split or no recorded epochs, or its teacher
            has no predictions, or was replaced.
    """
    info, status, records = run.info(), run.status(), run.metrics()
    student = run.predictions(split)
    teacher = None
    if split == "test" and (teacher_run := recorded_teacher(info, library.locate)) is not None:
        teacher = teacher_run.predictions("test")
        teacher, student = align([teacher, student], [teacher_run.key, run.key]).predictions
    if student.labels is None:
        raise RunError(f"run '{run.key}' has predictions without labels, so it has no accuracy.")
    figures = summarise(teacher, student, T=TEMPERATURE)
    accuracies = [
        record["validation_accuracy"] for record in records if "validation_accuracy" in record
    ]
    if not accuracies:
        raise RunError(f"run '{run.key}' has no validation accuracies in metrics.jsonl.")
    has_validation = split == "test" and run.has_predictions("validation")
    validation = run.predictions("validation") if has_validation else None
    return Result(
        sweep=sweep,
        name=planned.name,
        created=info.created,
        method=planned.method,
        **settings(info),
        device=status.device,
        split=split,
        n=len(student),
        accuracy=_figure(figures.accuracy) or 0.0,
        agreement=_figure(figures.agreement) if split == "test" else _last(records, "agreement"),
        overlap=_figure(figures.overlap),
        overlap_matched=_figure(figures.overlap_matched),
        overlap_per_image=_figure(figures.overlap_per_image),
        score=_figure(figures.score),
        ece=_figure(figures.calibration_error) or 0.0,
        nll=round(float(nll(student.logits, student.labels).mean()), 6),
        validation_last=round(accuracies[-1], 6),
        validation_best=round(max(accuracies), 6),
        seconds=round(status.seconds, 1),
        cpu_seconds=round(status.cpu_seconds, 1) or None,
        teacher_cpu_seconds=_teacher_cpu(records),
        **(figures_with_replicates(teacher, student, validation) if split == "test" else {}),
        **(_corrupted(corrupted_hits) if corrupted_hits else {}),
        samples=sample_code(student.ids),
        predicted=predicted_code(student),
    )


def _teacher_cpu(records: Sequence[Mapping[str, float]]) -> float | None:
    """Return the CPU seconds of the teacher's views, or None if an epoch does not tell."""
    used = [record.get("teacher_cpu_seconds") for record in records]
    return None if None in used else round(sum(used), 1)  # type: ignore[arg-type]


def _corrupted(hits: Mapping[str, np.ndarray]) -> dict[str, Any]:
    counts = np.sum(list(hits.values()), axis=0).astype(np.uint8)
    return {
        "corrupted": {kind: round(float(right.mean()), 6) for kind, right in hits.items()},
        "corrupted_hits": base64.b64encode(counts.tobytes()).decode("ascii"),
    }


def settings(info: RunInfo) -> dict[str, Any]:
    """Return the fields of a run's line that follow from its config: everything that a sweep can
    set and that changes the result."""
    config = info.config
    if config is None:
        raise RunError(
            f"run '{info.name}' was imported, not trained; a sweep's results are of its own runs."
        )
    return {
        **settings_of(config),
        "dataset": info.dataset,
        "image_size": info.image_size,
        "arch": info.arch,
        "teacher": None if info.teacher is None else info.teacher.key,
        "teacher_sha256": None if info.teacher is None else info.teacher.weights_sha256,
    }


def settings_of(config: TrainConfig) -> dict[str, Any]:
    """Return the part of `settings` that needs no run: all but data, image size, model and
    teacher."""
    return {
        "kind": config.objective.kind,
        "options": config.objective.model_dump(mode="json", exclude={"kind"}),
        "seed": config.seeds.weights,
        "seeds": config.seeds.model_dump(),
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "optimizer": config.optimizer.model_dump(mode="json"),
        "schedule": config.schedule.model_dump(mode="json"),
        "precision": config.precision,
        "threads": config.threads,
        "teacher_outputs": config.teacher_outputs,
        "view_pool": config.view_pool,
        "train_limit": config.train_limit,
        "validation_seed": config.validation_seed,
        "validation_folds": config.validation_folds,
        "validation_fold": config.validation_fold,
        "augment": config.augment,
        "compile": config.compile,
        "kernels": config.kernels,
    }


def measured(
    results: Iterable[Result], planned: PlannedRun, library: Library, sweep: Sweep
) -> bool:
    """Return whether the results have a line with this run's name, settings and teacher, and with
    the figures that the sweep asks for. Its folder may be elsewhere."""
    wanted = settings(check_run(planned.config, library))
    return any(
        result.name == planned.name
        and result.has_figures_of(sweep)
        and result.model_dump(mode="json", include=set(wanted)) == wanted
        for result in results
    )


def sample_code(ids: np.ndarray) -> int:
    return zlib.crc32(np.sort(ids).astype("<i8").tobytes())


def predicted_code(predictions: Predictions) -> str:
    top = predictions.predicted[np.argsort(predictions.ids)].astype("<u2")
    return base64.b64encode(top.tobytes()).decode("ascii")


def _last(records: list[dict[str, Any]], name: str) -> float | None:
    """Return a figure on validation of the last epoch, rounded to 6 decimals, if it was
    recorded."""
    value = records[-1].get(f"validation_{name}")
    return None if value is None else round(value, 6)


def _figure(interval: Interval | None) -> float | None:
    """Return the plain estimate, without correction for bias, rounded to 6 decimals. Older lines
    have no correction, and lines must be comparable."""
    return None if interval is None else round(interval.plain, 6)


def read_results(path: Path) -> list[Result]:
    """Read the lines of a file in their order; empty if there is no file.

    Raises:
        RunError: a line is damaged; the message names it.
    """
    return read_lines(path, Result)


def add_result(path: Path, result: Result) -> None:
    """Append a line, or replace an older one of the same run. The write is atomic."""
    add_line(path, result, lambda result: result.name)


def has_result(results: Iterable[Result], run: RunFolder, sweep: Sweep) -> bool:
    """Return whether this run, not an older one with the same name, has a line with the figures
    that the sweep asks for."""
    wanted = (run.key, run.info().created)
    return any(
        (result.name, result.created) == wanted and result.has_figures_of(sweep)
        for result in results
    )
