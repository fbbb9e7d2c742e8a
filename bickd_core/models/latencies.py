"""The stored latencies of all networks on one CPU, without torch.

They help to choose a network before training. (A run's card has the latency on the machine that
trained it.) `python benchmarks/latency.py --write` measures them again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("latencies.json")
BATCH = 64


@dataclass(frozen=True)
class Latency:
    """Milliseconds of a forward pass in float32, for one image and for a batch of 64."""

    one_ms: float
    batch_ms: float
    cpu: str
    date: str


def latency(name: str, image_size: int) -> Latency | None:
    """Return the stored latency of a network at this side length; None if it was not measured."""
    table = _table()
    entry = table["milliseconds"].get(name, {}).get(str(image_size))
    if entry is None:
        return None
    one_ms, batch_ms = entry
    return Latency(one_ms, batch_ms, table["cpu"], table["date"])


@cache
def _table() -> dict[str, Any]:
    return json.loads(PATH.read_text())
