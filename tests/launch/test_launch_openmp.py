"""Waits of OpenMP's threads: short in every worker, unless the person has chosen."""

import os
import subprocess
import sys

import pytest

from bickd_core.launch.local import worker_environment
from bickd_core.launch.openmp import SPINS, WAIT_VARIABLES, brief_waits


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch):
    for name in WAIT_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_a_workers_threads_wait_briefly():
    assert worker_environment()["GOMP_SPINCOUNT"] == str(SPINS)


@pytest.mark.parametrize("name", WAIT_VARIABLES)
def test_the_persons_choice_stays(monkeypatch, name):
    monkeypatch.setenv(name, "passive")
    assert brief_waits() == {}
    assert "GOMP_SPINCOUNT" not in worker_environment()


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP comes with torch on Linux alone")
def test_torchs_openmp_reads_it():
    found = subprocess.run(
        [sys.executable, "-c", "import torch"],
        env={**os.environ, **brief_waits(), "OMP_DISPLAY_ENV": "VERBOSE"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"GOMP_SPINCOUNT = '{SPINS}'" in found.stderr
