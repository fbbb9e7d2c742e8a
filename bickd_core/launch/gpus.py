"""Spread workers over the GPUs of this machine, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

VARIABLE = "CUDA_VISIBLE_DEVICES"
DEVICES = Path("/dev")


def gpu_of_slot(slot: int, environment: Mapping[str, str]) -> str | None:
    """Return the value of CUDA_VISIBLE_DEVICES that gives a worker one of several GPUs, in turn.

    Args:
        slot: the number of its slot, from 1.
        environment: of the process. CUDA_VISIBLE_DEVICES there names the GPUs to choose from; else
            all of this machine's are meant.

    Returns:
        None to change nothing: there are fewer than two GPUs, or torchrun gives each process its
        own.

    >>> [gpu_of_slot(slot, {"CUDA_VISIBLE_DEVICES": "0,2"}) for slot in (1, 2, 3)]
    ['0', '2', '0']
    """
    if "LOCAL_RANK" in environment:
        return None
    named = environment.get(VARIABLE)
    if named is None:
        gpus = [str(number) for number in range(len(list(DEVICES.glob("nvidia[0-9]*"))))]
    else:
        gpus = [gpu.strip() for gpu in named.split(",") if gpu.strip()]
    return gpus[(slot - 1) % len(gpus)] if len(gpus) > 1 else None
