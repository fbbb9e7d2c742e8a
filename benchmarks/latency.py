"""Measure the forward pass of every network of the catalogue on this machine's CPU, and print a
table.

    python benchmarks/latency.py                  one thread, float32, three channels, 100 classes
    python benchmarks/latency.py resnet20 vgg8    only these
    python benchmarks/latency.py --write          also store it, for the networks on Distill

A figure is the lowest of up to three medians of the thread's own CPU time, as many as fit into a
second, because other work on the machine can only make a pass slower. `--write` stores nothing
while other programs are busy.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from torch import nn

from bickd_core.models.catalogue import MODELS, resolve
from bickd_core.models.cost import cpu_latency_ms
from bickd_core.models.factory import create_model
from bickd_core.models.latencies import BATCH, PATH
from bickd_core.training.hardware import cpu_name

SIZES = (8, 28, 32, 64)
CLASSES, CHANNELS = 100, 3
QUIET_LOAD = 0.5
"""Programs at work, on average over the last minute, up to which a table is stored."""


def lowest(model: nn.Module, size: int, batch_size: int, repeats: int) -> float:
    """Milliseconds of one pass, three significant digits."""
    found, start = math.inf, time.thread_time()
    for _ in range(3):
        once = cpu_latency_ms(
            model,
            (CHANNELS, size, size),
            batch_size=batch_size,
            repeats=repeats,
            warmup=1,
            budget_s=0.3,
            clock=time.thread_time,
        )
        found = min(found, once)
        if time.thread_time() - start > 1:
            break
    return float(f"{found:.3g}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", help="all if none is named; the stored others stay")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    if asked.write and load > QUIET_LOAD:
        sys.exit(
            f"the machine is busy (load {load:.1f}), so nothing is stored; wait until it is below"
            f" {QUIET_LOAD:g}."
        )
    names = [resolve(name).name for name in asked.models] or list(MODELS)
    torch.set_num_threads(1)
    table = {
        "cpu": f"{cpu_name()}, 1 thread",
        "date": str(date.today()),
        "torch": torch.__version__,
    }
    print(*table.values(), f"ms for one image / for {BATCH}", sep="; ")
    found = json.loads(PATH.read_text())["milliseconds"] if asked.models else {}
    for name in names:
        model = create_model(name, num_classes=CLASSES, in_channels=CHANNELS)
        found[name] = {
            str(size): [lowest(model, size, 1, 9), lowest(model, size, BATCH, 3)] for size in SIZES
        }
        print(
            f"{name:16}",
            *(f"{size}: {a:g} / {b:g}" for size, (a, b) in found[name].items()),
            flush=True,
        )
    if asked.write:
        lines = [
            f"  {json.dumps(name)}: {json.dumps(found[name])}" for name in MODELS if name in found
        ]
        head = json.dumps(table, indent=1)[:-2]
        PATH.write_text(f'{head},\n "milliseconds": {{\n' + ",\n".join(lines) + "\n }\n}\n")


if __name__ == "__main__":
    main()
