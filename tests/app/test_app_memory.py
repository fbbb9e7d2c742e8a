"""One memory for predictions and figures of all sessions, bounded by bytes."""

import numpy as np
import pytest

from app.data import cache
from bickd_core.comparing.cache import MemoryCache, n_bytes


@pytest.fixture
def memory(monkeypatch):
    """A new memory, made from the environment."""
    made = []

    def one() -> MemoryCache:
        if not made:
            made.append(MemoryCache(cache.memory_budget()))
        return made[0]

    monkeypatch.setattr(cache, "_memory", one)
    return one


def test_the_budget_is_what_the_environment_says(memory, monkeypatch):
    monkeypatch.setenv("BICKD_MEMORY_GB", "0.5")
    assert cache.memory_use() == (0, 500_000_000)


def test_the_default_is_a_quarter_of_the_machine(memory, monkeypatch):
    monkeypatch.delenv("BICKD_MEMORY_GB", raising=False)
    monkeypatch.setattr(cache.psutil, "virtual_memory", lambda: type("M", (), {"total": 8e9}))
    assert cache.memory_use() == (0, 2_000_000_000)


@pytest.mark.parametrize("text", ["much", "-1", "nan", "inf"])
def test_a_budget_that_is_no_size_is_refused(text, monkeypatch):
    monkeypatch.setenv("BICKD_MEMORY_GB", text)
    with pytest.raises(ValueError, match=f"BICKD_MEMORY_GB must be a number .* got '{text}'"):
        cache.memory_budget()


def test_what_is_stored_counts_and_stays_below_the_budget(memory, monkeypatch):
    monkeypatch.setenv("BICKD_MEMORY_GB", "0.001")
    for number in range(20):
        cache.figures_cache(number, lambda: np.zeros(25_000))
    used, budget = cache.memory_use()
    assert 200_000 <= used <= budget == 1_000_000


def test_arrays_mapped_from_a_file_do_not_count(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((1000, 1000)))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert n_bytes(mapped) == n_bytes(mapped[10:].view(np.ndarray)) == 0
    assert n_bytes(np.array(mapped)) == 8_000_000
