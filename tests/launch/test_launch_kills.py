"""SIGKILL between the steps of a run's writes, and at random moments: nothing is lost, nothing
differs.

Every eighth step here, and every other one if slow tests are run; `kill_everywhere.py --random 200`
takes them all.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "kill_everywhere.py"


@pytest.mark.parametrize("every", [8, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_killed_anywhere_and_resumed_is_the_unbroken_one(every):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--every", str(every), "--random", str(16 // every)],
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["wrong"] == {}
    assert found["boundaries"] > 80
    assert found["killed"] >= found["boundaries"] // every
