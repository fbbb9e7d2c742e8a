"""The available memory, and how much of it a data set's images may take."""

from __future__ import annotations

import os
from pathlib import Path

RESIDENT_SHARE = 0.25
"""Images are loaded into memory if they take at most this share of the available memory. Otherwise
they are read from their file."""
VARIABLE = "BICKD_RESIDENT_MB"


def available_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the bytes that are available to this process, on the machine or in its container."""
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
    """Return how many of the available bytes images may take: a share, or `BICKD_RESIDENT_MB`.

    Raises:
        ValueError: the variable is not a whole number of megabytes.
    """
    setting = os.environ.get(VARIABLE, "").strip()
    if not setting:
        return int(RESIDENT_SHARE * available)
    if not setting.isdecimal():
        raise ValueError(
            f"{VARIABLE} must be a whole number of megabytes, got {setting!r}; correct or unset it."
        )
    return int(setting) * 1_000_000
