"""Figures of every epoch as TensorBoard's event files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bickd_core.runs.info import RunError
from bickd_core.runs.library import RunFolder


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


def write_events(run: RunFolder, folder: Path) -> None:
    """Write one event file with every figure of every epoch; epochs count from 1.

    Raises:
        RunError: no epoch is recorded.
    """
    records = run.metrics()
    if not records:
        raise RunError(f"run '{run.key}' has no recorded epochs, so there is nothing for TensorBoard.")
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for record in records:
            for name, value in scalars(record).items():
                writer.add_scalar(name, value, record["epoch"] + 1)
