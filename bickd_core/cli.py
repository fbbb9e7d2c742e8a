"""`bickd train | race | extend | sweep | evaluate | explore | import | stages | report | runs | cache`: the command line, from the config types.

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
from rich.table import Table

from bickd_core.flags import plain, values
from bickd_core.launch.openmp import brief_waits
from bickd_core.runs import Library, RunError
from bickd_core.sweeps.command import Sweep
from bickd_core.training.commands import Cache, Extend, Race, print_table
from bickd_core.training.config import Seeds, TrainConfig

Options = plain(TrainConfig)


@dataclass
class Train:
    """Train a teacher or distil a student, in the foreground; Ctrl-C saves, `--resume` goes on.

    For example `bickd train --teacher caltech95/teacher --epochs 40 bickd --temperature 4 sgd --lr 0.05`. On several
    GPUs or machines `torchrun --nproc-per-node 4 --max-restarts 3 -m bickd_core.cli train --name NAME ...`.
    """

    options: Annotated[Options, tyro.conf.arg(name="")] = field(default_factory=Options)  # type: ignore[valid-type]
    seed: int | None = None
    """All three seeds at once."""
    name: str | None = None
    """Name of the run; made from data, model, objective and seed if not given."""
    resume: str | None = None
    """Go on with this stopped, failed or lost run instead; every other option is then its own."""
    background: bool = False
    """Start a worker process and return at once."""

    def run(self, library: Library) -> int:
        from bickd_core.launch.local import check_resumable, resume, submit
        from bickd_core.training.foreground import follow
        from bickd_core.training.start import create_run

        if self.resume is not None:
            run = library.locate(self.resume)
            print(f"run folder: {run.path}")
            if self.background:
                resume(run, library)
                return 0
            check_resumable([run])
            return follow(run, library)
        asked = values(self.options)
        if self.seed is not None:
            asked["seeds"] = dict.fromkeys(Seeds.model_fields, self.seed)
        config = TrainConfig.model_validate(asked)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from bickd_core.training.together import train_together

            return train_together(config, library, self.name)
        make = submit if self.background else create_run
        run = make(config, library, name=self.name)
        print(f"run folder: {run.path}", flush=True)
        return 0 if self.background else follow(run, library)


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

        run = library.locate(self.run_key)
        reference = run.info().teacher
        teacher = self.teacher or (reference.key if reference else None)
        own = run.predictions(self.split)
        if teacher is None:
            summary = summarise(None, own, T=self.temperature)
        else:
            both = align([library.locate(teacher).predictions(self.split), own], [teacher, run.key])
            summary = summarise(*both.predictions, T=self.temperature)
        of = f" of {len(own):,}" if summary.n < len(own) else ""
        versus = f" against {teacher}" if teacher else ""
        table = Table(
            title=f"{run.key}{versus} on {self.split}, T = {self.temperature:g}, n = {summary.n:,}{of}"
        )
        table.add_column("figure")
        table.add_column("estimate", justify="right")
        table.add_column("95 % interval over samples", justify="right")
        for name in FIGURES:
            interval = getattr(summary, name)
            if interval is not None:
                low_high = f"{interval.low:.4f} to {interval.high:.4f}"
                table.add_row(name.replace("_", " "), f"{interval.estimate:.4f}", low_high)
        print_table(table)
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
            raise ValueError(
                "the app is not part of the installed package; clone the repository and run `make app`."
            )
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
class Report:
    """A comparison as one HTML file that needs no network: figures with intervals, charts with their data, images.

    For example `bickd report --teacher caltech95/teacher --students caltech95/kd-s0 caltech95/bickd-s0`.
    """

    teacher: str
    """Key or folder of the teacher's run."""
    students: tuple[str, ...] = ()
    """Keys or folders of its students."""
    out: Path = Path("report.html")
    split: Literal["validation", "test"] = "test"
    temperature: float = 4.0
    address: str = "http://localhost:8501/"
    """Where the app runs, for the link that shows the same view."""

    def run(self, library: Library) -> int:
        from datetime import date

        from bickd_core.atomic import atomic_write
        from bickd_core.comparing import measure
        from bickd_viz.comparison_report import comparison_report
        from bickd_viz.report import html

        found = measure(library, self.teacher, self.students, split=self.split, temperature=self.temperature)
        page = html(comparison_report(found, address=self.address, made=date.today().isoformat()))
        with atomic_write(self.out) as temporary:
            Path(temporary).write_bytes(page)
        print(f"report: {self.out} ({len(page) / 1e6:.1f} MB)")
        return 0


@dataclass
class Stages:
    """Add what the layer comparison needs (stages.npz) to runs that are older than that file."""

    run_keys: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Keys or folders of runs; every finished run that lacks the file if none is named."""

    def run(self, library: Library) -> int:
        from bickd_core.training.finish import add_stages

        lacking = [
            run for run in library.runs() if run.weights_path.exists() and not run.stages_path.exists()
        ]
        for run in [library.locate(key) for key in self.run_keys] or lacking:
            add_stages(run)
            print(f"{run.key}: {run.stages_path.name} written")
        return 0


@dataclass
class Runs:
    """List every run folder with its state."""

    def run(self, library: Library) -> int:
        table = Table("key", "state", "role", "model", "data", "objective")
        problems = []
        for run in library.runs():
            try:
                info, status = run.info(), run.status()
            except RunError as error:
                problems.append(str(error))
                continue
            state = "lost (resume it)" if status.stale() else status.state
            table.add_row(run.key, state, info.role, info.arch, info.dataset, info.objective)
        print_table(table)
        for problem in problems:
            print(f"bickd: {problem}", file=sys.stderr)
        return 0


Command = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Race, tyro.conf.subcommand("race")]
    | Annotated[Extend, tyro.conf.subcommand("extend")]
    | Annotated[Sweep, tyro.conf.subcommand("sweep")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Explore, tyro.conf.subcommand("explore")]
    | Annotated[Import, tyro.conf.subcommand("import")]
    | Annotated[Stages, tyro.conf.subcommand("stages")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Runs, tyro.conf.subcommand("runs")]
    | Annotated[Cache, tyro.conf.subcommand("cache")]
)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `bickd` command; an error for the user is one sentence and exit code 2."""
    command = tyro.cli(
        Command, prog="bickd", description="Distil networks and explore what it did.", args=arguments
    )
    os.environ.update(brief_waits())
    try:
        code = command.run(Library.default())
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (ValueError, OSError) as error:
        from bickd_core.training.worker import explain

        print(f"bickd: {explain(error)}", file=sys.stderr)
        code = 2
    sys.exit(code)


if __name__ == "__main__":
    main()
