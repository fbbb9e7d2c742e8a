"""Submit a plan to a Ray cluster as a sweep in a separate process, without Streamlit."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from app.distill.plan import Plan, method_labels
from bickd_core.config import TrainConfig
from bickd_core.launch.local import worker_environment
from bickd_core.naming import as_key
from bickd_core.runs.library import Library
from bickd_core.sweeps.definition import SWEPT, Sweep, planned_runs, sweep_path, write_sweep
from bickd_core.sweeps.running import check_sweep

HOW = (
    "Runs start on this machine. To use a Ray cluster, install bickd-explorer[ray] and set"
    " RAY_API_SERVER_ADDRESS and RAY_AUTH_TOKEN before you start the app. See docs/scaling.md."
)


def ray_address() -> str | None:
    """Return the cluster's address from the environment if Ray is installed, without contacting
    it."""
    address = os.environ.get("RAY_API_SERVER_ADDRESS", "")
    return address if address and importlib.util.find_spec("ray") is not None else None


def as_sweep(plan: Plan, name: str) -> Sweep:
    """Return the plan as a sweep, whose runs are named NAME-METHOD-sSEED.

    Raises:
        ValueError: the plan has no teacher to learn from.
    """
    first = plan.configs[0]
    if first.role == "teacher" or first.teacher is None:
        raise ValueError(
            "only students of a finished teacher can run on Ray; start this run on this machine."
        )
    return Sweep.model_validate(
        {
            "name": name,
            "pairs": [{"teacher": first.teacher, "student": first.arch}],
            "methods": [
                {
                    "label": label,
                    "objective": run.config.objective,
                    "train": {"optimizer": run.config.optimizer.model_dump(mode="json")},
                }
                for label, run in zip(method_labels(plan.groups[0]), plan.groups[0], strict=True)
            ],
            "seeds": [group[0].config.seeds.weights for group in plan.groups],
            "train": _changed(first),
        }
    )


def _changed(config: TrainConfig) -> dict[str, Any]:
    """Return the shared fields that differ from their defaults, each with all its parts: a schedule
    without its kind would be another one."""
    values = config.model_dump(mode="json", exclude={*SWEPT, "optimizer"})
    default = {name: field.default for name, field in TrainConfig.model_fields.items()}
    return {name: value for name, value in values.items() if getattr(config, name) != default[name]}


def sweep_name(arch: str) -> str:
    """Return the name of a sweep of students with this network, with room for method and seed.

    >>> sweep_name("timm:resnet18")
    'timm-resnet18-ray'
    """
    return f"{as_key(arch)[:45].rstrip('-._')}-ray"


def free_sweep_name(wanted: str, library: Library) -> str:
    name, n = wanted, 1
    while sweep_path(library.own, name).exists():
        n += 1
        name = f"{wanted}-{n}"
    return name


def start_on_ray(plan: Plan, name: str, library: Library) -> str:
    """Start `bickd sweep --launcher ray` with the plan; it continues without the app.

    Returns:
        The name of the sweep.

    Raises:
        ValueError: a run cannot be made, the cluster refuses, or the library is read-only.
    """
    from bickd_core.launch.ray import connect

    sweep = as_sweep(plan, free_sweep_name(name, library))
    check_sweep(planned_runs(sweep), library, here=False)
    connect(None)
    path = write_sweep(sweep, library.home())
    process = _sweep(path, library)
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
    return sweep.name


def _sweep(path: Path, library: Library) -> subprocess.Popen[bytes]:
    folders = {
        "BICKD_SHELF": str(library.shelf.resolve()),
        "BICKD_RUNS": str(library.own.resolve()),
    }
    with open(path.with_suffix(".log"), "ab") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "bickd_cli.main",
                "sweep",
                str(path.resolve()),
                "--launcher",
                "ray",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **worker_environment(), **folders},
        )
