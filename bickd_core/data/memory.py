"""How much of the available memory a data set's images may take."""

from __future__ import annotations

import os

RESIDENT_SHARE = 0.25
"""Images are loaded into memory if they take at most this share of the available memory. Otherwise
they are read from their file."""
VARIABLE = "BICKD_RESIDENT_MB"


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
