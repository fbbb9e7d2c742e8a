"""One run by several processes: `torchrun ... -m bickd_cli.main train --name NAME ...`.

The first process is the run's worker: it holds the lock, writes every file and decides on a stop. The others take
their part of each batch. When one is lost, torchrun ends the rest and starts all again (`--max-restarts`), and the
same command finds the run by its name and goes on from its last saved step.
"""

from __future__ import annotations

import os
import time

from bickd_core.config import TrainConfig
from bickd_core.runs.create import check_run, create_run
from bickd_core.runs.library import Library, RunError, RunFolder

WAIT_SECONDS = 60.0
"""How long a process waits for the first one to make the run folder; a network's file system may be slow."""


def train_together(config: TrainConfig, library: Library, name: str | None) -> int:
    """This process's share of the run: 0 when it finished or was stopped as asked.

    Raises:
        ValueError: there is no name, or a run of that name has another config.
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
    if run.info().config != check_run(config, library).config:
        raise RunError(
            f"a run named '{run.key}' already exists with other settings; choose another name or delete that run."
        )
    if int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) == 0:
        run.clear_requests()


def _wait_for(run: RunFolder) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not (run.path / "run.yaml").exists():
        if time.monotonic() > end:
            raise RunError(
                f"the folder of run '{run.key}' did not appear within {WAIT_SECONDS:.0f} s; all processes must see "
                "the same runs folder (BICKD_RUNS on a shared file system)."
            )
        time.sleep(0.1)


def _follow(run: RunFolder, library: Library) -> int:
    """What every process but the first does: the same steps, and no file."""
    from bickd_core.training.engine import fit
    from bickd_core.training.setup import build_job

    if run.status().state == "finished":
        return 0
    config = run.info().config
    assert config is not None
    job = build_job(config, library)
    fit(job, run)
    job.ranks.leave()
    return 0
