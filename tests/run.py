"""Run every test: `python tests/run.py [pytest arguments]`, which is what `make test` does.

The tests without a browser run on as many processes as there are cores, with one thread each. The
browser tests follow, three files at a time: a browser waits for its server, and the server for it.
Tests marked `slow` are left out; `make test TESTS="tests -m slow"` runs them. Without a Chromium
the browser tests are left out too, with a banner; where CI is set, that is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
BANNER = """
********************************************************************************
*  THE BROWSER TESTS WERE NOT RUN: no Chromium was found.                      *
*  Install Debian's `chromium` (or set CHROMIUM to its path) and run again.    *
********************************************************************************"""


def main(arguments: list[str]) -> int:
    sys.path.insert(0, str(ROOT / "tests" / "browser"))
    from browser_harness import find_chromium

    if arguments and arguments != ["tests"]:
        if find_chromium() is None and any("browser" in argument for argument in arguments):
            print(BANNER, flush=True)
            return 1
        return pytest(arguments)
    quick = ["-m", "not slow", "--durations", "25"]
    workers = str(min(4, os.cpu_count() or 1))
    failed = pytest(
        ["tests", "--ignore", "tests/browser", "-n", workers, "--dist", "worksteal", *quick]
    )
    if find_chromium() is not None:
        files = [
            "-n",
            "3",
            "--dist",
            "loadfile",
            "--no-loadscope-reorder",
        ]  # or long files come last
        return pytest(["tests/browser", *files, *quick]) or failed
    print(BANNER, flush=True)
    return failed or (1 if os.environ.get("CI") else 0)


def pytest(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    return subprocess.call(command, cwd=ROOT, env={**os.environ, **{name: "1" for name in THREADS}})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
