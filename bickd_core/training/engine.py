"""The training loop, for teachers and students alike.

Chance enters by three seeds only, each used without touching global state: initial weights, the order of
samples (a function of seed and epoch) and augmentation (a function of sample id, epoch and seed). So a run
that is killed at any step and resumed has, on a CPU with the same threads, the very weights of an unbroken one.
"""

from __future__ import annotations

import io
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch

from bickd_core.atomic import write_bytes
from bickd_core.checkpoints import save_weights
from bickd_core.data.augment import augment
from bickd_core.geometry import overlap, softmax
from bickd_core.models.outputs import Outputs
from bickd_core.predictions import PredictionsError, to_half
from bickd_core.runs import RunFolder
from bickd_core.status import Progress
from bickd_core.training.evaluate import predict
from bickd_core.training.schedule import learning_rate_factor
from bickd_core.training.setup import Job

CHECKPOINT_SECONDS = 20.0
"""How much work a kill may cost at most, besides every finished epoch."""
OVERLAP_TEMPERATURE = 4.0
"""Temperature at which the overlap in metrics.jsonl is taken."""


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why in one sentence."""


@dataclass
class Position:
    """Where in a run we are, with what was summed up in the unfinished epoch; part of resume."""

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    best_accuracy: float = -1.0
    best_epoch: int = -1


def fit(
    job: Job,
    run: RunFolder,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    stop_after: tuple[int, int] | None = None,
) -> Literal["finished", "stopped"]:
    """Train from where `run` stands to its last epoch, or until `should_stop`.

    Args:
        report: gets the progress after every step.
        should_stop: asked before every step; the state is saved before this returns "stopped".
        stop_after: (epoch, step) at which to stop, for tests.

    Raises:
        TrainingError: the loss is not finite.
    """
    config, steps = job.config, job.steps
    at = load_state(job, run)
    saved = time.monotonic()
    while at.epoch < config.epochs:
        order = sample_order(len(job.train.labels), config.seeds.order, at.epoch).to(job.hardware.device)
        job.student.train()
        while at.step < steps:
            # -- stop or save, when asked or due --------------------------------------------------
            if should_stop() or stop_after == (at.epoch, at.step):
                save_state(job, run, at)
                return "stopped"
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                save_state(job, run, at)
                saved = time.monotonic()

            # -- one step -------------------------------------------------------------------------
            picked = order[at.step * job.batch_size : (at.step + 1) * job.batch_size]
            started = time.monotonic()
            for name, value in train_step(job, picked, at).items():
                at.sums[name] = at.sums.get(name, 0.0) + value
            at.step += 1
            at.seconds += time.monotonic() - started
            report(progress_of(job, at))

        # -- end of an epoch: measure, write, save ----------------------------------------------------
        record, logits = end_of_epoch(job, at)
        if record["validation_accuracy"] > at.best_accuracy:
            at.best_accuracy, at.best_epoch = record["validation_accuracy"], at.epoch
            save_weights(job.student, run.best_path, metadata={"epoch": str(at.epoch)})
        run.append_metrics(record)
        extend_trajectory(run, job, at.epoch, logits)
        at.epoch, at.step, at.sums, at.seconds = at.epoch + 1, 0, {}, 0.0
        save_state(job, run, at)
        saved = time.monotonic()
        report(progress_of(job, at, record["images_per_second"]))
    save_weights(
        job.student, run.weights_path, metadata={"epoch": str(config.epochs - 1), "arch": config.arch}
    )
    if at.best_epoch == config.epochs - 1:
        run.best_path.unlink(missing_ok=True)
    return "finished"


def train_step(job: Job, picked: torch.Tensor, at: Position) -> dict[str, float]:
    """One step on these positions of the training split; the named loss terms, accuracy and learning rate."""
    config = job.config
    progress = (at.epoch + at.step / job.steps) / config.epochs
    rate = config.optimizer.lr * learning_rate_factor(config.schedule, progress, config.epochs)
    for group in job.optimizer.param_groups:
        group["lr"] = rate

    images, labels, ids = job.train.batch(picked)
    if config.augment:
        how = job.dataset.augmentation
        images = augment(
            images, ids, view=at.epoch, seed=config.seeds.augmentation, pad=how.pad, flip=how.flip
        )
    x = job.normalise(images)

    features, maps = "features" in job.objective.needs, "maps" in job.objective.needs
    with job.fabric.autocast():
        student: Outputs = job.student.outputs(x, features=features, maps=maps)  # type: ignore[operator]
        teacher: Outputs | None = None
        if job.teacher is not None and job.objective.needs_teacher:
            with torch.no_grad():
                teacher = job.teacher.outputs(x, features=features, maps=maps)  # type: ignore[operator]
        terms = job.objective(student, teacher, labels, progress)
    loss = torch.stack(list(terms.values())).sum()
    if not torch.isfinite(loss):
        parts = ", ".join(f"{name} {float(term.detach()):.3g}" for name, term in terms.items())
        raise TrainingError(
            f"the loss is not finite in epoch {at.epoch + 1}, step {at.step + 1} ({parts}); "
            "lower the learning rate or the weight of that term."
        )
    job.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    job.optimizer.step()

    right = (student.logits.detach().argmax(dim=1) == labels).float().mean()
    values = {f"loss_{name}": float(term.detach()) for name, term in terms.items()}
    return {"loss": float(loss.detach()), **values, "train_accuracy": float(right), "learning_rate": rate}


def end_of_epoch(job: Job, at: Position) -> tuple[dict[str, Any], np.ndarray]:
    """The line for metrics.jsonl, and the validation logits [N, C]."""
    record: dict[str, Any] = {"epoch": at.epoch}
    record |= {name: total / job.steps for name, total in at.sums.items()}
    record["images_per_second"] = job.steps * job.batch_size / max(at.seconds, 1e-9)
    try:
        validation = predict(
            job.student, job.dataset.validation, job.dataset, device=job.hardware.device, features=False
        )
    except PredictionsError as error:
        raise TrainingError(
            f"the student's logits are not finite after epoch {at.epoch + 1}; lower the learning rate."
        ) from error
    record["validation_accuracy"] = float((validation.predicted == validation.labels).mean())
    if job.teacher_logits is not None:
        record["validation_agreement"] = float(
            (validation.predicted == job.teacher_logits.argmax(axis=1)).mean()
        )
    record["validation_overlap"] = overlap(softmax(validation.logits, OVERLAP_TEMPERATURE))
    return record, validation.logits


def sample_order(n: int, seed: int, epoch: int) -> torch.Tensor:
    """A permutation of 0..n-1, a function of (seed, epoch) alone."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(n, generator=generator)


def progress_of(job: Job, at: Position, speed: float | None = None) -> Progress:
    if at.step:
        speed = at.step * job.batch_size / max(at.seconds, 1e-9)
    todo = (job.config.epochs - at.epoch) * job.steps - at.step
    return Progress(
        epoch=at.epoch,
        epochs=job.config.epochs,
        step=at.step,
        steps=job.steps,
        images_per_second=speed,
        seconds_left=todo * job.batch_size / speed if speed else None,
    )


def extend_trajectory(run: RunFolder, job: Job, epoch: int, logits: np.ndarray) -> None:
    """Add this epoch's logits on the probe set; slices of epochs that a resume trains again are replaced."""
    validation = job.dataset.validation
    now = to_half(logits[job.probe])[None]
    stored = run.trajectory()
    if stored is not None:
        kept = stored["epochs"] < epoch
        now = np.concatenate([stored["logits"][kept], now])
        epochs = np.append(stored["epochs"][kept], epoch)
    else:
        epochs = np.array([epoch])
    run.write_trajectory(
        {
            "logits": now,
            "epochs": epochs,
            "ids": validation.ids[job.probe],
            "labels": validation.labels[job.probe],
        }
    )


def save_state(job: Job, run: RunFolder, at: Position) -> None:
    """Everything a resume needs, in one file, written atomically."""
    state = {
        "position": dict(vars(at)),
        "student": job.student.state_dict(),
        "optimizer": job.optimizer.state_dict(),
        "objective": job.objective.state_dict(),
    }
    # By way of memory: torch's own file writer reports a full disk as an error without errno.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    run.resume_path.parent.mkdir(exist_ok=True)
    write_bytes(run.resume_path, buffer.getvalue())


def load_state(job: Job, run: RunFolder) -> Position:
    """Put the job where the run stands; at the start when nothing was saved.

    Raises:
        TrainingError: what was saved cannot be read.
    """
    if not run.resume_path.exists():
        return Position()
    try:
        state = torch.load(run.resume_path, map_location=job.hardware.device, weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise TrainingError(
            "resume/state.pt is damaged and the run cannot go on from it; delete that file to start from the beginning."
        ) from error
    job.student.load_state_dict(state["student"])
    job.optimizer.load_state_dict(state["optimizer"])
    job.objective.load_state_dict(state["objective"])
    return Position(**state["position"])
