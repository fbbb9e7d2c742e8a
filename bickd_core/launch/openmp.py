"""How long OpenMP's threads wait for each other before they let others have the core; free of torch."""

from __future__ import annotations

import os

SPINS = 20_000
"""A fraction of a millisecond. GNU's default, some milliseconds, costs a run of two threads more than half of its
speed where other processes want the same cores, and gains nothing where none do (docs/performance.md)."""
OWN_CHOICE = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def brief_waits() -> dict[str, str]:
    """For the environment of a process that is to import torch; empty where the person has chosen already.

    GNU's OpenMP, which torch brings on Linux, reads it when it is loaded; others do not know it.
    """
    if any(name in os.environ for name in OWN_CHOICE):
        return {}
    return {"GOMP_SPINCOUNT": str(SPINS)}
