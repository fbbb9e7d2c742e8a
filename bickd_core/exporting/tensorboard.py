"""Write the metrics of every epoch as TensorBoard event files."""

from __future__ import annotations

from pathlib import Path

from bickd_core.runs.info import RunError
from bickd_core.runs.library import RunFolder
from bickd_core.runs.records import scalars


def write_events(run: RunFolder, folder: Path) -> None:
    """Write one event file with all metrics of every epoch. Epochs are counted from 1.

    Raises:
        RunError: the run has no recorded epochs.
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
