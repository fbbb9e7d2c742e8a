"""The memory that all sessions share for predictions and for the figures of comparisons."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

import psutil
import streamlit as st

from bickd_core.comparing.cache import MemoryCache
from bickd_core.places import bytes_from_environment

T = TypeVar("T")
SHARE = 0.25
"""Share of the machine's memory that they may take if BICKD_MEMORY_GB is not set."""


def figures_cache(key: Hashable, make: Callable[[], T]) -> T:
    """Return a cached figure, or compute it; see `bickd_core.comparing.cache.cached`."""
    return _memory()(key, make)


def memory_use() -> tuple[int, int]:
    """Return the bytes that are stored, and how many may be."""
    memory = _memory()
    assert memory.budget is not None, "the app's memory has a budget"
    return memory.used, memory.budget


def memory_budget() -> int:
    """Return how many bytes may be stored: BICKD_MEMORY_GB, else a quarter of the machine's memory.

    Raises:
        ValueError: BICKD_MEMORY_GB is not a number of at least 0.
    """
    wanted = bytes_from_environment("BICKD_MEMORY_GB")
    return int(psutil.virtual_memory().total * SHARE) if wanted is None else wanted


@st.cache_resource(show_spinner=False)
def _memory() -> MemoryCache:
    return MemoryCache(memory_budget())
