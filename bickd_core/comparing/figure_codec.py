"""Write figures as JSON and arrays, and read them back. Nothing that is read can run code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from typing import Any

import numpy as np

_PACKAGE = "bickd_core."


def encode(value: Any) -> tuple[Any, list[np.ndarray]]:
    """Return a figure as JSON, and the arrays that it refers to by number.

    Args:
        value: None, numbers, text, NumPy arrays of numbers or text, tuples, lists, dictionaries,
            and dataclasses of this package that hold these.

    Raises:
        TypeError: a part has another type.
    """
    arrays: list[np.ndarray] = []

    def part(value: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
            arrays.append(value)
            return {"array": len(arrays) - 1}
        if isinstance(value, tuple):
            return {"tuple": [part(each) for each in value]}
        if isinstance(value, list):
            return {"list": [part(each) for each in value]}
        if isinstance(value, dict):
            return {"dict": [[part(key), part(each)] for key, each in value.items()]}
        kind = type(value)
        if is_dataclass(value) and kind.__module__.startswith(_PACKAGE):
            content = {field.name: part(getattr(value, field.name)) for field in fields(value)}
            return {"class": f"{kind.__module__}:{kind.__qualname__}", "fields": content}
        raise TypeError(f"a stored figure cannot hold {kind.__module__}.{kind.__qualname__}.")

    return part(value), arrays


def decode(tree: Any, arrays: Sequence[np.ndarray]) -> Any:
    """Return the figure that `encode` wrote.

    Raises:
        ValueError: the tree has another form, or names a class that is no dataclass of this
            package.
    """

    def part(tree: Any) -> Any:
        match tree:
            case None | bool() | int() | float() | str():
                return tree
            case {"array": int(number)} if 0 <= number < len(arrays):
                return arrays[number]
            case {"tuple": list(parts)}:
                return tuple(part(each) for each in parts)
            case {"list": list(parts)}:
                return [part(each) for each in parts]
            case {"dict": list(pairs)}:
                return {part(key): part(each) for key, each in pairs}
            case {"class": str(name), "fields": dict(content)}:
                return _dataclass(name)(**{key: part(each) for key, each in content.items()})
        raise ValueError(f"expected a stored figure, got {tree!r:.80}.")

    return part(tree)


def _dataclass(name: str) -> Any:
    module, _, qualified = name.partition(":")
    found = None
    if module.startswith(_PACKAGE) and qualified.isidentifier():
        found = getattr(import_module(module), qualified, None)
    if not (isinstance(found, type) and is_dataclass(found) and found.__module__ == module):
        raise ValueError(f"expected a dataclass of {_PACKAGE}*, got {name:.80}.")
    return found
