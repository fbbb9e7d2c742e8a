"""Kernels compiled for this CPU by the C++ compiler that is there, once, and loaded: `python -m
bickd_core.kernels.building`.

A training calls `load_kernels`; where that gives a reason why there are none, torch's own kernels
do the same in more passes.
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
    """Kernels cannot be had here: one sentence."""


_answers: list[str | None] = []


def _log(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def load_kernels(say: Callable[[str], None] = _log) -> str | None:
    """Load the kernels, after compiling them (some 20 s) where nobody has done so for this CPU and
    torch.

    Returns None where `torch.ops.bickd` is there, else the reason why it is not. Asked again, a
    process says the same. `say` is told when they are to be compiled.
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
        why = str(error).splitlines()[0]
        return (
            f"the compiled kernels do not load ({why}); `bickd cache clear kernels` lets the next"
            " run try again"
        )
    return None


def folder() -> Path:
    """`BICKD_KERNELS` where set, else `kernels` in the cache."""
    return folder_from_environment("BICKD_KERNELS") or cache_folder() / "kernels"


def built(say: Callable[[str], None] = _log) -> Path:
    """The library for this CPU and this torch, compiled where it is missing.

    Processes that want it at the same time compile it once. It appears under its name when it is
    whole.

    Raises:
        KernelError: no compiler, a compiler that fails (which is then not tried again), a folder
            that cannot be written to.
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
    """How many libraries are kept, for this CPU and torch and for others, and their bytes."""
    sizes = [path.stat().st_size for path in folder().glob("*.so")]
    return len(sizes), sum(sizes)


def clear() -> int:
    """Remove all kernels and what failed attempts left; the bytes that are free now. Runs that have
    loaded them go on."""
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
        made = Path(scratch) / path.name
        includes = [part for include in include_paths() for part in ("-isystem", include)]
        command = [
            compiler,
            *FLAGS,
            *includes,
            str(SOURCE),
            "-o",
            str(made),
            f"-L{libraries}",
            *LIBRARIES,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            failed.write_text(" ".join(command) + "\n" + done.stderr)
            raise KernelError(_TRY_AGAIN.format(failed))
        os.replace(made, path)


def _key() -> str:
    """Changes with the source, how it is compiled, torch, and what the CPU can do."""
    said = (
        SOURCE.read_text(),
        FLAGS,
        torch.__version__,
        sys.byteorder,
        platform.machine(),
        _cpu_features(),
    )
    return "norm-relu-" + hashlib.sha256(repr(said).encode()).hexdigest()[:16]


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
