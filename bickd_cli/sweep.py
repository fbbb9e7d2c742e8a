"""`bickd sweep`: from flags or a file to runs at work."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from bickd_cli.flags import Modules, plain, values
from bickd_core.launch.protocol import Launcher
from bickd_core.models.catalogue import TIMM, TORCHVISION
from bickd_core.models.own import is_own
from bickd_core.presets import methods_text
from bickd_core.runs.library import Library
from bickd_core.sweeps.definition import PlannedRun, Shared, planned_runs, rates_of_flags, read_sweep
from bickd_core.sweeps.definition import Sweep as Definition

SharedOptions = plain(Shared, unset=("lr",))


@dataclass
class Sweep:
    """Train many students: methods x seeds x pairs, from flags or a YAML file. Give it again to go on.

    Finished runs are kept, stopped and lost ones go on, Ctrl-C saves all. For example `bickd sweep --name first
    --methods ce kd bickd --seeds 0 1 2 --pairs caltech95/teacher:resnet8 --epochs 40 --threads 1`.
    """

    file: Annotated[Path | None, tyro.conf.Positional] = None
    """A sweep's YAML file; every flag that says what to train is then its own."""
    name: str | None = None
    """Name of the sweep, the start of its runs' names."""
    methods: Annotated[
        tuple[str, ...], tyro.conf.arg(help=f"{methods_text()} Other options: in a YAML file.")
    ] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    """One run a method and pair for each; its weights, order and augmentation follow it."""
    pairs: tuple[str, ...] = ()
    """TEACHER:MODEL, a finished run and the model of its students."""
    shared_augmentation: bool = False
    """All seeds take the first one's augmentation stream: for exploring, the deviation over seeds is then too small."""
    one_rate: float | None = None
    """One learning rate for all methods. If not given, each has the rate that did best for it on caltech95
    (docs/results.md)."""
    train: Annotated[SharedOptions, tyro.conf.arg(name="")] = field(default_factory=SharedOptions)  # type: ignore[valid-type]
    results: Path | None = None
    """Add a line of figures to this JSONL file for every finished run, as it comes. Runs that have a line there, with
    the same settings, and no folder here are not trained again."""
    retries: int = 0
    """How often a failed run is started again."""
    at_once: int | None = None
    """Runs side by side; what cores, threads a run and memory allow if not given."""
    launcher: Literal["local", "ray"] = "local"
    """Where runs work: on this machine, or as Ray Jobs on a cluster that reaches the run folders under the same paths."""
    address: str | None = None
    """Of the Ray cluster's dashboard, http://HOST:8265; RAY_API_SERVER_ADDRESS if not given."""
    ray_cpus: float | None = None
    """Cores that Ray keeps for each run; its threads if not given."""
    ray_gpus: float = 0.0
    """GPUs that Ray keeps for each run; a part of one lets runs share it."""
    ray_python: str = "python"
    """The Python of the cluster's nodes that has bickd's dependencies."""
    modules: Modules = ()
    list_only: bool = False
    """Check all, print the runs' names, and start nothing."""

    def run(self, library: Library) -> int:
        from bickd_core.sweeps.definition import write_sweep
        from bickd_core.sweeps.foreground import work_through
        from bickd_core.sweeps.running import Ended, Sweeping, check_sweep

        sweep = self._definition()
        planned = planned_runs(sweep)
        whole = len(planned)  # so that a run which goes on later has the threads it began with
        check_sweep(planned, library)
        if self.results is not None:
            planned = _without_measured(planned, self.results, library)
        if self.list_only:
            print("\n".join(each.name for each in planned))
            return 0
        sweeping = Sweeping(planned, library, self._launcher(sweep, library, whole), retries=self.retries)
        print(f"sweep: {write_sweep(sweep, library.own)}", flush=True)

        def keep(ended: Ended) -> None:
            if self.results is not None:
                _keep(ended, self.results, library, sweep.name)

        return work_through(sweeping, len(planned), keep)

    def _definition(self) -> Definition:
        typed = {name: getattr(self, name) for name in ("name", "methods", "seeds", "pairs")}
        shared = values(self.train)
        if self.file is not None:
            unset = Sweep()
            given = [name for name, value in typed.items() if value != getattr(unset, name)]
            given += [flag for flag in ("shared_augmentation", "one_rate") if getattr(self, flag)]
            given += [name for name, value in shared.items() if value != values(unset.train)[name]]
            if given:
                flag = f"--{given[0].replace('_', '-')}"
                raise ValueError(f"{flag} cannot stand beside a sweep's file; write it into {self.file}.")
            return read_sweep(self.file)
        for name in ("name", "methods", "pairs"):
            if not typed[name]:
                raise ValueError(f"a sweep needs --{name}, got none; or give it a YAML file.")
        return Definition.model_validate(
            {
                **typed,
                "pairs": [_pair(each) for each in self.pairs],
                "shared_augmentation": self.shared_augmentation,
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
        raise ValueError(f"--pairs takes TEACHER:MODEL, as in caltech95/teacher:resnet8, got '{text}'.")
    return {"teacher": teacher, "student": student}


def _without_measured(planned: list[PlannedRun], path: Path, library: Library) -> list[PlannedRun]:
    """Those that have a folder here or no line of results; says on stderr how many were left out."""
    from bickd_core.sweeps.results import measured, read_results

    results = read_results(path)
    rest = [
        each
        for each in planned
        if (library.own / each.name / "run.yaml").exists() or not measured(results, each, library)
    ]
    if left := len(planned) - len(rest):
        print(f"{left} of {len(planned)} runs have their line in {path} already", file=sys.stderr, flush=True)
    return rest


def _keep(ended: Any, path: Path, library: Library, sweep: str) -> None:
    """Add the run's line; a run that cannot be measured costs a warning, not the sweep."""
    from bickd_core.sweeps.results import add_result, has_result, read_results, result_of

    if has_result(read_results(path), ended.run):
        return
    try:
        add_result(path, result_of(ended.planned, ended.run, library, sweep=sweep))
    except ValueError as error:
        print(f"bickd: no line of results for {ended.planned.name}: {error}", file=sys.stderr, flush=True)
