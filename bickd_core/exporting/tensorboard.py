"""Figures of every epoch as TensorBoard's event files."""

from __future__ import annotations

from pathlib import Path

from bickd_core.runs.info import RunError
from bickd_core.runs.library import RunFolder
from bickd_core.runs.records import scalars


def write_events(run: RunFolder, folder: Path) -> None:
    """Write one event file with every figure of every epoch; epochs count from 1.

    Raises:
        RunError: no epoch is recorded.
    """
    records = run.metrics()
    if not records:
        raise RunError(
            f"run '{run.key}' has no recorded epochs, so there is nothing for TensorBoard."
        )
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for record in records:
            for name, value in scalars(record).items():
                writer.add_scalar(name, value, record["epoch"] + 1)
