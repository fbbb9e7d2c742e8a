"""The process that runs a program, with a memory limit.

`python -m bickd_core.importing.programs.serve FILE KIND THREADS` describes the program's input, and
then answers batches of images. A message is a line of JSON, followed by the bytes of float32 arrays
if the line has "shapes".
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from bickd_core.data.apart import MEMORY_BYTES, limit
from bickd_core.file_sizes import out_of_memory
from bickd_core.importing.programs.program import OUT_OF_MEMORY, Program, ProgramError

MAX_BYTES = 2 * 2**30
TIMES = 6
"""The process may use MEMORY_BYTES plus this multiple of the file's size."""


def send(stream: BinaryIO, message: dict[str, Any], arrays: list[np.ndarray] | None = None) -> None:
    """Write a message and its arrays, converted to float32."""
    shapes = [list(array.shape) for array in arrays or ()]
    stream.write(json.dumps({**message, "shapes": shapes}).encode() + b"\n")
    for array in arrays or ():
        stream.write(np.ascontiguousarray(array, np.float32).tobytes())
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], list[np.ndarray]] | None:
    """Read the next message and its float32 arrays. Returns None if the other side has closed the
    stream."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    message = json.loads(line)
    arrays = []
    for shape in message.pop("shapes"):
        size = 4 * int(np.prod(shape))
        data = stream.read(size)
        if len(data) < size:
            return None
        arrays.append(np.frombuffer(data, np.float32).reshape(shape).copy())
    return message, arrays


def main() -> None:
    file, kind, threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    limit(MEMORY_BYTES + TIMES * file.stat().st_size)
    try:
        program = _open(file, kind, threads)
        send(answers, {"input": vars(program.input)})
        while (request := receive(sys.stdin.buffer)) is not None:
            logits, features = program.run(request[1][0])
            send(answers, {}, [logits] if features is None else [logits, features])
    except ProgramError as error:
        send(answers, {"error": str(error)})
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        send(answers, {"error": OUT_OF_MEMORY})


def _open(file: Path, kind: str, threads: int) -> Program:
    if kind == "onnx":
        from bickd_core.importing.programs.onnx_file import OnnxProgram

        return OnnxProgram(file, threads=threads)
    import torch

    from bickd_core.importing.programs.pt2_file import read_pt2

    torch.set_num_threads(threads)
    return read_pt2(file, max_bytes=MAX_BYTES)


if __name__ == "__main__":
    main()
