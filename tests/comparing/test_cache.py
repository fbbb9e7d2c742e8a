import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from bickd_core.comparing.cache import MemoryCache, cached, n_bytes


@dataclass
class Comparison:
    key: str
    cache: MemoryCache = field(default_factory=MemoryCache)


@dataclass(frozen=True)
class Model:
    key: str
    logits: list  # not hashable, as the real one


def counted(calls):
    @cached
    def figure(comparison, model, temperature, *, centred=False):
        calls.append((comparison.key, model.key, temperature, centred))
        return len(calls)

    return figure


def test_a_figure_is_computed_once_for_each_content_and_arguments():
    calls = []
    figure, cache = counted(calls), MemoryCache()
    one, other, model = Comparison("a", cache), Comparison("b", cache), Model("kd", [1])
    assert (
        figure(one, model, 4.0)
        == figure(one, Model("kd", [2]), temperature=4.0, centred=False)
        == 1
    )
    assert figure(one, model, 4.0, centred=True) == 2
    assert figure(one, model, 1.0) == 3
    assert figure(one, Model("ce", []), 4.0) == 4
    assert figure(other, model, 4.0) == 5
    assert figure(Comparison("a"), model, 4.0) == 6


def test_functions_of_the_same_arguments_do_not_share_a_value():
    @cached
    def first(comparison):
        return "first"

    @cached
    def second(comparison):
        return "second"

    comparison = Comparison("a")
    assert (first(comparison), second(comparison)) == ("first", "second")


def test_none_is_a_value_and_an_error_is_not():
    calls = []

    @cached
    def figure(comparison, fails):
        calls.append(fails)
        if fails:
            raise ValueError("no")

    comparison = Comparison("a")
    assert figure(comparison, False) is figure(comparison, False) is None
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            figure(comparison, True)
    assert calls == [False, True, True]


def test_values_used_longest_ago_are_dropped_when_the_cache_is_full():
    cache = MemoryCache(budget=3 * 8_500)
    for name in "abc":
        cache(name, lambda: np.zeros(1000))
    cache("a", lambda: pytest.fail("a is there"))
    cache("d", lambda: np.zeros(1000))
    made = []
    for name in "acd":
        cache(name, lambda: made.append("x"))
    assert not made
    assert cache.used == 3 * 8_000
    cache("b", lambda: made.append("b"))
    assert made == ["b"]


def test_a_value_larger_than_the_budget_is_kept_until_the_next():
    cache = MemoryCache(budget=100)
    big = cache("big", lambda: np.zeros(1000))
    assert cache("big", lambda: None) is big
    assert len(cache) == 1
    cache("small", lambda: 1)
    assert len(cache) == 1
    assert cache.used < 100


def test_threads_that_ask_at_the_same_time_wait_for_one_value():
    cache, made = MemoryCache(), []

    def make():
        time.sleep(0.05)
        made.append(1)
        return object()

    results = []
    threads = [threading.Thread(target=lambda: results.append(cache("k", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(set(map(id, results))) == 1


def test_a_waiting_thread_tries_again_after_an_error():
    cache, tries = MemoryCache(), []

    def make():
        tries.append(1)
        time.sleep(0.05)
        if len(tries) == 1:
            raise ValueError
        return "value"

    def ask():
        try:
            results.append(cache("k", make))
        except ValueError:
            results.append("error")

    results = []
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["error", "value", "value", "value"]
    assert len(tries) == 2


def test_one_figure_may_use_another_of_the_same_comparison():
    @cached
    def inner(comparison):
        return 2

    @cached
    def outer(comparison):
        return inner(comparison) + 1

    assert outer(Comparison("a")) == 3


def test_arrays_count_by_their_size_and_once_if_they_are_shared():
    array = np.zeros(1000)

    @dataclass
    class Holder:
        first: np.ndarray
        second: tuple

    size = n_bytes(Holder(array, (array, {"x": np.zeros(500)})))
    assert 12_000 <= size < 13_000
