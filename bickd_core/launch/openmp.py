"""How long OpenMP threads spin before they release the core. Without torch."""

from __future__ import annotations

import os

SPINS = 20_000
"""A fraction of a millisecond. GNU's default of some milliseconds costs a run with two threads more
than half of its speed if other processes need the same cores, and gains nothing otherwise
(docs/performance.md)."""
WAIT_VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def brief_waits() -> dict[str, str]:
    """Return environment variables for a process that imports torch; empty if the user has set
    them.

    GNU's OpenMP, which torch uses on Linux, reads them when it is loaded. Others ignore them.
    """
    if any(name in os.environ for name in WAIT_VARIABLES):
        return {}
    return {"GOMP_SPINCOUNT": str(SPINS)}
