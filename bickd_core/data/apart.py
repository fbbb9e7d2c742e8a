"""Read files in a separate process, because pyarrow ends the whole process on some damaged files.

`ask` starts the process. The process first calls `limit` to limit its memory and time, and then
prints its answer or an error as JSON. `python -m bickd_core.data.apart KIND:PATH BYTES` summarises
a data source.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from bickd_core.data.errors import DataError

MEMORY_BYTES = 4 << 30
WALL_TIMES = 10
"""A process may last this many times as long as it may compute, because the machine may be busy."""
_ROOT = Path(__file__).resolve().parents[2]


def summary_apart(name: str, *, memory: int = MEMORY_BYTES) -> dict[str, Any]:
    """Return the fields of `external.Summary` without the fingerprint.

    Args:
        memory: bytes of address space that the process may take in addition to its initial ones.

    Raises:
        DataError: the source cannot be used.
    """
    answer = ask("bickd_core.data.apart", [name, str(memory)], name)
    if "error" in answer:
        raise DataError(answer["error"])
    return answer["summary"]


def ask(module: str, arguments: list[str], name: str, *, request: Any = None) -> dict[str, Any]:
    """Run a module in a separate process, and return its answer.

    Args:
        module: its `main` calls `limit`, and prints a JSON object.
        name: of the file, for error messages.
        request: written to the module's standard input as JSON.

    Raises:
        DataError: the process ended without an answer.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        input=b"" if request is None else json.dumps(request).encode(),
        capture_output=True,
        cwd=_ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    if done.returncode == -signal.SIGPROF:
        raise DataError(
            f"{name} takes too long to read, so it is damaged or too large; write it again."
        )
    if done.returncode == -signal.SIGALRM:
        raise DataError(
            f"{name} was not read in time, probably because this machine is busy; load it again."
        )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = None
    if done.returncode != 0 or not isinstance(answer, dict):
        raise DataError(
            f"{name} made the process that reads it stop (code {done.returncode}), so a file in it"
            " is damaged; write or download it again."
        )
    return answer


def limit(memory: int, seconds: int | None = None) -> None:
    """Limit the memory and time of this process.

    Args:
        memory: bytes of address space that it may take in addition to its present ones.
        seconds: see `limit_time`; None for no limit.
    """
    import psutil

    most = psutil.Process().memory_info().vms + memory
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    if seconds is not None:
        limit_time(seconds)


def limit_time(seconds: int) -> None:
    """Limit the time of this process from now on.

    SIGPROF ends it when it has computed for `seconds`, which other programs do not shorten. SIGALRM
    ends it when `WALL_TIMES` as many have passed, so that a process that only waits ends too.
    """
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)  # ends the process, whatever it is doing
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, WALL_TIMES * seconds)


def end_time_limit() -> None:
    """End the limit of `limit_time`."""
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    from bickd_core.data.external import KINDS, listed, summary

    name, memory = sys.argv[1], int(sys.argv[2])
    kind, _, path = name.partition(":")
    limit(memory)
    try:
        answer: dict[str, Any] = {
            "summary": vars(summary(listed(KINDS[kind], Path(path), name), ""))
        }
        del answer["summary"]["fingerprint"]
    except DataError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {
            "error": (
                f"{name} asks for more than {memory / 1e9:.1f} GB of memory; it is damaged, or its"
                " row groups are too large."
            )
        }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
