"""What is in a weights file: each tensor's name and shape. `python -m bickd_core.looking FILE` prints them as JSON.

A safetensors file says so in its first bytes; any other kind is read as an import reads it, which loads torch, so that
the app asks a process of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Shapes = dict[str, tuple[int, ...]]
MAX_HEADER = 100 * 2**20


def header_shapes(content: bytes | memoryview) -> Shapes:
    """Names and shapes out of a safetensors file's header, without torch.

    Raises:
        ValueError: it is not one, or its header is cut short.

    >>> header = b'{"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}'
    >>> header_shapes(len(header).to_bytes(8, "little") + header + bytes(24))
    {'w': (2, 3)}
    """
    length = int.from_bytes(bytes(content[:8]), "little")
    if not 2 <= length <= min(MAX_HEADER, len(content) - 8):
        raise ValueError(
            "This is no whole safetensors file; its first eight bytes name a header that is not there."
        )
    try:
        header = json.loads(bytes(content[8 : 8 + length]))
        return {
            str(name): tuple(int(side) for side in about["shape"])
            for name, about in header.items()
            if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("This is no safetensors file; its header does not read as one.") from error


def main() -> None:
    from bickd_core.checkpoints import read_weights
    from bickd_core.training.worker import explain

    path = Path(sys.argv[1])
    try:
        found: dict[str, Any] = {
            "shapes": {name: list(tensor.shape) for name, tensor in read_weights(path).items()}
        }
    except Exception as error:
        found = {"error": explain(error)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
