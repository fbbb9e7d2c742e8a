"""The number of processor cores that this process may use."""

from __future__ import annotations

import os

import psutil


def available_cores() -> int:
    """Return the number of physical cores that this process may use."""
    allowed = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))
