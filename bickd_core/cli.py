"""`bickd train | evaluate | explore | import | runs`: the command line, generated from the config types.

The one place that knows all parts; it imports them when they are called.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Table

from bickd_core.runs import Library
from bickd_core.training.config import TrainConfig


@dataclass
class Train:
    """Train a teacher or distil a student, in the foreground; Ctrl-C saves, `--resume` goes on."""

    config: tyro.conf.OmitArgPrefixes[TrainConfig] = field(default_factory=TrainConfig)
    name: str | None = None
    """Name of the run; made from data, model, objective and seed if not given."""
    resume: str | None = None
    """Go on with this stopped, failed or lost run instead; every other option is then its own."""
    background: bool = False
    """Start a worker process and return at once."""

    def run(self, library: Library) -> int:
        from bickd_core.launch.local import start_worker
        from bickd_core.training.start import create_run

        if self.resume is None:
            run = create_run(self.config, library, name=self.name)
        else:
            run = library.find(self.resume)
            if not run.resumable:
                raise ValueError(f"run '{run.key}' is {run.status().state} and cannot be resumed.")
            run.clear_requests()
        print(f"run folder: {run.path}")
        if self.background:
            start_worker(run, library)
            return 0
        from bickd_core.training.foreground import follow

        return follow(run, library)


@dataclass
class Evaluate:
    """Accuracy, agreement, overlap and the rest of one run, with intervals over samples."""

    run_key: Annotated[str, tyro.conf.Positional]
    """Key or folder of a run."""
    teacher: str | None = None
    """Compare with this run instead of the student's own teacher."""
    split: Literal["validation", "test"] = "test"
    temperature: float = 4.0

    def run(self, library: Library) -> int:
        from bickd_core.geometry import summarise
        from bickd_core.predictions import align

        run = library.find(self.run_key)
        reference = run.info().teacher
        teacher = self.teacher or (reference.key if reference else None)
        own = run.predictions(self.split)
        if teacher is None:
            summary = summarise(None, own, T=self.temperature)
        else:
            both = align([library.find(teacher).predictions(self.split), own], [teacher, run.key])
            summary = summarise(*both.predictions, T=self.temperature)
        table = Table(title=f"{run.key} on {self.split}, T = {self.temperature:g}, n = {summary.n:,}")
        table.add_column("figure")
        table.add_column("estimate", justify="right")
        table.add_column("95 % interval over samples", justify="right")
        for name in FIGURES:
            interval = getattr(summary, name)
            if interval is not None:
                low_high = f"{interval.low:.4f} to {interval.high:.4f}"
                table.add_row(name.replace("_", " "), f"{interval.estimate:.4f}", low_high)
        Console().print(table)
        return 0


FIGURES = (
    "accuracy",
    "agreement",
    "kl",
    "displacement",
    "calibration_error",
    "cka_logits",
    "cka_features",
    "overlap",
    "overlap_matched",
    "overlap_balanced",
    "score",
    "effective_rank",
)


@dataclass
class Explore:
    """Open the app in a browser; needs a clone of the repository, where `app/` lies."""

    port: int = 8501

    def run(self, library: Library) -> int:
        main = Path(__file__).resolve().parent.parent / "app" / "main.py"
        if not main.exists():
            raise ValueError("the app is not part of the installed package; clone the repository and run `make app`.")
        command = [sys.executable, "-m", "streamlit", "run", str(main), "--server.port", str(self.port)]
        folders = {"BICKD_SHELF": str(library.shelf.resolve()), "BICKD_RUNS": str(library.own.resolve())}
        return subprocess.call(command, cwd=main.parent.parent, env={**os.environ, **folders})


@dataclass
class Import:
    """Make a run folder of a weights file: checked, evaluated on the data's test split."""

    file: Annotated[Path, tyro.conf.Positional]
    arch: str
    dataset: str
    image_size: int | None = None
    role: Literal["teacher", "student"] = "student"
    teacher: str | None = None
    name: str | None = None

    def run(self, library: Library) -> int:
        from bickd_core.importing import ImportRequest, import_weights

        request = ImportRequest(
            arch=self.arch,
            dataset=self.dataset,
            image_size=self.image_size,
            role=self.role,
            teacher=self.teacher,
            name=self.name or self.file.stem,
        )
        run = import_weights(self.file, request, library)
        print(f"run folder: {run.path}")
        return 0


@dataclass
class Runs:
    """List every run folder with its state."""

    def run(self, library: Library) -> int:
        table = Table("key", "state", "role", "model", "data", "objective")
        for run in library.runs():
            info, status = run.info(), run.status()
            state = "lost (resume it)" if status.stale() else status.state
            table.add_row(run.key, state, info.role, info.arch, info.dataset, info.objective)
        Console().print(table)
        return 0


Command = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Explore, tyro.conf.subcommand("explore")]
    | Annotated[Import, tyro.conf.subcommand("import")]
    | Annotated[Runs, tyro.conf.subcommand("runs")]
)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `bickd` command; an error for the user is one sentence and exit code 2."""
    command = tyro.cli(Command, prog="bickd", description="Distil networks and explore what it did.", args=arguments)  # type: ignore[arg-type, var-annotated]
    try:
        sys.exit(command.run(Library.default()))
    except ValueError as error:
        print(f"bickd: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
