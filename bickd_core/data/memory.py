"""How much memory is to be had, and which share of it a data set's images may take."""

from __future__ import annotations

import os
from pathlib import Path

RESIDENT_SHARE = 0.25
"""Images are held in memory when they take at most this share of what is available; else they are
streamed."""
VARIABLE = "BICKD_RESIDENT_MB"


def available_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process may still take: the machine's, or its container's where that has
    less."""
    import psutil

    available = int(psutil.virtual_memory().available)
    names = (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    )
    for limit, used, idle in names:
        try:
            most, taken = int((cgroup / limit).read_text()), int((cgroup / used).read_text())
            lines = ((cgroup / limit).parent / "memory.stat").read_text().splitlines()
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
        cached = next((int(line.split()[1]) for line in lines if line.split()[0] == idle), 0)
        available = min(available, max(0, most - taken + cached))
    return available


def resident_bytes(available: int) -> int:
    """The most bytes of images to hold, out of `available` ones: a share, or `BICKD_RESIDENT_MB`
    where that is set.

    Raises:
        ValueError: the variable is set and not a number of megabytes.
    """
    asked = os.environ.get(VARIABLE, "").strip()
    if not asked:
        return int(RESIDENT_SHARE * available)
    if not asked.isdecimal():
        raise ValueError(
            f"{VARIABLE} must be a whole number of megabytes, got {asked!r}; correct or unset it."
        )
    return int(asked) * 1_000_000
