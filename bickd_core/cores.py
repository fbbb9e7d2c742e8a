"""The processor cores that this process may use."""

from __future__ import annotations

import os

import psutil


def allowed_cores() -> list[int]:
    """Return the numbers of the logical cores that this process may use, in order."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def available_cores() -> int:
    """Return the number of physical cores that this process may use."""
    allowed = len(allowed_cores())
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))
