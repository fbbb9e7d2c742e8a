"""One of torchrun's processes, or one alone: `together_script.py WHAT SHELF OWN OUT`.

steps: 20 steps of a student without batch norm for each of KINDS, and what they gave. train: `bickd train` through
the command line, where the process of rank 1 kills itself once at the given step.
"""

import os
import signal
import sys
from pathlib import Path

import torch
from run_helpers import small_config
from torch import nn

from bickd_core.models.base import Classifier, initialise
from bickd_core.runs.library import Library
from bickd_core.training import engine, ranks, setup


class Plain(Classifier):
    """Two convolutions without batch norm."""

    stage_names = ("stage 1", "stage 2")

    def __init__(self, num_classes, in_channels):
        super().__init__(in_channels)
        self.one, self.two = nn.Conv2d(in_channels, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16, num_classes)
        initialise(self)

    def stage_maps(self, images):
        first = torch.relu(self.one(images))
        return first, torch.relu(self.two(first))


def all_steps(library, out):
    """One start of Python and torch serves all kinds: a start takes longer than the steps."""
    results = {}
    for turn, part in enumerate(os.environ["KINDS"].split(",")):
        kind, batch = part.split(":")
        # processes that join again need new keys in torchrun's store
        os.environ["TORCHELASTIC_RESTART_COUNT"] = str(turn)
        results[kind] = steps(library, kind, int(batch))
    if None not in results.values():
        torch.save(results, out)


def steps(library, kind, batch):
    """Returns what the process of rank 0 saw, and None from the others."""
    options = {"objective": {"kind": kind}, "teacher": "teacher", "teacher_outputs": "live"}
    config = small_config(
        **options, epochs=9, batch_size=batch, optimizer={"kind": "sgd", "lr": 0.02}
    )
    student, create = setup._student, setup.create_model

    def plain_student(*arguments):
        setup.create_model = lambda name, **sizes: Plain(**sizes)
        try:
            return student(*arguments)
        finally:
            setup.create_model = create

    setup._student = plain_student
    job = setup.build_job(config, library)
    setup._student = student
    seen, losses = [], []
    whole = ranks.Ranks.whole

    def spy(self, outputs, n):
        found = whole(self, outputs, n)
        if found.logits.requires_grad:
            found.logits.retain_grad()
            seen.append(found.logits)
        return found

    ranks.Ranks.whole = spy
    at = engine.Position()
    for step in range(20):
        order = engine.sample_order(len(job.train), 1, step // job.steps)
        at.epoch, at.step = divmod(step, job.steps)
        losses.append(
            engine.train_step(job, order[at.step * batch : (at.step + 1) * batch], at).figures()[
                "loss"
            ]
        )
    gradient = seen[0].grad
    # their graphs hold the process group, whose threads must have ended before the interpreter does
    seen.clear()
    ranks.Ranks.whole = whole
    result = {
        "size": job.ranks.size,
        "every": job.ranks.every([job.ranks.rank, 7]),
        "losses": torch.tensor(losses, dtype=torch.float64),
        "logit_gradient": gradient,
        "weights": job.student.state_dict(),
    }
    first = job.ranks.first
    job.ranks.leave()
    return result if first else None


def train(library, out):
    from bickd_cli.main import main

    step, killed = engine.train_step, Path(out)
    at_kill = tuple(int(part) for part in os.environ.get("KILL_AT", "-1,-1").split(","))

    def maybe_killed(job, picked, at):
        if job.ranks.rank == 1 and (at.epoch, at.step) == at_kill and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return step(job, picked, at)

    engine.train_step = maybe_killed
    engine.CHECKPOINT_SECONDS = 0.0
    main(os.environ["ARGUMENTS"].split())


if __name__ == "__main__":
    what, shelf, own, out = sys.argv[1:]
    os.environ |= {"BICKD_SHELF": shelf, "BICKD_RUNS": own}
    {"steps": all_steps, "train": train}[what](Library(Path(shelf), Path(own)), out)
