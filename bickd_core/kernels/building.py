"""Compile our kernels for this CPU, once, and load them: `python -m bickd_core.kernels.building`.

Training calls `load_kernels`. If there are no kernels, torch's own do the same in more passes.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from filelock import FileLock

from bickd_core.naming import first_line
from bickd_core.places import cache_folder, folder_from_environment

SOURCE = Path(__file__).with_name("norm_relu.cpp")
FLAGS = (
    "-std=c++17",
    "-O3",
    "-march=native",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fopenmp",
    "-fPIC",
    "-shared",
)
LIBRARIES = ("-ltorch", "-ltorch_cpu", "-lc10")
SCRATCH = "compiling-"
_TRY_AGAIN = (
    "the kernels did not compile, see {}; `bickd cache clear kernels` lets the next run try again"
)


class KernelError(Exception):
    """There are no kernels on this machine. The message is the reason."""


_answers: list[str | None] = []


def _log(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def load_kernels(say: Callable[[str], None] = _log) -> str | None:
    """Load the kernels, after compiling them if needed (about 20 s).

    Args:
        say: called with a message before compiling.

    Returns:
        None if `torch.ops.bickd` is loaded, or the reason why it is not. Later calls in the same
        process return the same.
    """
    if not _answers:
        _answers.append(_load(say))
    return _answers[0]


def _load(say: Callable[[str], None]) -> str | None:
    try:
        torch.ops.load_library(str(built(say)))
    except KernelError as error:
        return str(error)
    except OSError as error:  # a library that does not load
        why = first_line(error)
        return (
            f"the compiled kernels do not load ({why}); `bickd cache clear kernels` lets the next"
            " run try again"
        )
    return None


def folder() -> Path:
    """Return the folder of kernels: `BICKD_KERNELS`, or `kernels` in the cache."""
    return folder_from_environment("BICKD_KERNELS") or cache_folder() / "kernels"


def built(say: Callable[[str], None] = _log) -> Path:
    """Return the library for this CPU and this torch, after compiling it if needed.

    Only one process compiles it. A complete file is then moved to its name.

    Raises:
        KernelError: there is no compiler, it failed (it is then not tried again), or the folder
            cannot be written to.
    """
    path = folder() / f"{_key()}.so"
    if path.exists():
        return path
    if platform.system() != "Linux":
        raise KernelError(f"no kernels of ours for {platform.system()}")
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise KernelError(f"no C++ compiler '{compiler}'")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                _compile(compiler, path, say)
    except OSError as error:
        raise KernelError(
            f"the kernels' folder {path.parent} cannot be written to ({error.strerror})"
        ) from error
    return path


def stored() -> tuple[int, int]:
    """Return the number of stored libraries, for any CPU and torch, and their bytes."""
    sizes = [path.stat().st_size for path in folder().glob("*.so")]
    return len(sizes), sum(sizes)


def clear() -> int:
    """Remove all kernels and the files of failed attempts, and return the freed bytes. Runs that
    have loaded kernels continue."""
    freed = 0
    for path in (*folder().glob("*.so"), *folder().glob("*.failed")):
        freed += path.stat().st_size
        path.unlink(missing_ok=True)
    return freed


def _compile(compiler: str, path: Path, say: Callable[[str], None]) -> None:
    failed = path.with_suffix(".failed")
    if failed.exists():
        raise KernelError(_TRY_AGAIN.format(failed))
    from torch.utils.cpp_extension import include_paths

    say("compiling kernels for this CPU, once, some 20 s")
    for left in path.parent.glob(f"{SCRATCH}*"):  # by a process that was killed: the lock is ours
        shutil.rmtree(left)
    libraries = Path(torch.__file__).parent / "lib"
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=SCRATCH) as scratch:
        compiled = Path(scratch) / path.name
        includes = [part for include in include_paths() for part in ("-isystem", include)]
        command = [
            compiler,
            *FLAGS,
            *includes,
            str(SOURCE),
            "-o",
            str(compiled),
            f"-L{libraries}",
            *LIBRARIES,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            failed.write_text(" ".join(command) + "\n" + done.stderr)
            raise KernelError(_TRY_AGAIN.format(failed))
        os.replace(compiled, path)


def _key() -> str:
    """Return a key that depends on the source, the flags, torch and the CPU's features."""
    parts = (
        SOURCE.read_text(),
        FLAGS,
        torch.__version__,
        sys.byteorder,
        platform.machine(),
        _cpu_features(),
    )
    return "norm-relu-" + hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _cpu_features() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []  # not Linux, where nothing is built
    return sorted(
        {
            line
            for line in lines
            if line.split(":")[0].strip() in ("flags", "Features", "model name")
        }
    )


if __name__ == "__main__":
    problem = load_kernels()
    print(
        f"kernels: {folder()}"
        if problem is None
        else f"no kernels, training uses torch's own: {problem}"
    )
