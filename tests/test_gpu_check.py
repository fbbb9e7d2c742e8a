"""`make gpu-check` on a machine without a GPU: what it says, how it judges, and that nothing stops
the rest."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks import gpu_check
from benchmarks.gpu_check import Outcome, OutOfTime, Setup, block, judge_tests, run_all

ROOT = Path(__file__).parents[1]
CHECK = [sys.executable, str(ROOT / "benchmarks" / "gpu_check.py")]


@pytest.fixture
def setup(tmp_path, monkeypatch):
    monkeypatch.setenv("BICKD_CACHE", str(tmp_path / "cache"))
    return Setup("cpu", True, tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_without_a_gpu_it_says_so_and_ends_with_0():
    done = subprocess.run(CHECK, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("torch sees no CUDA device here, so nothing was checked.")
    assert "|" not in done.stdout


def test_a_check_that_fails_or_is_late_is_a_line_and_the_others_still_run(setup):
    def fails(setup, seconds):
        raise RuntimeError("no kernel image\nmore")

    def late(setup, seconds):
        raise OutOfTime(f"not done after {seconds:.0f} s")

    def passes(setup, seconds):
        return Outcome("", True, "fine.", table="| a | b |")

    checks = (("one", fails, 0.1), ("two", late, 0.45), ("three", passes, 0.45))
    outcomes = run_all(checks, setup, 60.0)
    assert [one.passed for one in outcomes] == [False, False, True]
    page = block(outcomes, "A GPU.")
    assert "| one | **no** | RuntimeError: no kernel image. |" in page
    assert "| two | **no** | not done after 30 s. |" in page
    assert page.index("| three | yes | fine. |") < page.index("| a | b |")


def test_no_check_begins_when_the_time_is_spent(setup):
    begun = []

    def slow(setup, seconds):
        begun.append(seconds)
        time.sleep(max(0.0, seconds - 0.5))
        return Outcome("", True, "fine.")

    outcomes = run_all((("one", slow, 0.9), ("two", slow, 0.1)), setup, 3.0)
    assert len(begun) == 1
    assert (outcomes[1].passed, outcomes[1].words) == (False, "not begun: no time was left.")


def test_a_command_that_takes_too_long_is_ended():
    with pytest.raises(OutOfTime, match="not done after 1 s"):
        gpu_check.command([sys.executable, "-c", "import time; time.sleep(60)"], 1.0)


@pytest.mark.parametrize(
    ("said", "need_device", "passed"),
    [
        ("12 passed in 3.2s", True, True),
        ("SKIPPED [3] tests/a.py:1: no CUDA device here\n9 passed, 3 skipped in 3s", True, False),
        ("SKIPPED [3] tests/a.py:1: no CUDA device here\n9 passed, 3 skipped in 3s", False, True),
        ("1 failed, 11 passed in 3s", False, False),
        ("1 error in 3s", False, False),
        (
            "SKIPPED [3] tests/a.py:1: no CUDA device here\n3 skipped, 9 deselected in 3s",
            False,
            True,
        ),
        (
            "SKIPPED [3] tests/a.py:1: no CUDA device here\n3 skipped, 9 deselected in 3s",
            True,
            False,
        ),
        ("9 deselected in 3s", True, False),
        ("No module named pytest", False, False),
    ],
)
def test_what_pytest_says_is_judged(said, need_device, passed):
    assert judge_tests(said, need_device=need_device).passed is passed


def test_the_named_files_have_tests_that_need_a_device():
    mark = '@pytest.mark.cuda\n@pytest.mark.skipif(not torch.cuda.is_available(), reason="'
    for path in gpu_check.CUDA_TESTS:
        assert f"{mark}{gpu_check.NO_DEVICE}" in (ROOT / path).read_text()


def test_every_test_that_needs_a_device_is_in_a_named_file():
    marked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if "skipif(not torch.cuda" in path.read_text() and path != Path(__file__)
    }
    assert marked == set(gpu_check.CUDA_TESTS)


def test_a_resume_on_a_cpu_is_equal_to_the_bit(setup):
    outcome = gpu_check.resumes(setup, 120.0)
    assert (outcome.passed, outcome.words) == (True, "CPU: equal to the bit.")


@pytest.mark.usefixtures("quick_umap")
def test_a_distillation_goes_through_the_worker_to_its_end(setup):
    outcome = gpu_check.worker_run(setup, 300.0)
    assert outcome.passed, outcome.words
    assert outcome.words.startswith("bickd, 1 epoch on CPU (requested)")


@pytest.mark.slow
def test_a_dry_run_prints_the_whole_block(tmp_path):
    done = subprocess.run([*CHECK, "--dry-run"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.lstrip().startswith("### A dry run of `make gpu-check` on a CPU")
    for name, *_ in gpu_check.CHECKS:
        assert f"| {name} | yes |" in done.stdout
    assert "peak memory, MB" in done.stdout
