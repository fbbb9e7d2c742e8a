"""Two processes under torchrun and one alone: the same losses, gradients and weights; one that is
lost."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from run_helpers import small_config
from safetensors.torch import load_file

from bickd_core.runs.create import create_run
from bickd_core.runs.library import Library, RunError, RunFolder
from bickd_core.training import ranks, together
from bickd_core.training.engine import TrainingError, fit
from bickd_core.training.setup import build_job

SCRIPT = Path(__file__).parent / "together_script.py"
TESTS = Path(__file__).parent.parent

pytestmark = pytest.mark.usefixtures("quick_umap", "teacher")


def start(what, library, out, processes, restarts=0, **environment):
    command = [sys.executable]
    if processes > 1:
        command += [
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            str(processes),
        ]
        command += ["--max-restarts", str(restarts)]
    command += [str(SCRIPT), what, str(library.shelf), str(library.own), str(out)]
    path = os.pathsep.join(
        filter(None, (str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH")))
    )
    done = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done


KINDS = {"bickd": 25, "crd": 50}
"""Objectives and the size of their batches: 25 samples are parts of 13 and 12."""


@pytest.fixture(scope="module")
def of_one_and_of_two(tmp_path_factory, _trained):
    """For each kind, what one process and what two saw."""
    home = tmp_path_factory.mktemp("together")
    library = Library(shelf=home / "shelf", own=home / "own")
    library.shelf.mkdir()
    shutil.copytree(_trained, library.own / "teacher")
    kinds = ",".join(f"{kind}:{batch}" for kind, batch in KINDS.items())
    for processes in (1, 2):
        out = home / f"{processes}.pt"
        start("steps", library, out, processes, KINDS=kinds, BICKD_CACHE=str(home / "cache"))
    one, two = (torch.load(home / f"{processes}.pt", weights_only=True) for processes in (1, 2))
    return {kind: (one[kind], two[kind]) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_are_one_on_the_same_global_batch(of_one_and_of_two, kind):
    one, two = of_one_and_of_two[kind]
    assert (one["size"], two["size"]) == (1, 2)
    assert (one["every"], two["every"]) == ([[0, 7]], [[0, 7], [1, 7]])
    torch.testing.assert_close(two["losses"], one["losses"], rtol=2e-5, atol=1e-6)
    torch.testing.assert_close(two["logit_gradient"], one["logit_gradient"], rtol=1e-4, atol=1e-7)
    assert one["logit_gradient"].abs().max() > 1e-3
    for name, value in one["weights"].items():
        torch.testing.assert_close(two["weights"][name], value, rtol=1e-4, atol=1e-5)


def test_a_lost_process_restarts_all_from_the_last_step_and_ends_with_the_same_weights(
    library, tmp_path
):
    asked = (
        "train --name {} --dataset digits --arch convnet-small --train-limit 200 --epochs 2"
        " --teacher teacher"
    )
    asked += " --precision fp32 --device cpu --threads 1 --seed 1 bickd"
    for name, kill_at in (("unbroken", "-1,-1"), ("broken", "1,1")):
        killed = tmp_path / f"{name}.killed"
        start(
            "train", library, killed, 2, restarts=1, ARGUMENTS=asked.format(name), KILL_AT=kill_at
        )
        assert killed.exists() == (name == "broken")
        assert library.find(name).status().state == "finished"
    weights = [load_file(library.find(name).weights_path) for name in ("unbroken", "broken")]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert [record["epoch"] for record in library.find("broken").metrics()] == [0, 1]


def test_processes_that_read_different_states_do_not_train(library, monkeypatch):
    run = create_run(small_config(), library, name="a")
    job = build_job(run.info().config, library, run)
    assert fit(job, run, stop_after=(0, 2)) == "stopped"
    monkeypatch.setattr(job.ranks, "every", lambda values: [list(values), [0, 0]])
    with pytest.raises(TrainingError, match="process 1 read another saved state than process 0;"):
        fit(job, run)


def test_a_connection_that_gloo_lost_is_made_again_by_all(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in (
        ("RANK", 0),
        ("WORLD_SIZE", 1),
        ("MASTER_ADDR", "127.0.0.1"),
        ("MASTER_PORT", port),
    ):
        monkeypatch.setenv(name, str(value))
    tried, original = [], dist.init_process_group

    def lost_once(*arguments, **options):
        tried.append(options["timeout"].total_seconds())
        if len(tried) == 1:
            raise RuntimeError("Connect timeout")
        original(*arguments, **options)

    monkeypatch.setattr(dist, "init_process_group", lost_once)
    ranks.join()
    try:
        assert tried == [ranks.CONNECT_SECONDS] * 2
        assert dist.get_world_size() == 1
    finally:
        dist.destroy_process_group()


def test_a_name_is_needed_and_stands_for_one_config(library, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(
        ValueError, match="needs a `--name`, got none; a restart finds the run by it"
    ):
        together.train_together(small_config(), library, None)
    create_run(small_config(), library, name="a")
    with pytest.raises(
        RunError, match="a run named 'a' already exists with other settings or another teacher; ch"
    ):
        together.train_together(small_config(epochs=3), library, "a")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr(together, "WAIT_SECONDS", 0.0)
    with pytest.raises(
        RunError, match="the folder of run 'b' did not appear within 0 s; all processes must see"
    ):
        together.train_together(small_config(), library, "b")
    assert not RunFolder(library.own / "b").path.exists()
