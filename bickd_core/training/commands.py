"""`bickd race`, `bickd extend` and `bickd cache`; free of torch until they run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Table

from bickd_core.flags import plain, values
from bickd_core.runs import Library
from bickd_core.sweeps.definition import Shared, Sweep, planned_runs

SharedOptions = plain(Shared)


@dataclass
class Race:
    """Train several students side by side on one teacher pass: every batch is made, and seen by the teacher, once.

    Each ends with the very weights that it has alone. For example `bickd race --teacher caltech95/teacher
    --methods kd dist bickd --epochs 40`.
    """

    teacher: str
    """Key or folder of the teacher's run."""
    methods: tuple[str, ...]
    """Kinds of objective and published variants such as `kd-standardize`."""
    arch: str = "resnet8"
    """Model of the students."""
    seed: int = 0
    """All three seeds of all runs."""
    name: str = "race"
    """Start of the runs' names."""
    train: Annotated[SharedOptions, tyro.conf.arg(name="")] = field(default_factory=SharedOptions)  # type: ignore[valid-type]
    background: bool = False
    """Start a worker process and return at once."""

    def run(self, library: Library) -> int:
        from bickd_core.launch.local import submit_race
        from bickd_core.training.foreground import follow_race

        sweep = Sweep.model_validate(
            {
                "name": self.name,
                "pairs": [{"teacher": self.teacher, "student": self.arch}],
                "methods": self.methods,
                "seeds": [self.seed],
                "train": values(self.train),
            }
        )
        planned = {library.free_name(run.name): run.config for run in planned_runs(sweep)}
        runs = submit_race(list(planned.values()), library, names=list(planned), start=self.background)
        for run in runs:
            print(f"run folder: {run.path}", flush=True)
        return 0 if self.background else follow_race(runs, library)


@dataclass
class Extend:
    """Take a finished run further: a new run that starts from its last weights, with all its settings.

    The schedule begins anew over the new epochs; views and orders of the samples go on where the run ended.
    """

    run_key: Annotated[str, tyro.conf.Positional]
    """Key or folder of a finished run."""
    epochs: int
    """How many epochs more."""
    name: str | None = None
    """Name of the new run; made from data, model, objective and seed if not given."""
    background: bool = False
    """Start a worker process and return at once."""

    def run(self, library: Library) -> int:
        from bickd_core.launch.local import submit
        from bickd_core.training.foreground import follow
        from bickd_core.training.start import create_run, extension

        config = extension(library.locate(self.run_key), self.epochs)
        run = (submit if self.background else create_run)(config, library, name=self.name)
        print(f"run folder: {run.path}", flush=True)
        return 0 if self.background else follow(run, library)


@dataclass
class Cache:
    """List or clear the teacher's stored views, which runs on the same teacher and data share."""

    what: Annotated[Literal["list", "clear"], tyro.conf.Positional] = "list"
    """`clear` removes all of them; a run that needs one makes it again."""

    def run(self, library: Library) -> int:
        from bickd_core.training.view_store import budget_bytes, clear, shelves, views_folder

        if self.what == "clear":
            print(f"{clear() / 1e6:,.1f} MB freed in {views_folder()}")
            return 0
        found = shelves()
        table = Table("teacher", "data", "outputs", "views", "MB", "folder")
        for shelf in found:
            table.add_row(
                shelf.teacher,
                shelf.dataset,
                ", ".join(shelf.names),
                f"{shelf.views:,}",
                f"{shelf.bytes / 1e6:,.1f}",
                shelf.path.name,
            )
        if found:
            print_table(table)
        total = sum(shelf.bytes for shelf in found)
        print(f"{total / 1e6:,.1f} MB of {budget_bytes() / 1e6:,.0f} MB (BICKD_VIEWS_GB) in {views_folder()}")
        return 0


def print_table(table: Table) -> None:
    """In full where nobody looks at a screen: rich would cut names to fit 80 columns."""
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)
