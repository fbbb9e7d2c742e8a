"""Make a finished run small enough for a shelf: what a view needs stays, what only a resume needs goes."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np

from bickd_core.runs.library import RunError, RunFolder

TRAJECTORY_STEP = 1 / 8
"""Packed trajectories are rounded to this many logits: enough to draw, and a third of the bytes."""


def pack(run: RunFolder) -> None:
    """Halve the precision of stored predictions, round the trajectory, drop what only a resume or a close look
    at validation needs: resume state, log, best weights, features on validation.

    Raises:
        RunError: the run is not finished.
    """
    if run.status().state != "finished":
        raise RunError(f"run '{run.key}' is {run.status().state}; only a finished run can be packed.")
    for split in ("validation", "test"):
        if run.has_predictions(split):
            stored = run.predictions(split)
            if split == "validation":
                stored = replace(stored, features=None)
            stored.save(run.predictions_path(split), half=True)
    trajectory = run.trajectory()
    if trajectory is not None:
        rounded = np.round(trajectory["logits"].astype(np.float32) / TRAJECTORY_STEP) * TRAJECTORY_STEP
        run.write_trajectory({**trajectory, "logits": rounded.astype(np.float16)}, smallest=True)
    for folder in ("resume", "best", "control"):
        shutil.rmtree(run.path / folder, ignore_errors=True)
    for name in ("log.txt", ".worker.lock"):
        (run.path / name).unlink(missing_ok=True)
    run.write_status(replace(run.status(), worker=None))  # whose machine it was is nobody's concern
