"""The batches of a training step: augmented inputs, labels, ids and the teacher's outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from bickd_core.data.augment import augment
from bickd_core.data.base import Augmentation
from bickd_core.data.device import DeviceSplit, Normaliser
from bickd_core.models.outputs import Outputs
from bickd_core.training.teacher import TeacherOutputs


@dataclass(frozen=True)
class Batch:
    """One batch.

    Attributes:
        inputs: [B, ch, H, W], normalised.
        labels, ids: int64 [B].
        teacher: the teacher's Outputs, or None without a teacher.
    """

    inputs: Tensor
    labels: Tensor
    ids: Tensor
    teacher: Outputs | None


@dataclass
class Views:
    """Augmented training images, a pure function of (sample id, view, augmentation seed).

    Args:
        augmentation: None for none.
        pool: repeat this many views; None for a new view every epoch.
        first: number of the first epoch's view, above 0 for a run that extends another.
    """

    train: DeviceSplit
    normalise: Normaliser
    augmentation: Augmentation | None
    seed: int
    pool: int | None = None
    first: int = 0

    def number(self, epoch: int) -> int:
        """Return the view of an epoch. Without augmentation all views are the same."""
        if self.augmentation is None:
            return 0
        view = self.first + epoch
        return view if self.pool is None else view % self.pool

    def take(self, picked: Tensor, view: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return inputs, labels and ids at these positions."""
        images, labels, ids = self.train.batch(picked)
        if self.augmentation is not None:
            images = augment(
                images,
                ids,
                view=view,
                seed=self.seed,
                pad=self.augmentation.pad,
                flip=self.augmentation.flip,
            )
        return self.normalise(images), labels, ids

    def inputs(self, picked: Tensor, view: int) -> Tensor:
        return self.take(picked, view)[0]


class Batches:
    """The batches of a run, or of all runs of a race. Each step's batch is made once and shared."""

    def __init__(self, views: Views, teacher: TeacherOutputs | None) -> None:
        self.views = views
        self.teacher = teacher
        self._at: tuple[int, int] | None = None
        self._batch: Batch | None = None

    def prepare(self, epoch: int) -> Iterator[None]:
        """Prepare an epoch in pieces, before its first batch. The caller may stop between
        pieces."""
        if self.teacher is not None:
            yield from self.teacher.prepare(self.views.number(epoch))

    def get(self, picked: Tensor, epoch: int, step: int) -> Batch:
        """Return the batch of the samples at `picked`, int64 [B], for this step of the run."""
        if self._at != (epoch, step) or self._batch is None:
            inputs, labels, ids = self.views.take(picked, self.views.number(epoch))
            teacher_outputs = None if self.teacher is None else self.teacher.outputs(picked, inputs)
            teacher_outputs = None if teacher_outputs is None else replace(teacher_outputs, ids=ids)
            self._at, self._batch = (epoch, step), Batch(inputs, labels, ids, teacher_outputs)
        return self._batch
