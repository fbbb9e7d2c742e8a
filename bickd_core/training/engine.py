"""The training loop, for teachers and students alike.

All randomness comes from three seeds, without global state: initial weights, the order of samples
(a function of seed and epoch) and augmentation (a function of sample id, view and seed). So a run
that is killed at any step and resumed on a CPU with the same threads ends with exactly the weights
of an uninterrupted run. A run of a race must be resumed with the same other runs for that.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch

from bickd_core.data.base import mix64
from bickd_core.geometry.orthogonality import overlap
from bickd_core.geometry.probabilities import softmax
from bickd_core.models.tf32 import without_tf32
from bickd_core.runs.checkpoints import save_weights
from bickd_core.runs.library import RunFolder
from bickd_core.runs.predictions import NotFiniteError, to_half
from bickd_core.runs.status import Progress
from bickd_core.training.divergence import diverged_sentence
from bickd_core.training.evaluate import predict
from bickd_core.training.schedule import learning_rate_factor
from bickd_core.training.setup import Job
from bickd_core.training.state import Position, TrainingError, load_state, save_state
from bickd_core.training.tally import StepValues, Tally

CHECKPOINT_SECONDS = 20.0
"""Seconds between two saved states within an epoch. A kill loses at most this much work."""
OVERLAP_TEMPERATURE = 4.0
"""Temperature of the overlap in metrics.jsonl."""


class Runner:
    """One run in training. `advance` does one step; call it while `state` is "training".

    Args:
        report: called with the progress after every step.
        should_stop: called before every step. If it returns true, the state is saved and the run is
            "stopped".
        on_epoch: called with each line of metrics.jsonl after it was written.
        stop_after: (epoch, step) at which to stop, for tests.

    Raises:
        TrainingError: the saved state cannot be read, or processes read different ones.
    """

    def __init__(
        self,
        job: Job,
        run: RunFolder,
        *,
        report: Callable[[Progress], None] = lambda progress: None,
        should_stop: Callable[[], bool] = lambda: False,
        on_epoch: Sequence[Callable[[Mapping[str, Any]], None]] = (),
        stop_after: tuple[int, int] | None = None,
    ) -> None:
        self.job, self.run = job, run
        self._on_epoch = on_epoch
        self.at = load_state(job, run)
        self._check_same_state()
        self.state: Literal["training", "stopped", "finished"] = "training"
        self._report, self._should_stop, self._stop_after = report, should_stop, stop_after
        self._saved = time.monotonic()
        self._epoch = -1  # the epoch that `_order` belongs to
        self._order = torch.empty(0, dtype=torch.int64)
        self._speed: float | None = None
        self._teacher_cpu = 0.0  # of preparing the teacher's view of this epoch
        self._tally = Tally(self.at, job.hardware.device)
        if self.at.epoch >= job.config.epochs:
            self._end()

    def _check_same_state(self) -> None:
        """Check that all processes begin at the same step. This also keeps the first one from
        saving a later state before the others have read theirs."""
        every = self.job.ranks.every([self.at.epoch, self.at.step])
        for rank, position in enumerate(every):
            if position != every[0]:
                raise TrainingError(
                    f"process {rank} read another saved state than process 0; all processes must"
                    " see the same runs folder (BICKD_RUNS on a shared file system)."
                )

    def advance(self) -> None:
        """Do one step, with the work before it and, after the last step of an epoch, the
        evaluation.

        Raises:
            TrainingError: the loss is not finite.
        """
        if self.ready():
            self.step()

    def ready(self) -> bool:
        """Do the work before a step: stop, prepare the teacher's view, or save. Returns False if
        the run was stopped."""
        if self._stop_now() or not self._begin_epoch():
            return False
        if self.job.ranks.first and time.monotonic() - self._saved > CHECKPOINT_SECONDS:
            self._save()
        return True

    def prepare_batch(self) -> None:
        """Make the batch of the next step for `step`. The runs of a race share the time of this, so
        the caller adds it to their clocks, `at.seconds`."""
        self.job.batches.get(self.job.ranks.part(self._picked), self.at.epoch, self.at.step)

    @property
    def _picked(self) -> torch.Tensor:
        return self._order[
            self.at.step * self.job.batch_size : (self.at.step + 1) * self.job.batch_size
        ]

    def step(self, side_by_side: float = 1.0) -> None:
        """Do the step and, after the last step of an epoch, the evaluation. Call `ready` first.

        Args:
            side_by_side: how many runs of a race do their steps at the same time. Each takes its
                share of the time, so that the clocks of all runs add up to the time of the race.
        """
        job, at = self.job, self.at
        started = time.monotonic()
        self._tally.add(train_step(job, self._picked, at))
        at.step += 1
        at.seconds += (time.monotonic() - started) / side_by_side
        self._report(progress_of(job, at))
        if at.step == job.steps:
            self._end_epoch()

    def _stop_now(self) -> bool:
        ranks = self.job.ranks
        requested = ranks.first and self._should_stop()
        if ranks.agree(requested) or self._stop_after == (self.at.epoch, self.at.step):
            self._save()
            self.state = "stopped"
        return self.state == "stopped"

    def _begin_epoch(self) -> bool:
        """Prepare the order and the teacher's view of this epoch; returns False if the run was
        stopped."""
        if self._epoch == self.at.epoch:
            return True
        started, used = time.monotonic(), time.process_time()
        for _ in self.job.batches.prepare(self.at.epoch):
            if self.job.ranks.size == 1 and self._stop_now():
                return False
        self.at.seconds += time.monotonic() - started
        self._teacher_cpu = time.process_time() - used
        self._order = sample_order(
            len(self.job.train), self.job.config.seeds.order, self.job.first_view + self.at.epoch
        ).to(self.job.train.order_device)
        self._epoch = self.at.epoch
        self.job.student.train()
        return True

    def _end_epoch(self) -> None:
        """Evaluate, write and save in the first process, while the others wait."""
        job, at = self.job, self.at
        started = time.monotonic()
        self._tally.settle()
        at.seconds += time.monotonic() - started
        if job.ranks.first:
            self._measure_epoch()
        at.epoch, at.step, at.sums, at.seconds = at.epoch + 1, 0, {}, 0.0
        self._save()
        job.ranks.barrier()
        self._report(progress_of(job, at, self._speed))
        if at.epoch >= job.config.epochs:
            self._end()

    def _measure_epoch(self) -> None:
        job, run, at = self.job, self.run, self.at
        record, logits = end_of_epoch(job, at)
        if job.batches.teacher is not None:
            record["teacher_cpu_seconds"] = round(self._teacher_cpu, 3)
        if record["validation_accuracy"] > at.best_accuracy:
            at.best_accuracy, at.best_epoch = record["validation_accuracy"], at.epoch
            save_weights(job.student, run.best_path, metadata={"epoch": str(at.epoch)})
        run.append_metrics(record)
        for log in self._on_epoch:
            log(record)
        extend_trajectory(run, job, at.epoch, logits)
        self._speed = record["images_per_second"]

    def _save(self) -> None:
        self._tally.settle()  # nothing is saved that comes after a loss which is not finite
        if not self.job.ranks.first:
            return
        save_state(self.job, self.run, self.at)
        self._saved = time.monotonic()

    def _end(self) -> None:
        self.state = "finished"
        if not self.job.ranks.first:
            return
        config = self.job.config
        save_weights(
            self.job.student,
            self.run.weights_path,
            metadata={"epoch": str(config.epochs - 1), "arch": config.arch},
        )
        if self.at.best_epoch == config.epochs - 1:
            self.run.best_path.unlink(missing_ok=True)


def fit(
    job: Job,
    run: RunFolder,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    stop_after: tuple[int, int] | None = None,
) -> Literal["finished", "stopped"]:
    """Train `run` from its saved state to its last epoch, or until it is stopped. Arguments are
    those of `Runner`.

    Raises:
        TrainingError: the loss is not finite.
    """
    runner = Runner(job, run, report=report, should_stop=should_stop, stop_after=stop_after)
    while runner.state == "training":
        runner.advance()
    return runner.state


@without_tf32()
def train_step(job: Job, picked: torch.Tensor, at: Position) -> StepValues:
    """Do one step on these positions of the training split; returns loss terms, accuracy and
    learning rate.

    On a GPU it returns before the step is done, because it does not read values back.
    """
    config = job.config
    progress = (at.epoch + at.step / job.steps) / config.epochs
    rate = config.optimizer.lr * learning_rate_factor(config.schedule, progress, config.epochs)
    for group in job.optimizer.param_groups:
        group["lr"] = rate

    ranks, n = job.ranks, len(picked)
    batch = job.batches.get(ranks.part(picked), at.epoch, at.step)
    needs = job.objective.needs
    with _step_rng(job, at), job.fabric.autocast():
        student = job.outputs(batch.inputs, features="features" in needs, maps="maps" in needs)
        student.ids = batch.ids
        student, labels = ranks.whole(student, n), ranks.whole_tensor(batch.labels, n)
        teacher = None if batch.teacher is None else ranks.whole(batch.teacher, n)
        terms = job.objective(student, teacher, labels, progress)
    loss = torch.stack(list(terms.values())).sum()
    job.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    ranks.mean_gradients(job.trained)
    job.optimizer.step()

    right = (student.logits.detach().argmax(dim=1) == labels).float().mean()
    return StepValues.of(loss, terms, right, rate)


@contextlib.contextmanager
def _step_rng(job: Job, at: Position) -> Iterator[None]:
    """For a student that may draw, seed torch's generators from this step, and restore them
    afterwards."""
    if not job.draws:
        yield
        return
    device = job.hardware.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(mix64(mix64(job.config.seeds.weights) + (at.epoch << 32) + at.step) >> 1)
        yield


def end_of_epoch(job: Job, at: Position) -> tuple[dict[str, Any], np.ndarray]:
    """Return the line for metrics.jsonl and the validation logits [N, C]."""
    record: dict[str, Any] = {"epoch": at.epoch}
    record |= {name: total / job.steps for name, total in at.sums.items()}
    record["images_per_second"] = job.steps * job.batch_size / max(at.seconds, 1e-9)
    try:
        validation = predict(
            job.student,
            job.dataset.validation,
            job.dataset,
            device=job.hardware.device,
            features=False,
        )
    except NotFiniteError as error:
        what = f"the student's logits are not finite after epoch {at.epoch + 1}"
        raise TrainingError(diverged_sentence(what)) from error
    record["validation_accuracy"] = validation.accuracy
    if job.teacher_logits is not None:
        record["validation_agreement"] = float(
            (validation.predicted == job.teacher_logits.argmax(axis=1)).mean()
        )
    spread = overlap(softmax(validation.logits, OVERLAP_TEMPERATURE))
    if spread is not None:  # there is none if the student predicts fewer than two classes
        record["validation_overlap"] = spread
    return record, validation.logits


def sample_order(n: int, seed: int, epoch: int) -> torch.Tensor:
    """Return a permutation of 0..n-1 that depends only on (seed, epoch)."""
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
    """Add this epoch's logits on the probe set. Epochs that a resume repeats are replaced."""
    validation = job.dataset.validation
    now = to_half(logits[job.probe])[None]
    stored = run.trajectory()
    if stored is not None:
        earlier = stored["epochs"] < epoch
        now = np.concatenate([stored["logits"][earlier], now])
        epochs = np.append(stored["epochs"][earlier], epoch)
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
