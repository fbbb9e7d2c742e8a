"""The memory of this machine, or of the container that this process runs in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil

from bickd_core.cores import CGROUP

_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)
"""The limit, the use, and the name of the cached part in memory.stat, in both versions of control
groups."""


def total_memory(cgroup: Path = CGROUP) -> int:
    """Return the bytes that this machine has, or that its container may use."""
    return min([int(psutil.virtual_memory().total), *(limit for limit, _ in _limits(cgroup))])


def available_memory(cgroup: Path = CGROUP) -> int:
    """Return the bytes that are available to this process, on the machine or in its container."""
    left = (limit - used for limit, used in _limits(cgroup))
    return max(0, min([int(psutil.virtual_memory().available), *left]))


def _limits(cgroup: Path) -> Iterator[tuple[int, int]]:
    """Yield the limit of each control group and how much of it is used, without cached files."""
    for limit, used, idle in _FILES:
        try:
            most, taken = int((cgroup / limit).read_text()), int((cgroup / used).read_text())
            lines = ((cgroup / limit).parent / "memory.stat").read_text().splitlines()
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
        cached = next((int(line.split()[1]) for line in lines if line.split()[0] == idle), 0)
        yield most, taken - cached
