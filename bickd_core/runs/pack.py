"""Make a finished run smaller for the bundled runs: keep what pages show, remove what only a resume
needs."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np

from bickd_core.runs.library import RunError, RunFolder

TRAJECTORY_STEP = 1 / 8
"""Packed trajectories are rounded to this many logits: enough to draw, and a third of the bytes."""


def pack(run: RunFolder) -> None:
    """Store predictions in half precision, round the trajectory, and remove files that pages do not
    need.

    These are the resume state, the log, the best weights and the validation features.

    Raises:
        RunError: the run is not finished.
    """
    if run.status().state != "finished":
        raise RunError(
            f"run '{run.key}' is {run.status().state}; only a finished run can be packed."
        )
    for split in ("validation", "test"):
        if run.has_predictions(split):
            stored = run.predictions(split)
            if split == "validation":
                stored = replace(stored, features=None)
            stored.save(run.predictions_path(split), half=True)
    trajectory = run.trajectory()
    if trajectory is not None:
        rounded = (
            np.round(trajectory["logits"].astype(np.float32) / TRAJECTORY_STEP) * TRAJECTORY_STEP
        )
        run.write_trajectory({**trajectory, "logits": rounded.astype(np.float16)}, smallest=True)
    for folder in ("resume", "best", "control"):
        shutil.rmtree(run.path / folder, ignore_errors=True)
    for name in ("log.txt", ".worker.lock"):
        (run.path / name).unlink(missing_ok=True)
    run.write_status(replace(run.status(), worker=None))  # whose machine it was is nobody's concern
