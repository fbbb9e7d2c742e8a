"""Cache the figures of a comparison, so that each is computed once."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import wraps
from inspect import signature
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np

from bickd_core.npz import mapping_of

P = ParamSpec("P")
T = TypeVar("T")


class Cache(Protocol):
    """Return the value stored under a key, or compute and store it."""

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T: ...


class HasCache(Protocol):
    """The first argument of a `cached` function: a comparison."""

    @property
    def key(self) -> str: ...

    @property
    def large(self) -> bool: ...

    @property
    def cache(self) -> Cache: ...

    def release(self) -> None: ...


C = TypeVar("C", bound=HasCache)


class MemoryCache:
    """A least-recently-used cache in memory.

    Threads may share it. If several threads need the same value at the same time, it is computed
    once. Errors are not stored.

    Args:
        budget: the maximum of bytes of arrays; None for no limit. The newest value is always
            stored.
    """

    def __init__(self, budget: int | None = None) -> None:
        self.budget = budget
        self.used = 0
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._making: dict[Hashable, threading.RLock] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._values

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        while True:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    return self._values[key][0]
                turn = self._making.setdefault(key, threading.RLock())
            with turn:
                with self._lock:
                    if self._making.get(key) is not turn:
                        continue  # another thread has finished in the meantime
                try:
                    value = make()
                    self._store(key, value)
                finally:
                    with self._lock:
                        self._making.pop(key, None)
                return value

    def _store(self, key: Hashable, value: Any) -> None:
        size = n_bytes(value)
        with self._lock:
            if key in self._values:
                self.used -= self._values.pop(key)[1]
            self._values[key] = value, size
            self.used += size
            while self.budget is not None and self.used > self.budget and len(self._values) > 1:
                self.used -= self._values.popitem(last=False)[1][1]


def n_bytes(value: Any) -> int:
    """Estimate the memory that a value takes, with its arrays."""
    return _n_bytes(value, set())


def _n_bytes(value: Any, seen: set[int]) -> int:
    if id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return 0 if mapping_of(value) is not None else value.nbytes
    size = sys.getsizeof(value)
    if is_dataclass(value) and not isinstance(value, type):
        return size + sum(_n_bytes(getattr(value, field.name), seen) for field in fields(value))
    if isinstance(value, Mapping):
        return size + sum(_n_bytes(part, seen) for part in value.values())
    if isinstance(value, (tuple, list)):
        return size + sum(_n_bytes(part, seen) for part in value)
    return size


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure of a comparison that may be stored: a `cached` function with its arguments.

    Call it to compute the figure.

    Attributes:
        function: the function without its cache.
        name: "module:qualified name" of the `cached` function.
        arguments: name and value of every other argument.
        stored: whether it may be written to disk.
        quick: whether it takes less than half a second at 50,000 x 1,000, apart from the figures
            that it is made of. The process that needs it computes it.
    """

    function: Callable[..., Any]
    name: str
    comparison: HasCache
    arguments: tuple[tuple[str, Any], ...]
    stored: bool = True
    quick: bool = False

    def __call__(self) -> Any:
        return self.function(self.comparison, **dict(self.arguments))

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Identifies the content of the models, the function and its arguments."""
        return (
            self.name,
            self.comparison.key,
            *(getattr(value, "key", value) for _, value in self.arguments),
        )

    def of(self, model: Any) -> Figure | None:
        """The same figure of another model; None unless exactly one argument is a model."""
        models = [name for name, value in self.arguments if hasattr(value, "key")]
        if len(models) != 1:
            return None
        return replace(
            self,
            arguments=tuple(
                (name, model if name == models[0] else value) for name, value in self.arguments
            ),
        )


def cached(function: Callable[Concatenate[C, P], T]) -> Callable[Concatenate[C, P], T]:
    """Compute a figure of a comparison once for each content and each set of arguments.

    The first argument is the comparison, whose `cache` stores the value under the key of the
    `Figure`. The others are hashable, or models, which count by their key. What is returned is
    shared: do not change it.
    """
    return _cached(function, stored=True, quick=False)


def cached_quick(function: Callable[Concatenate[C, P], T]) -> Callable[Concatenate[C, P], T]:
    """Like `cached`, for a quick `Figure`."""
    return _cached(function, stored=True, quick=True)


def cached_in_memory(function: Callable[Concatenate[C, P], T]) -> Callable[Concatenate[C, P], T]:
    """Like `cached`, but never written to disk: for what only other figures use, and for what is
    read from other files."""
    return _cached(function, stored=False, quick=True)


def _cached(
    function: Callable[Concatenate[C, P], T], *, stored: bool, quick: bool
) -> Callable[Concatenate[C, P], T]:
    parameters = signature(function)
    name = f"{function.__module__}:{function.__qualname__}"

    @wraps(function)
    def once(comparison: C, *args: P.args, **kwargs: P.kwargs) -> T:
        bound = parameters.bind(comparison, *args, **kwargs)
        bound.apply_defaults()
        _, *others = bound.arguments.items()
        figure = Figure(function, name, comparison, tuple(others), stored, quick)
        return comparison.cache(figure.key, figure)

    return once
