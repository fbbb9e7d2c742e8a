"""Read an untrusted weights file in a separate process.

The process, `python -m bickd_core.importing.inspect_weights FILE`, has limits of memory and time,
and only a few run at once on a machine. Every failure becomes one sentence. Nothing in the file is
run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bickd_core.data.apart import WALL_TIMES, end_time_limit, limit, limit_time
from bickd_core.file_sizes import out_of_memory, size_text, unpacked_bytes, unpacked_limit
from bickd_core.launch.openmp import brief_waits
from bickd_core.launch.slots import wait_for_slot
from bickd_core.places import cache_folder
from bickd_core.safetensors_header import MAX_NAME, MAX_TENSORS, HeaderError, read_header

Shapes = dict[str, tuple[int, ...]]

READERS = 2
"""Number of files that are read at once on a machine."""
WAIT_SECONDS = 120.0
"""How long a file waits for a free reader."""
BASE_SECONDS, BYTES_PER_SECOND = 60, 20 * 2**20
"""Seconds that a reader may compute; they grow with the size of the file."""
START_SECONDS = 300.0
"""How long a reader may take to start on a busy machine."""
BASE_BYTES, TIMES = 512 * 2**20, 4
"""Memory limit of a reader: this many bytes, plus this multiple of the unpacked size of the
file."""
MAX_BYTES = 2 * 2**30
_ROOT = Path(__file__).resolve().parents[2]


class RefusedFile(ValueError):
    """A refused weights file. The message is one sentence for the user."""


@dataclass(frozen=True)
class Taken:
    """The network that was read from a file: its label, and the labels of others that also fit."""

    part: str
    others: tuple[str, ...]


def look_into(path: Path) -> dict[str, Shapes]:
    """Return names and shapes of the tensors in a file, for each table of tensors, the most likely
    first.

    Args:
        path: the file. It is refused if it has more than `MAX_BYTES` or would unpack to more.

    Raises:
        RefusedFile: the file cannot be used.
    """
    answer = _ask(path, {"max_bytes": MAX_BYTES})
    return {
        where: {name: tuple(shape) for name, shape in shapes.items()}
        for where, shapes in answer["tables"]
    }


def take_network(
    path: Path,
    out: Path,
    *,
    expected: Mapping[str, Sequence[int]],
    part: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> Taken:
    """Check the tensors of one network in a file, and write them to the safetensors file `out`.

    Args:
        path: the file.
        expected: names and shapes of the network's tensors. The part of the file that has them is
            used.
        part: the part to use if several fit.
        max_bytes: refuse a file that is larger or would unpack to more.

    Raises:
        RefusedFile: the file cannot be used.
    """
    request = {
        "expected": {name: list(shape) for name, shape in expected.items()},
        "out": str(out.resolve()),
        "part": part,
        "max_bytes": max_bytes,
    }
    answer = _ask(path, request)
    return Taken(answer["part"], tuple(answer["others"]))


def _ask(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Return the process's answer to a request. An error becomes a RefusedFile."""
    limit = BASE_SECONDS + (path.stat().st_size // BYTES_PER_SECOND if path.is_file() else 0)
    longest = WAIT_SECONDS + START_SECONDS + WALL_TIMES * limit
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "bickd_core.importing.inspect_weights",
                str(path.resolve()),
                str(limit),
            ],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=longest,
            cwd=_ROOT,
            env={**os.environ, **brief_waits(), "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise RefusedFile(
            f"{path.name} was not read within {longest:.0f} s; load it again."
        ) from error
    if done.returncode < 0:
        raise RefusedFile(f"{path.name} {_ended_by(-done.returncode, limit)}")
    try:
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError) as error:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RefusedFile(
            f"{path.name} could not be read, because the reading process failed: {last[:200]}."
        ) from error
    if "error" in answer:
        raise RefusedFile(answer["error"])
    return answer


def _ended_by(number: int, limit: int) -> str:
    if number == signal.SIGPROF:
        return (
            f"takes more than {limit} s of computing to read, which is too long for its size: it is"
            " damaged or made to waste time; save it again with torch.save(model.state_dict(),"
            " ...)."
        )
    if number == signal.SIGALRM:
        return (
            f"was not read within {WALL_TIMES * limit} s, but the reader computed for less than"
            f" {limit} s of them, so this machine or its disk is busy; load it again."
        )
    if number == signal.SIGKILL:
        return (
            "could not be read: the system ended the reading process, probably because this machine"
            " ran out of memory; close other programs and load the file again."
        )
    return (
        f"crashed the reading process ({signal.Signals(number).name}): it is damaged or of another"
        " kind, so copy or download it again."
    )


# The process


def main() -> None:
    path, seconds = Path(sys.argv[1]), int(sys.argv[2])
    request = json.load(sys.stdin)
    waits = iter(range(int(WAIT_SECONDS / 0.3)))
    with wait_for_slot(
        cache_folder() / "readers", lambda: next(waits, None) is None, slots=READERS
    ) as held:
        if not held:
            answer: dict[str, Any] = {
                "error": (
                    f"{path.name} was not read, because {READERS} other files were being read for"
                    f" {WAIT_SECONDS:.0f} s; load it again."
                )
            }
        else:
            answer = _answer(path, request, seconds)
            end_time_limit()
    print(json.dumps(answer))


def _answer(path: Path, request: dict[str, Any], seconds: int) -> dict[str, Any]:
    if (
        "out" not in request
        and path.suffix.lower() == ".safetensors"
        and path.is_file()
        and path.stat().st_size
    ):
        limit_memory(path)
        limit_time(seconds)
        try:
            header = read_header(path)
        except HeaderError as error:
            return {"error": str(error)}
        return {"tables": [("", {name: tensor.shape for name, tensor in header.items()})]}
    import torch

    from bickd_core.runs.checkpoints import (
        WeightsError,
        read_network,
        read_tables,
        save_weights,
        too_much,
    )

    torch.set_num_threads(1)
    allowed = limit_memory(path)
    limit_time(seconds)  # not earlier: importing torch takes long on a busy machine
    try:
        if "out" in request:
            state, part, others = read_network(
                path,
                expected=request["expected"],
                part=request["part"],
                max_bytes=request["max_bytes"],
            )
            save_weights(state, request["out"], metadata={})
            return {"part": part[:MAX_NAME], "others": [other[:MAX_NAME] for other in others[:10]]}
        tables = read_tables(path, max_bytes=request["max_bytes"])
    except WeightsError as error:
        return {"error": str(error)}
    except Exception as error:  # what the file made of its reader, which is told in our words
        if out_of_memory(error):
            return {"error": too_much(path, error, f"more than {size_text(allowed)} of memory")}
        if isinstance(error, OSError):
            return {
                "error": (
                    f"{path.name} could not be read or copied ({error.strerror or error}); load it"
                    " again."
                )
            }
        return {
            "error": (
                f"{path.name} was refused, because reading it failed with {type(error).__name__}:"
                " it is damaged or of another kind, so copy or download it again."
            )
        }
    return {"tables": _bounded(tables)}


def _bounded(tables: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, list[int]]]]:
    """Return the shapes of at most MAX_TENSORS tensors, to limit the size of the answer."""
    listed, left = [], MAX_TENSORS
    for where, state in tables.items():
        shapes = {
            name[:MAX_NAME]: list(tensor.shape) for name, tensor in list(state.items())[:left]
        }
        left -= len(shapes)
        if shapes:
            listed.append((where[:MAX_NAME], shapes))
    return listed


def limit_memory(path: Path) -> int:
    """Limit the memory of this process to what a file of this size can need; returns the limit in
    bytes.

    Systems other than Linux ignore the limit. There only the size that the file declares is
    checked.
    """
    size = path.stat().st_size if path.is_file() else 0
    allowed = BASE_BYTES + TIMES * min(
        max(size, unpacked_bytes(path)), unpacked_limit(path, MAX_BYTES) if size else 0
    )
    if sys.platform == "linux":
        limit(allowed)
    return allowed


if __name__ == "__main__":
    main()
