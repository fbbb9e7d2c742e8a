"""`bickd race`, `bickd extend` and `bickd cache`. They import torch only when they run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Literal

import tyro
from rich.console import Console
from rich.table import Column, Table

from bickd_cli.flags import Modules, plain, refuse_with_resume, values
from bickd_core.presets.catalogue import methods_text
from bickd_core.runs.library import Library, RunError, check_name, with_a_free_name
from bickd_core.sweeps.definition import Shared, Sweep, planned_runs, rates_of_flags

SharedOptions = plain(Shared, unset=("dataset", "lr"))


@dataclass
class Race:
    """Train several students side by side on the same batches, with one forward pass of the
    teacher.

    Example: `bickd race --teacher caltech95/teacher --methods kd dist bickd --epochs 40`. Each
    student ends with the same weights as in a run of its own on as many threads. `bickd race
    --resume NAME NAME ...` continues stopped, failed or killed runs.
    """

    teacher: str = ""
    """Key or folder of the teacher's run."""
    methods: Annotated[tuple[str, ...], tyro.conf.arg(help=methods_text())] = ()
    arch: str = "resnet8"
    """Model of the students."""
    seed: int = 0
    """The seed of all runs, for weights, order and augmentation."""
    name: str | None = None
    """Prefix of the runs' names. If not set: race, with a number after names that are taken."""
    one_rate: float | None = None
    """One learning rate for all methods. If not set: the best rate of each method on caltech95
    (docs/results.md)."""
    train: Annotated[SharedOptions, tyro.conf.arg(name="")] = field(default_factory=SharedOptions)  # type: ignore[valid-type]
    background: bool = False
    """Start a worker process and return at once."""
    resume: tuple[str, ...] = ()
    """Continue these runs side by side, with their own settings. Only --background and --modules
    can be added."""
    modules: Modules = ()

    def run(self, library: Library) -> int:
        from bickd_core.launch.local import check_resumable, resume, submit_race
        from bickd_core.training.foreground import follow_race

        if self.resume:
            refuse_with_resume(self)
            again = [library.locate(key) for key in self.resume]
            if self.background:
                resume(again[0], library, *again[1:])
                return 0
            check_resumable(again)
            return follow_race(again, library)
        if not (self.teacher and self.methods):
            raise ValueError(
                "a race needs --teacher and --methods, or --resume with the names of its runs."
            )
        if self.name is not None:
            check_name(self.name, "--name")
        sweep = Sweep.model_validate(
            {
                "name": "race" if self.name is None else self.name,
                "pairs": [{"teacher": self.teacher, "student": self.arch}],
                "methods": self.methods,
                "seeds": [self.seed],
                **rates_of_flags(values(self.train), self.one_rate),
            }
        )
        planned = planned_runs(sweep)
        configs, names = [run.config for run in planned], [run.name for run in planned]
        if self.name is not None:
            refuse_taken(names, library)
            runs = submit_race(configs, library, names=names, start=self.background)
        else:
            runs = with_a_free_name(
                lambda: submit_race(
                    configs,
                    library,
                    names=[library.free_name(name) for name in names],
                    start=self.background,
                )
            )
        for run in runs:
            print(f"run folder: {run.path}", flush=True)
        return 0 if self.background else follow_race(runs, library)


@dataclass
class Extend:
    """Train a finished run for more epochs, as a new run that starts from its last weights with the
    same settings.

    The learning-rate schedule restarts over the new epochs. Augmentation and image order continue.
    """

    run_key: Annotated[str, tyro.conf.Positional]
    """Key or folder of a finished run."""
    epochs: int
    """Number of additional epochs."""
    name: str | None = None
    """Name of the new run. If not set: NAME-plusEPOCHS."""
    background: bool = False
    """Start a worker process and return at once."""
    modules: Modules = ()

    def run(self, library: Library) -> int:
        from bickd_core.launch.local import submit
        from bickd_core.runs.create import create_run, extension
        from bickd_core.training.foreground import follow

        if self.name is not None:
            check_name(self.name, "--name")
            refuse_taken([self.name], library)
        config = extension(library.locate(self.run_key), self.epochs)
        run = (submit if self.background else create_run)(config, library, name=self.name)
        print(f"run folder: {run.path}", flush=True)
        return 0 if self.background else follow(run, library)


@dataclass
class Cache:
    """List or clear the caches: stored teacher outputs (views), decoded images of your own, and CPU
    kernels.

    Runs with the same teacher and data share the first two. All runs on a CPU share the kernels.
    """

    what: Annotated[Literal["list", "clear"], tyro.conf.Positional] = "list"
    """`clear` deletes the parts that are named after it."""
    parts: Annotated[tuple[Literal["views", "images", "kernels"], ...], tyro.conf.Positional] = (
        "views",
    )
    """views: computed again by the next run that needs them. images: decoded again from their
    source; if the source is gone, the pages lose their pictures. Images in use by a run are not
    deleted. kernels: compiled again."""

    def run(self, library: Library) -> int:
        if self.what == "list":
            _list_views()
            _list_images()
            _list_kernels()
            return 0
        if "views" in self.parts:
            from bickd_core.training.view_store import clear, views_folder

            print(f"{clear() / 1e6:,.1f} MB freed: teachers' views in {views_folder()}")
        if "images" in self.parts:
            from bickd_core.data.stored_images import clear_images, images_folder

            freed, left = clear_images(used=_worked_on(library))
            print(f"{freed / 1e6:,.1f} MB freed: decoded images in {images_folder()}")
            for images in left:
                print(f"{images.name} was not deleted: a run uses it, or it is being decoded.")
        if "kernels" in self.parts:
            from bickd_core.kernels.building import clear as clear_kernels
            from bickd_core.kernels.building import folder

            print(f"{clear_kernels() / 1e6:,.1f} MB freed: kernels in {folder()}")
        return 0


def refuse_taken(names: Sequence[str], library: Library) -> None:
    """Refuse names of runs that exist.

    Raises:
        RunError: the message names the first, and the command that continues those which can be.
    """
    taken = [name for name in names if library.taken(name)]
    if not taken:
        return
    from bickd_core.training.foreground import resume_command

    command = ""
    with suppress(RunError):  # a damaged run, or another folder
        command = resume_command([library.find(name) for name in taken])
    more = f", or continue with `{command}`" if command else ""
    raise RunError(f"a run named '{taken[0]}' already exists; choose another name{more}.")


def _worked_on(library: Library) -> set[str]:
    """Return the data sets of the active runs, of all users."""
    names = set()
    for run in library.everyones():
        with suppress(RunError):
            status = run.status()
            if status.at_work:
                names.add(run.info().dataset)
    return names


def _list_kernels() -> None:
    from bickd_core.kernels.building import folder, stored

    count, size = stored()
    print(f"kernels: {count} compiled, {size / 1e6:,.1f} MB in {folder()}")


def _list_views() -> None:
    from bickd_core.training.view_store import budget_bytes, shelves, views_folder

    entries = shelves()
    table = Table("teacher", "data", "outputs", "views", "MB", "folder")
    for shelf in entries:
        table.add_row(
            shelf.teacher,
            shelf.dataset,
            ", ".join(shelf.names),
            f"{shelf.views:,}",
            f"{shelf.bytes / 1e6:,.1f}",
            shelf.path.name,
        )
    if entries:
        print_table(table)
    total = sum(shelf.bytes for shelf in entries)
    print(
        f"teachers' views: {total / 1e6:,.1f} MB of at most {budget_bytes() / 1e6:,.0f} MB"
        f" (BICKD_VIEWS_GB) in {views_folder()}"
    )


def _list_images() -> None:
    from bickd_core.data.stored_images import images_folder, stored_images

    entries = stored_images()
    table = Table(Column("data", overflow="fold"), "pixels", "images", "MB", "source", "folder")
    for images in entries:
        table.add_row(
            images.name,
            ", ".join(str(size) for size in images.sizes),
            f"{images.images:,}",
            f"{images.bytes / 1e6:,.1f}",
            "there" if images.source_there else "gone",
            images.path.name,
        )
    if entries:
        print_table(table)
    print(
        f"decoded images: {sum(images.bytes for images in entries) / 1e6:,.1f} MB in"
        f" {images_folder()}"
    )


def print_table(table: Table) -> None:
    """Print a table. Without a terminal it is 200 columns wide, because rich would cut names to fit
    80 columns."""
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)
