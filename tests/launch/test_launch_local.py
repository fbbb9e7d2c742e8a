"""Real worker processes: killed, stopped, resumed, queued; what they leave is what an unbroken run
leaves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from run_helpers import small_config, wait_for

from bickd_core.geometry.layout import Layout
from bickd_core.launch import local
from bickd_core.maps.store import layout_key
from bickd_core.runs.create import create_run
from bickd_core.runs.library import RunError
from bickd_core.runs.records import TIMES
from bickd_core.runs.status import Status
from bickd_core.training.engine import fit
from bickd_core.training.setup import build_job
from bickd_core.training.worker import work

KILLED = Path(__file__).parent / "killed_worker.py"
LONG = {"epochs": 100_000, "train_limit": 100, "batch_size": 25}


@pytest.fixture
def student(library, teacher):
    def make(name, **changes):
        asked = {
            "objective": {"kind": "bickd"},
            "teacher": "teacher",
            "epochs": 3,
            "train_limit": 200,
        }
        return create_run(small_config(**{**asked, **changes}), library, name=name)

    return make


@pytest.fixture
def submit(library):
    """`local.submit`; whatever still works when the test ends is killed."""
    started = []

    def start(name, **changes):
        started.append(local.submit(small_config(**changes), library, name=name))
        return started[-1]

    yield start
    for run in started:
        worker = run.status().worker
        if worker is not None and worker.lost() is False:
            os.kill(worker.pid, signal.SIGKILL)
        wait_for(lambda run=run: not at_work(run), what=f"the end of {run.key}")


def at_work(run):
    status = run.status()
    return status.active and not status.stale()


def state(run, *wanted):
    return wait_for(
        lambda: run.status() if run.status().state in wanted else None,
        what=f"{run.key} being {wanted}",
    )


def trained_to(run, epochs):
    def far_enough():
        assert run.status().state != "failed", run.status().error
        return len(run.metrics()) >= epochs

    wait_for(far_enough, what=f"epoch {epochs} of {run.key}")


def kill(run):
    pid = run.status().worker.pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(pid), what="the end of the process")


def metrics_but_speed(run):
    return [
        {key: value for key, value in record.items() if key not in TIMES}
        for record in run.metrics()
    ]


def kill_before(run, library, epoch, step, *, save_every):
    """Work on the run in a process that SIGKILLs itself before that step, and saves each so many
    seconds."""
    moment = [str(epoch), str(step), str(save_every)]
    where = ["--shelf", str(library.shelf), "--own", str(library.own)]
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(Path(local.__file__).parents[2])])
    command = [sys.executable, str(KILLED), *moment, str(run.path), *where]
    killed = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert run.status().state == "running"
    assert run.status().stale()
    assert run.resumable
    assert len(run.metrics()) == epoch
    assert not run.weights_path.exists()


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_sigkill_in_mid_epoch_and_resume_give_the_unbroken_runs_bytes(student, library, quick_umap):
    unbroken, broken = student("unbroken"), student("broken")
    fit(build_job(unbroken.info().config, library), unbroken)
    kill_before(broken, library, 1, 2, save_every=3600)  # what was saved last is the end of epoch 0
    kill_before(broken, library, 2, 1, save_every=0)  # what was saved last is this very step
    assert torch.load(broken.resume_path)["position"]["step"] == 1
    local.resume(broken, library)
    state(broken, "finished", "failed")
    assert broken.status().error == ""
    assert broken.weights_path.read_bytes() == unbroken.weights_path.read_bytes()
    assert broken.best_path.exists() == unbroken.best_path.exists()
    assert metrics_but_speed(broken) == metrics_but_speed(unbroken)
    for name, array in unbroken.trajectory().items():
        np.testing.assert_array_equal(broken.trajectory()[name], array)
    with pytest.raises(RunError, match="run 'broken' is finished and cannot be resumed"):
        local.resume(broken, library)


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")
def test_runs_that_stand_at_different_steps_are_resumed_as_one_race_to_the_unbroken_bytes(
    student, library, quick_umap
):
    unbroken, behind = student("unbroken"), student("behind")
    other = student("other", objective={"kind": "kd"})
    whole = student("whole", objective={"kind": "kd"})
    for run in (unbroken, whole):
        fit(build_job(run.info().config, library), run)
    kill_before(behind, library, 1, 2, save_every=0)
    kill_before(other, library, 2, 1, save_every=0)
    with pytest.raises(RunError, match="run 'unbroken' is"):
        local.resume(behind, library, other, unbroken)
    local.resume(behind, library, other)
    for run in (behind, other):
        state(run, "finished", "failed")
        assert run.status().error == ""
    assert behind.status().worker == other.status().worker
    assert behind.weights_path.read_bytes() == unbroken.weights_path.read_bytes()
    assert other.weights_path.read_bytes() == whole.weights_path.read_bytes()
    unlike = [student("one"), student("two", batch_size=10)]
    for run in unlike:
        run.write_status(Status("stopped"))
        run.request_stop()
    with pytest.raises(ValueError, match="the runs of a race must have the same `batch_size`"):
        local.resume(unlike[0], library, unlike[1])
    assert all(run.stop_requested() for run in unlike)  # nothing was begun


def test_queue_kill_resume_and_stop(submit, library, quick_umap, monkeypatch):
    monkeypatch.setenv("BICKD_SLOTS", "1")
    first = submit("first", **LONG)
    trained_to(first, 1)
    # A second worker on the same run leaves it alone.
    other = local.start_worker(first, library)
    assert other.wait(timeout=120) != -signal.SIGKILL
    assert "already has a worker; this one leaves it alone" in first.log_path.read_text()
    assert first.status().worker.pid != other.pid
    assert at_work(first)
    with pytest.raises(RunError, match="run 'first' is running and cannot be resumed"):
        local.resume(first, library)
    # One slot: the next run waits, and says so.
    second = submit("second", **LONG)
    wait_for(lambda: second.status().worker, what="the second worker")
    assert (second.status().state, second.status().stale(), second.metrics()) == (
        "queued",
        False,
        [],
    )
    third = submit("third", **LONG)
    wait_for(lambda: third.status().worker, what="the third worker")
    local.stop(third)  # a queued run can be stopped before its turn
    state(third, "stopped")
    assert third.metrics() == []
    epochs = len(first.metrics())
    assert second.status().state == "queued"
    # SIGKILL gives the slot back, and shows at once.
    kill(first)
    assert first.status().state == "running"
    assert first.status().stale()
    trained_to(second, 1)
    local.stop(second)
    status = state(second, "stopped")
    assert status.progress.epoch >= 1
    assert not second.stop_requested()
    assert not at_work(second)
    # The first goes on where it was.
    local.resume(first, library)
    trained_to(first, epochs + 2)
    local.stop(first)
    state(first, "stopped")
    records = first.metrics()
    assert [record["epoch"] for record in records] == list(range(len(records)))
    assert "Traceback" not in first.log_path.read_text() + second.log_path.read_text()


def test_a_normal_runs_log_holds_the_device_and_its_epochs_and_its_map_starts_from_the_teachers(
    submit, library, teacher
):
    run = submit(
        "student",
        objective={"kind": "kd"},
        teacher="teacher",
        epochs=1,
        precision="auto",
        device="auto",
    )
    state(run, "finished", "failed")
    assert run.status().error == ""
    lines = run.log_path.read_text().splitlines()
    device, epoch = [line for line in lines if "Automatic Mixed Precision" not in line]
    assert device == run.status().device
    assert epoch.startswith("epoch 1/1, loss ")
    layout = Layout.load(run.layout_path(layout_key(run, "test", "umap", teacher)))
    assert (layout.method, layout.parameters["init"], layout.seed) == ("umap", "given", 0)
    assert layout.coordinates.shape == (360, 2)
    assert layout.trustworthiness > 0.8
    assert at_work(run) is False


def test_a_worker_on_a_folder_that_is_no_run_makes_nothing(library, tmp_path):
    missing = tmp_path / "missing"
    command = [
        sys.executable,
        "-m",
        "bickd_core.training.worker",
        str(missing),
        "--shelf",
        "x",
        "--own",
        "y",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(local.__file__).parents[2]
    )
    assert done.returncode == 1
    assert done.stderr == f"{missing} is not a run folder: it has no run.yaml.\n"
    assert not missing.exists()


def test_what_cannot_be_submitted_starts_no_process_and_makes_no_folder(library, monkeypatch):
    monkeypatch.setattr(local.subprocess, "Popen", None)
    with pytest.raises(ValueError, match="the nearest is 'resnet8'"):
        local.submit(small_config(arch="resnett8"), library)
    assert list(library.own.iterdir()) == []


def test_the_worker_finds_the_package_from_any_folder_and_lives_on_its_own(
    make_run, library, monkeypatch, tmp_path
):
    calls = []
    monkeypatch.setattr(
        local.subprocess, "Popen", lambda command, **options: calls.append((command, options))
    )
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.chdir(tmp_path)
    local.start_worker(make_run("a"), library)
    ((command, options),) = calls
    assert command[1:3] == ["-m", "bickd_core.training.worker"]
    assert all(Path(part).is_absolute() for part in (command[3], command[5], command[7]))
    assert options["start_new_session"] is True
    assert options["env"]["PYTHONPATH"].split(os.pathsep) == [
        "/somewhere",
        str(Path(local.__file__).parents[2]),
    ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_worker_that_is_told_to_end_saves_first(submit, library, number):
    """SIGTERM, as a machine that shuts down sends it, or SIGINT: the run goes on from the very
    step, not from a checkpoint."""
    run = submit("a", **LONG)
    trained_to(run, 2)
    worker = psutil.Process(run.status().worker.pid)
    worker.send_signal(number)
    status = state(run, "stopped")
    wait_for(lambda: not worker.is_running(), what="the worker's end")
    saved = torch.load(run.resume_path, weights_only=True)["position"]
    assert (saved["epoch"], saved["step"]) == (status.progress.epoch, status.progress.step)
    assert run.resumable
    assert not run.stop_requested()


def test_a_launcher_starts_a_run_again_whose_worker_was_told_to_end(library):
    run = create_run(small_config(**LONG), library, name="a")
    launcher = local.LocalLauncher(library, at_once=1)
    launcher.submit(run)
    trained_to(run, 1)
    os.kill(run.status().worker.pid, signal.SIGTERM)
    wait_for(lambda: launcher.poll(run) != "working", what="the worker's end")
    assert launcher.poll(run) == "lost"
    assert run.status().state == "stopped"


def test_no_worker_begins_on_a_run_with_links(library, tmp_path):
    run = create_run(small_config(), library, name="a")
    target = tmp_path / "elsewhere.jsonl"
    target.write_text("as it was")
    (run.path / "metrics.jsonl").symlink_to(target)
    with pytest.raises(RunError, match=r"run 'a' has a link in its folder \(metrics.jsonl\)"):
        local.start_worker(run, library)
    assert work(run, library) == "failed"
    assert "has a link in its folder (metrics.jsonl)" in run.status().error
    assert target.read_text() == "as it was"
