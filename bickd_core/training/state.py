"""Where a run stands, and the file that a resume starts from."""

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
    """Training cannot go on; the message says why in one sentence."""


@dataclass
class Position:
    """Where in a run we are, with what was summed up in the unfinished epoch; part of resume."""

    epoch: int = 0
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    best_accuracy: float = -1.0
    best_epoch: int = -1


def save_state(job: Job, run: RunFolder, at: Position) -> None:
    """Everything a resume needs, in one file, written atomically."""
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
    """Put the job where the run stands; at the start when nothing was saved.

    Raises:
        TrainingError: what was saved cannot be read.
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
            "resume/state.pt is damaged, so the run cannot be resumed; delete that file to start from the beginning."
        ) from error
    try:
        job.student.load_state_dict(parts[0])
        job.optimizer.load_state_dict(parts[1])
        job.objective.load_state_dict(parts[2])
    except Exception as error:  # torch raises a dozen types for a state that is not what it saved
        if out_of_memory(error):
            raise
        raise TrainingError(
            "resume/state.pt does not fit this run, so the run cannot be resumed; delete that file to start from the "
            "beginning."
        ) from error
    return position
