"""What a forward pass takes, as measured on one named CPU and stored; without torch.

A run's card has the latency on the machine that trained it. This table is for choosing before
anything is
trained: `python benchmarks/latency.py --write` measures it anew.
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
    """Milliseconds of a forward pass in float32 for one image and for a batch of 64, on `cpu`, as
    of `date`."""

    one_ms: float
    batch_ms: float
    cpu: str
    date: str


def latency(name: str, image_size: int) -> Latency | None:
    """The stored latency of a network of the catalogue at this side length; None where it was not
    measured."""
    table = _table()
    found = table["milliseconds"].get(name, {}).get(str(image_size))
    if found is None:
        return None
    one_ms, batch_ms = found
    return Latency(one_ms, batch_ms, table["cpu"], table["date"])


@cache
def _table() -> dict[str, Any]:
    return json.loads(PATH.read_text())
