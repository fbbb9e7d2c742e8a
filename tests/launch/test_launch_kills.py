"""SIGKILL between the steps of a run's writes, and at random moments: nothing is lost, nothing
differs.

Every fourth step here; `kill_everywhere.py --random 200` takes them all.
"""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "kill_everywhere.py"


def test_a_run_killed_anywhere_and_resumed_is_the_unbroken_one():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--every", "4", "--random", "4"],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["wrong"] == {}
    assert found["boundaries"] > 80
    assert found["killed"] >= found["boundaries"] // 4
