"""Run every test: `python tests/run.py [pytest arguments]`, which is what `make test` does.

The tests without a browser and the browser tests run at the same time, each on as many processes as
there are cores, with one thread each: both often wait, for a worker process or for a page. The
output of the browser tests is printed when the others have ended. Tests marked `slow` are left out;
`make test TESTS="tests -m slow"` runs them. Without a Chromium the browser tests are left out too,
with a banner; where CI is set, that is a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

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
    common = ["-m", "not slow", "--durations", "25", "-n", str(min(4, os.cpu_count() or 1))]
    plain = ["tests", "--ignore", "tests/browser", "--dist", "worksteal", *common]
    browser = ["tests/browser", "--dist", "loadscope", "--no-loadscope-reorder", *common]
    if find_chromium() is None:
        failed = pytest(plain)
        print(BANNER, flush=True)
        return failed or (1 if os.environ.get("CI") else 0)
    with tempfile.TemporaryFile() as output, start(browser, output) as beside:
        failed = pytest(plain)
        print("\nThe browser tests:", flush=True)
        browser_failed = beside.wait()
        output.seek(0)
        print(output.read().decode(errors="replace"), flush=True)
    return failed or browser_failed


def pytest(arguments: list[str]) -> int:
    with start(arguments) as process:
        return process.wait()


def start(arguments: list[str], output: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start pytest; `output` takes what it prints."""
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    environment = {**os.environ, **{name: "1" for name in THREADS}}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=output, stderr=output and subprocess.STDOUT
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
