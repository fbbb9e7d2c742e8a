"""`bickd sweep`: train many students, from flags or a file."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from bickd_cli.flags import Modules, values
from bickd_cli.train import SharedOptions
from bickd_core.launch.protocol import Launcher
from bickd_core.models.catalogue import TIMM, TORCHVISION
from bickd_core.models.own import is_own
from bickd_core.presets.catalogue import methods_text
from bickd_core.runs.library import Library
from bickd_core.sweeps.definition import (
    PlannedRun,
    planned_runs,
    rates_of_flags,
    read_sweep,
)
from bickd_core.sweeps.definition import Sweep as Definition


@dataclass
class Sweep:
    """Train many students: methods x seeds x pairs, from flags or a YAML file.

    Example: `bickd sweep --name first --methods ce kd bickd --seeds 0 1 2 --pairs
    caltech95/teacher:resnet8 --epochs 40`. Ctrl-C saves all runs. Run the same command again to
    continue: finished runs are skipped, stopped and lost runs are resumed.
    """

    file: Annotated[Path | None, tyro.conf.Positional] = None
    """A YAML file that defines the sweep, instead of the flags that say what to train."""
    name: str | None = None
    """Name of the sweep, and prefix of its runs' names."""
    methods: Annotated[
        tuple[str, ...],
        tyro.conf.arg(help=f"{methods_text()} To set other options, use a YAML file."),
    ] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds; each gives one run for every method and pair. A seed sets weights, order and
    augmentation."""
    pairs: tuple[str, ...] = ()
    """TEACHER:MODEL, a finished teacher run and the model of its students."""
    shared_augmentation: bool = False
    """Use the first seed's augmentation for all seeds. This is for exploring: the deviation over
    seeds is then too small."""
    one_rate: float | None = None
    """One learning rate for all methods. If not set: the best rate of each method on caltech95
    (docs/results.md)."""
    train: Annotated[SharedOptions, tyro.conf.arg(name="")] = field(default_factory=SharedOptions)  # type: ignore[valid-type]
    results: Path | None = None
    """JSONL file to which each finished run adds a line of figures. A run with a line in this file,
    the same settings and no run folder here is not trained again."""
    corruptions: bool = False
    """Add the accuracy on corrupted test images to the results: noise, blur, contrast, brightness
    and JPEG."""
    retries: int = 0
    """How often to restart a failed run."""
    at_once: int | None = None
    """How many runs train at once. If not set: as many as cores, threads for each run and memory
    allow."""
    launcher: Literal["local", "ray"] = "local"
    """Where to train: on this machine, or as Ray Jobs on a cluster that sees the run folders under
    the same paths."""
    address: str | None = None
    """Address of the Ray cluster's dashboard, http://HOST:8265. If not set:
    RAY_API_SERVER_ADDRESS."""
    ray_cpus: float | None = None
    """Cores that Ray reserves for each run. If not set: its threads."""
    ray_gpus: float = 0.0
    """GPUs that Ray reserves for each run. With a fraction, runs share a GPU."""
    ray_python: str = "python"
    """Python on the cluster's nodes, with bickd's dependencies installed."""
    modules: Modules = ()
    list_only: bool = False
    """Check everything and print the runs' names, without starting anything."""

    def run(self, library: Library) -> int:
        from bickd_core.sweeps.definition import write_sweep
        from bickd_core.sweeps.foreground import work_through
        from bickd_core.sweeps.running import Ended, Sweeping, check_sweep

        for flag, value in (("--at-once", self.at_once), ("--ray-cpus", self.ray_cpus)):
            if value is not None and value <= 0:
                raise ValueError(
                    f"{flag} must be above 0, got {value:g}; leave it out to let the program"
                    " choose."
                )
        sweep = self._definition()
        planned = planned_runs(sweep)
        whole = len(planned)  # so that a resumed run has the same number of threads
        check_sweep(planned, library, here=self.launcher == "local")
        if self.results is not None:
            planned = _without_measured(planned, self.results, library, sweep)
        if self.list_only:
            print("\n".join(each.name for each in planned))
            return 0
        sweeping = Sweeping(
            planned, library, self._launcher(sweep, library, whole), retries=self.retries
        )
        print(f"sweep: {write_sweep(sweep, library.own)}", flush=True)

        def add_line(ended: Ended) -> None:
            if self.results is not None:
                _add_line(ended, self.results, library, sweep)

        return work_through(sweeping, len(planned), add_line)

    def _definition(self) -> Definition:
        typed = {name: getattr(self, name) for name in ("name", "methods", "seeds", "pairs")}
        shared = values(self.train)
        if self.file is not None:
            unset = Sweep()
            given = [name for name, value in typed.items() if value != getattr(unset, name)]
            flags = ("shared_augmentation", "one_rate", "corruptions")
            given += [flag for flag in flags if getattr(self, flag)]
            plain = values(unset.train)
            given += [name for name, value in shared.items() if value != plain.get(name)]
            if given:
                flag = f"--{given[0].replace('_', '-')}"
                raise ValueError(
                    f"{flag} cannot be combined with a sweep file; write it into {self.file}."
                )
            return read_sweep(self.file)
        for name in ("name", "methods", "pairs"):
            if not typed[name]:
                raise ValueError(
                    f"a sweep needs --{name} or a YAML file, got neither; add one of them."
                )
        return Definition.model_validate(
            {
                **typed,
                "pairs": [_pair(each) for each in self.pairs],
                "shared_augmentation": self.shared_augmentation,
                "corruptions": self.corruptions,
                **rates_of_flags(shared, self.one_rate),
            }
        )

    def _launcher(self, sweep: Definition, library: Library, runs: int) -> Launcher:
        threads = sweep.train.get("threads")
        if self.launcher == "ray":
            from bickd_core.launch.ray import RayLauncher, capacity, connect

            client, address = connect(self.address)
            cpus = self.ray_cpus or float(threads or 1)
            return RayLauncher(
                client,
                library,
                at_once=self.at_once or capacity(address, cpus=cpus, gpus=self.ray_gpus),
                cpus=cpus,
                gpus=self.ray_gpus,
                python=self.ray_python,
            )
        from bickd_core.launch.local import LocalLauncher
        from bickd_core.launch.slots import side_by_side

        return LocalLauncher(library, at_once=self.at_once or side_by_side(runs, threads))


def _pair(text: str) -> dict[str, Any]:
    parts = text.rsplit(":", 2)
    if len(parts) == 3 and (is_own(":".join(parts[1:])) or f"{parts[1]}:" in (TIMM, TORCHVISION)):
        teacher, student = parts[0], ":".join(parts[1:])
    else:
        teacher, _, student = text.rpartition(":")
    if not (teacher and student):
        raise ValueError(
            f"--pairs must be TEACHER:MODEL, such as caltech95/teacher:resnet8, got '{text}'."
        )
    return {"teacher": teacher, "student": student}


def _without_measured(
    planned: list[PlannedRun], path: Path, library: Library, sweep: Definition
) -> list[PlannedRun]:
    """Return the runs with a folder here, or without a line of results and not diverged before;
    report the others on stderr."""
    from bickd_core.sweeps.diverged import diverged_before, diverged_path, read_diverged
    from bickd_core.sweeps.results import measured, read_results

    results, diverged = read_results(path), read_diverged(path)
    rest: list[PlannedRun] = []
    counts = {path: 0, diverged_path(path): 0}
    for each in planned:
        if (library.own / each.name / "run.yaml").exists():
            rest.append(each)
        elif measured(results, each, library, sweep):
            counts[path] += 1
        elif diverged_before(diverged, each, library):
            counts[diverged_path(path)] += 1
        else:
            rest.append(each)
    for file, count in counts.items():
        if count:
            text = f"{count} of {len(planned)} runs are already in {file}"
            print(text, file=sys.stderr, flush=True)
    return rest


def _add_line(ended: Any, path: Path, library: Library, sweep: Definition) -> None:
    """Add the run's line, or record that it diverged. If it cannot be measured, print a warning and
    continue."""
    from bickd_core.sweeps.diverged import add_diverged
    from bickd_core.sweeps.results import add_result, has_result, read_results, result_of
    from bickd_core.training.divergence import has_diverged

    if ended.state == "finished" and has_result(read_results(path), ended.run, sweep):
        return
    try:
        if ended.state != "finished":
            if (ended.run.path / "run.yaml").exists() and has_diverged(ended.run.status()):
                add_diverged(path, ended.run)
            return
        hits = None
        if sweep.corruptions:
            from bickd_core.training.robustness import corrupted_hits

            hits = corrupted_hits(ended.run)
        result = result_of(
            ended.planned,
            ended.run,
            library,
            sweep=sweep.name,
            split=sweep.results_on,
            corrupted_hits=hits,
        )
        add_result(path, result)
    except ValueError as error:
        print(
            f"bickd: {ended.planned.name} could not be measured for the results: {error}",
            file=sys.stderr,
            flush=True,
        )
