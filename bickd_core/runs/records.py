"""Check what a run writes at every epoch: a line of metrics.jsonl and the arrays of
trajectory.npz."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bickd_core.reading import ReadError

METRICS_BYTES = 2**24
"""A run of 2,000 epochs writes 1 MB."""
MOST_EPOCHS = 10**6
TIMES = frozenset({"images_per_second", "teacher_cpu_seconds"})
"""Figures of an epoch that two equal runs do not share."""
LARGEST = 1e39
"""Largest accepted figure of an epoch. A loss in float32 may be up to 3.4e38."""


def check_record(record: object) -> dict[str, float]:
    """Check a line of metrics.jsonl: figures by name, and their epoch, counted from 0. Figures that
    older runs recorded as null are left out.

    >>> check_record({"epoch": 0, "loss": 0.5, "validation_overlap": None})
    {'epoch': 0, 'loss': 0.5}

    Raises:
        ReadError: it is something else.
    """
    if not isinstance(record, dict) or not _whole(record.get("epoch"), MOST_EPOCHS):
        raise ReadError("expected a mapping with an `epoch` of at least 0.")
    record = {name: value for name, value in record.items() if value is not None}
    for name, value in record.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST:
            raise ReadError(f"`{name:.40}` must be a number, got {str(value)[:40]!r}.")
    if not record.get("images_per_second", 1.0) > 1e-6:
        raise ReadError("`images_per_second` must be above 0.")
    return {name: value if name == "epoch" else float(value) for name, value in record.items()}


def _whole(value: object, below: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < below


def check_trajectory(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Check the arrays of trajectory.npz: logits [E, P, C], epochs [E], ids [P] and, if known,
    labels [P].

    Raises:
        ReadError: a shape, a type or a label does not fit.
    """
    logits, epochs, ids, labels = (
        arrays["logits"],
        arrays["epochs"],
        arrays["ids"],
        arrays.get("labels"),
    )
    if logits.ndim != 3 or logits.dtype.kind != "f" or 0 in logits.shape:
        raise ReadError(
            f"`logits` must be real numbers [epochs, samples, classes], got shape {logits.shape}."
        )
    E, P, C = logits.shape
    if not np.isfinite(logits).all():
        raise ReadError("`logits` must be finite, got NaN or infinity.")
    if (
        epochs.shape != (E,)
        or epochs.dtype.kind not in "iu"
        or (np.diff(epochs.astype(np.int64)) <= 0).any()
    ):
        raise ReadError(f"`epochs` must be {E} ascending whole numbers, got shape {epochs.shape}.")
    if epochs[0] < 0 or epochs[-1] >= MOST_EPOCHS:
        raise ReadError(f"`epochs` must be at least 0, got {epochs[0]} to {epochs[-1]}.")
    if ids.shape != (P,) or ids.dtype.kind not in "iuU" or len(np.unique(ids)) != P:
        raise ReadError(
            f"`ids` must be {P} different whole numbers or texts, got shape {ids.shape}."
        )
    if labels is not None:
        if labels.shape != (P,) or labels.dtype.kind not in "iu":
            raise ReadError(f"`labels` must be {P} class numbers, got shape {labels.shape}.")
        if labels.min() < 0 or labels.max() >= C:
            raise ReadError(f"`labels` must be in 0..{C - 1}, got {labels.min()}..{labels.max()}.")
    return arrays


def last_accuracy(records: Sequence[Mapping[str, float]]) -> str:
    """Return the end of a sentence with the validation accuracy of the last epoch; "" if it was not
    recorded.

    >>> last_accuracy([{"epoch": 0, "validation_accuracy": 0.5}])
    ', 50.0% on validation'
    """
    last = records[-1].get("validation_accuracy") if records else None
    return "" if last is None else f", {last:.1%} on validation"


def scalars(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of one line of metrics.jsonl by name, without the epoch's number.

    >>> scalars({"epoch": 3, "validation_accuracy": 0.5, "loss_ce": 2})
    {'validation_accuracy': 0.5, 'loss_ce': 2.0}
    """
    return {
        name: float(value)
        for name, value in record.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name != "epoch"
    }
