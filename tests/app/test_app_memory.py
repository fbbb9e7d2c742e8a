"""One memory for predictions and figures of all sessions, bounded by bytes."""

import re
from pathlib import Path

import numpy as np
import pytest

from app import selection
from app.data import cache
from app.data import comparison as comparisons
from app.state import ViewState
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
    monkeypatch.setattr(cache, "total_memory", lambda: 8_000_000_000)
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


def test_selections_are_in_the_same_memory(memory, monkeypatch):
    root = Path(__file__).resolve().parents[2]
    monkeypatch.setenv("BICKD_SHELF", str(root / "pretrained"))
    view = ViewState(teacher="caltech95/teacher", students=("caltech95/kd-s0",))
    compared = comparisons.comparison(view)
    before, _ = cache.memory_use()
    rule = "class:crab"
    chosen = selection._resolved(compared, rule, 4.0, (), {})
    assert cache.memory_use()[0] >= before + chosen.positions.nbytes
    assert selection._resolved(compared, rule, 4.0, (), {}) is chosen
    other = selection._resolved(compared, rule, 2.0, (), {})
    assert other is not chosen
    assert other.positions.tolist() == chosen.positions.tolist()


def test_caches_of_a_number_of_entries_hold_no_large_arrays():
    """A new one belongs in the shared memory, unless its values are small or lie in files."""
    app = Path(cache.__file__).parents[1]
    text = "".join(file.read_text() for file in sorted(app.rglob("*.py")))
    found = re.findall(r"^@st\.cache_\w+\(.*max_entries.*\)\ndef (\w+)\(", text, re.M)
    assert sorted(found) == [
        "_accuracies",
        "_accuracy",
        "_active_paths",
        "_best_temperature",
        "_figures",
        "_guessed",
        "_hierarchy",
        "_info",
        "_measured",
        "_names",
        "_pictures",
        "_recipe_at",
        "_seed_maps",
        "_used",
    ]
