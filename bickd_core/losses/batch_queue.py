"""Remember the logits of the last batches, for a loss that compares columns over more rows than one
batch has."""

from collections import deque
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Rows(NamedTuple):
    """Samples of earlier batches, without gradient: logits [Q, C] of both models, labels [Q]."""

    student_logits: Tensor
    teacher_logits: Tensor
    labels: Tensor | None


class BatchQueue:
    """The logits and labels of the last `batches` batches.

    Batches may differ in size. All of them have labels, or none has. A batch with another number of
    classes, or with labels where the others have none, starts the queue anew.
    """

    def __init__(self, batches: int) -> None:
        self._stored: deque[Rows] = deque(maxlen=batches)

    def add(self, student_logits: Tensor, teacher_logits: Tensor, labels: Tensor | None) -> None:
        """Add a batch, and forget the oldest one if the queue is full."""
        self._start_anew_if_other(student_logits, labels)
        # clones: with CUDA graphs, the next step writes into the same memory
        kept = None if labels is None else labels.detach().clone()
        self._stored.append(
            Rows(student_logits.detach().clone(), teacher_logits.detach().clone(), kept)
        )

    def rows(self, student_logits: Tensor, labels: Tensor | None) -> Rows | None:
        """Return all rows, oldest first, on the device of these logits; None if there are none."""
        self._start_anew_if_other(student_logits, labels)
        if not self._stored:
            return None
        students, teachers, labels_of = zip(*self._stored, strict=True)
        kept = [known.to(student_logits.device) for known in labels_of if known is not None]
        return Rows(
            torch.cat([each.to(student_logits.device) for each in students]),
            torch.cat([each.to(student_logits.device) for each in teachers]),
            torch.cat(kept) if kept else None,
        )

    def _start_anew_if_other(self, logits: Tensor, labels: Tensor | None) -> None:
        if self._stored:
            newest = self._stored[-1]
            classes = newest.student_logits.shape[1]
            if classes != logits.shape[1] or (newest.labels is None) != (labels is None):
                self._stored.clear()

    def state_dict(self) -> dict[str, Any]:
        """Return the batches, oldest first."""
        return {"batches": [tuple(rows) for rows in self._stored]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._stored.clear()
        self._stored.extend(Rows(*rows) for rows in state["batches"])
