"""The memory that all sessions share for the figures of comparisons."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

import psutil
import streamlit as st

from bickd_core.comparing.cache import MemoryCache

T = TypeVar("T")
SHARE = 0.25
"""Share of the machine's memory that cached figures may take."""


def figures_cache(key: Hashable, make: Callable[[], T]) -> T:
    """Return a cached figure, or compute it; see `bickd_core.comparing.cache.cached`."""
    return _memory()(key, make)


@st.cache_resource(show_spinner=False)
def _memory() -> MemoryCache:
    return MemoryCache(int(psutil.virtual_memory().total * SHARE))
