"""Runs in the foreground of a shell: Ctrl-C and SIGTERM stop them with their state saved."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from run_helpers import small_config

import bickd_core
from bickd_core.launch.stop_signals import APART_SECONDS
from bickd_core.runs.create import create_run
from bickd_core.training import foreground
from bickd_core.training.worker import work, work_race

pytestmark = [
    pytest.mark.usefixtures("quick_umap"),
    pytest.mark.skipif(os.name == "nt", reason="signals are POSIX"),
]

SCRIPT = Path(__file__).parent / "slow_command.py"
SMALL = ("--dataset", "digits", "--train-limit", "200", "--batch-size", "50", "--epochs", "3",
         "--precision", "fp32", "--threads", "1", "--no-make-map")  # fmt: skip
SIGNALS = pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)


@SIGNALS
def test_a_signal_does_not_end_the_wait_before_the_worker(
    library, monkeypatch, capsys, number, code
):
    """On Python < 3.13, an exception that a signal's handler raises out of `Thread.join` marks the
    living thread as ended."""
    run, ended = create_run(small_config(), library, name="a"), []

    def works_on(runs, library, *, leave):
        os.kill(os.getpid(), number)
        end = time.monotonic() + 60
        while not leave() and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(1.0)  # the rest of a slow step
        ended.append(leave())
        return work_race(runs, library, leave=leave)

    monkeypatch.setattr(foreground, "work_race", works_on)
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    assert foreground.follow(run, library) == code
    assert ended == [True]
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    out, err = capsys.readouterr()
    assert "a: stopped\nto continue: bickd train --resume a\n" in out
    assert err.count("stopping after this step") == 1


@SIGNALS
def test_a_run_stopped_in_a_slow_step_ends_with_the_weights_of_an_unbroken_one(
    library, number, code
):
    stopped, out, _ = signalled(
        library, "train", *SMALL, "--role", "teacher", "--arch", "convnet-small", "--name", "a",
        number=number,
    )  # fmt: skip
    run = library.find("a")
    assert (stopped, run.status().state) == (code, "stopped"), out
    assert out.endswith("a: stopped\nto continue: bickd train --resume a\n")
    assert run.resume_path.exists()
    assert work(run, library) == "finished"
    unbroken = create_run(run.info().config, library, name="b")
    assert work(unbroken, library) == "finished"
    assert run.weights_path.read_bytes() == unbroken.weights_path.read_bytes()


def test_a_run_without_recorded_epochs_is_reported_without_its_accuracy(make_run):
    run = make_run("a")
    assert foreground._ended(run) == "a: finished; for its figures: bickd evaluate a"
    run.append_metrics({"epoch": 0, "validation_accuracy": 0.5})
    assert foreground._ended(run).startswith("a: finished, 50.0% on validation; for its figures")


def test_a_stopped_race_names_the_command_that_continues_all(library, teacher):
    stopped, out, _ = signalled(
        library, "race", *SMALL, "--teacher", "teacher", "--arch", "convnet-small", "--name", "r",
        "--methods", "ce", "kd", "bickd", number=signal.SIGINT,
    )  # fmt: skip
    names = ["r-ce-s0", "r-kd-s0", "r-bickd-s0"]
    states = [library.find(name).status().state for name in names]
    assert (stopped, states) == (130, ["stopped"] * 3), out
    assert out.endswith(f"to continue: bickd race --resume {' '.join(names)}\n")
    runs = [library.find(name) for name in names]
    assert work_race(runs, library) == ["finished"] * 3


def test_a_second_signal_ends_a_training_at_once(library):
    ended, _, err = signalled(
        library, "train", *SMALL, "--role", "teacher", "--arch", "convnet-small", "--name", "a",
        number=signal.SIGINT, seconds=600.0, twice=True,
    )  # fmt: skip
    assert ended == -signal.SIGINT
    assert "Traceback" not in err
    status = library.find("a").status()
    assert (status.state, status.stale()) == ("running", True)


def signalled(library, *arguments, number, seconds=1.0, twice=False):
    """Run `bickd` in a process of its own, and signal it in its second step; with `twice`, signal
    it twice in its first.

    Returns:
        Exit code, output and errors.
    """
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(Path(bickd_core.__file__).parents[1])])
    folders = {"BICKD_SHELF": str(library.shelf), "BICKD_RUNS": str(library.own)}
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), str(seconds), *arguments],
        env={**os.environ, **folders, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            steps = 0
            while steps < (1 if twice else 2) and (line := process.stdout.readline()):
                steps += line == "a step begins\n"
            process.send_signal(number)
            if twice:
                while "stopping after this step" not in process.stderr.readline():
                    assert process.poll() is None
                time.sleep(APART_SECONDS)
                process.send_signal(number)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    return process.returncode, out, err
