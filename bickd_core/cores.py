"""The processor cores that this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
"""The control group of this process's container."""


def allowed_cores() -> list[int]:
    """Return the numbers of the logical cores that this process may use, in order."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def available_cores(cgroup: Path = CGROUP) -> int:
    """Return the number of physical cores that this process may use, on the machine or in its
    container."""
    allowed = len(allowed_cores())
    cores = min(allowed, psutil.cpu_count(logical=False) or allowed)
    return max(1, min(cores, _core_limit(cgroup) or cores))


def _core_limit(cgroup: Path) -> int | None:
    """Return how many cores the container's share of processor time is, rounded up; None without a
    limit."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            text = " ".join((cgroup / name).read_text() for name in names)
            quota, period = (int(part) for part in text.split())
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
        if quota > 0 and period > 0:
            return math.ceil(quota / period)
    return None
