"""How many processor cores this process may use."""

from __future__ import annotations

import os

import psutil


def available_cores() -> int:
    """Physical cores this process may use."""
    allowed = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))
