"""The position of a run in its training, and the file for a resume."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, field

import torch

from bickd_core.atomic import write_bytes
from bickd_core.file_sizes import out_of_memory
from bickd_core.runs.checkpoints import DAMAGE, check_archive
from bickd_core.runs.library import RunFolder
from bickd_core.training.setup import Job


class TrainingError(RuntimeError):
    """Training cannot continue. The message is one sentence."""


@dataclass
class Position:
    """The position in a run, with the sums of the unfinished epoch. Part of the resume state."""

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    best_accuracy: float = -1.0
    best_epoch: int = -1


def save_state(job: Job, run: RunFolder, at: Position) -> None:
    """Write everything that a resume needs to one file, atomically."""
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
    """Restore the job from the saved state; without one, it starts at the beginning.

    Raises:
        TrainingError: the saved state cannot be read.
    """
    if not run.resume_path.exists():
        return Position()
    content = run.resume_path.read_bytes()
    try:  # on the CPU: what the device has to say is not the file's fault
        check_archive(io.BytesIO(content))
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        parts = [state[name] for name in ("student", "optimizer", "objective")]
        position = Position(**state["position"])
    except (pickle.UnpicklingError, AttributeError, *DAMAGE) as error:
        if out_of_memory(error):
            raise
        raise TrainingError(
            "resume/state.pt is damaged, so the run cannot be resumed; delete that file to start"
            " from the beginning."
        ) from error
    try:
        job.student.load_state_dict(parts[0])
        job.optimizer.load_state_dict(parts[1])
        job.objective.load_state_dict(parts[2])
    except Exception as error:  # torch raises a dozen types for a state that is not what it saved
        if out_of_memory(error):
            raise
        raise TrainingError(
            "resume/state.pt does not fit this run, so the run cannot be resumed; delete that file"
            " to start from the beginning."
        ) from error
    return position
