"""Train one run with several processes: `torchrun ... -m bickd_cli.main train --name NAME ...`.

The first process is the run's worker: it holds the lock, writes all files and decides when to stop.
The others compute their part of each batch. If a process is lost, torchrun ends the others and
restarts all (`--max-restarts`). The same command then finds the run by its name and continues from
its last saved step.
"""

from __future__ import annotations

import os
import time

from bickd_core.config import TrainConfig
from bickd_core.runs.create import check_run, create_run, same_settings
from bickd_core.runs.library import Library, RunError, RunFolder

WAIT_SECONDS = 60.0
"""How long a process waits for the first one to create the run folder. A network file system may be
slow."""


def train_together(config: TrainConfig, library: Library, name: str | None) -> int:
    """Do this process's share of the run; returns 0 if it finished or was stopped on request.

    Raises:
        ValueError: there is no name, or a run with this name has another config.
    """
    if name is None:
        raise ValueError(
            "a run by several processes needs a `--name`, got none; a restart finds the run by it."
        )
    run = RunFolder(library.own / name, key=name)
    if int(os.environ["RANK"]) == 0:
        _make_or_find(run, config, library)
        from bickd_core.training.worker import work

        return 0 if work(run, library) in ("finished", "stopped") else 1
    _wait_for(run)
    return _follow(run, library)


def _make_or_find(run: RunFolder, config: TrainConfig, library: Library) -> None:
    if not (run.path / "run.yaml").exists():
        create_run(config, library, name=run.key)
        return
    if not same_settings(run.info(), check_run(config, library)):
        raise RunError(
            f"a run named '{run.key}' already exists with other settings or another teacher; choose"
            " another name or delete that run."
        )
    if int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) == 0:
        run.clear_requests()


def _wait_for(run: RunFolder) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not (run.path / "run.yaml").exists():
        if time.monotonic() > end:
            raise RunError(
                f"the folder of run '{run.key}' did not appear within {WAIT_SECONDS:.0f} s; all"
                " processes must see the same runs folder (BICKD_RUNS on a shared file system)."
            )
        time.sleep(0.1)


def _follow(run: RunFolder, library: Library) -> int:
    """Do the same steps as the first process, without writing files."""
    from bickd_core.training.engine import fit
    from bickd_core.training.setup import build_job

    if run.status().state == "finished":
        return 0
    config = run.info().config
    assert config is not None
    job = build_job(config, library, run)
    fit(job, run)
    job.ranks.leave()
    return 0
