"""The app's matrix products take one thread, unless the environment says another number."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from app import threads


def blas_threads() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_one_thread_where_nothing_was_said(monkeypatch):
    for name in threads.CHOSEN:
        monkeypatch.delenv(name, raising=False)
    threads.settle.clear()
    with threadpool_limits(2, user_api="blas"):
        assert "1 BLAS thread" in threads.settle()
        assert blas_threads() == {1}
    threads.settle.clear()


@pytest.mark.parametrize("name", threads.CHOSEN)
def test_what_the_environment_says_is_left(monkeypatch, name):
    for other in threads.CHOSEN:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "3")
    threads.settle.clear()
    before = blas_threads()
    assert threads.settle() == f"3 BLAS thread(s), as {name} says"
    assert blas_threads() == before
    threads.settle.clear()
