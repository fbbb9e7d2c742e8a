"""Read torch files that hold more than tensors, without running anything in them.

Trainers also save options, figures and whole networks. torch's restricted unpickler refuses a file
with a class that it does not know. Here every such class becomes an inert placeholder: an object
that stores its state from the file and does nothing. No class or function in the file is imported
or called.
"""

from __future__ import annotations

import _compat_pickle
import contextlib
import pickle
import re
import sys
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

MOST_CLASSES = 200
"""Largest number of unknown classes in a file. An options object of OmegaConf has about 15."""
_HARMLESS = frozenset((
    "argparse", "collections", "copyreg", "dataclasses", "datetime", "decimal", "enum",
    "fractions", "functools",
    "logging", "pathlib", "random", "types", "typing", "uuid",
))  # fmt: skip
"""Modules of the standard library with objects that trainers save. All others are refused, because
their objects could open files or start programs."""
_BUILTINS = frozenset((
    "bool", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range",
    "set", "slice", "str", "tuple",
    "type",
))  # fmt: skip
_UNKNOWN = re.compile(r"GLOBAL (\S+) was not an allowed global")
_NOT_A_TABLE = re.compile(r"Can only SETITEMS? for dict.*Inert_(\d+)'>", re.DOTALL)
_NOT_A_LIST = re.compile(r"Can only (?:append|extend).*Inert_(\d+)'>", re.DOTALL)
_DEEPEST = 60
"""Largest nesting of modules in a network that was saved whole."""


class Inert:
    """A placeholder for an object of an unknown class.

    Attributes:
        state: the object's attributes in the file, or None.
    """

    state: Any = None

    def __new__(cls, *args: Any, **options: Any) -> Any:
        return object.__new__(cls)

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


def load_inert(path: Path) -> Any:
    """Load a torch file, with a placeholder for every object of an unknown class.

    Raises:
        pickle.UnpicklingError: the file names a function that could do harm, or has an unknown
            instruction.
        Exception: another error of torch for a damaged file.
    """
    names: list[str] = []
    filled_as: dict[str, str] = {}
    for _ in range(MOST_CLASSES):
        classes: list[Any] = [
            (_placeholder(index, filled_as.get(name, "")), name) for index, name in enumerate(names)
        ]
        try:
            with torch.serialization.safe_globals(classes):
                return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            message = str(error)
            if unknown := _UNKNOWN.search(message):
                names += _new_names(path, unknown[1], names)
            elif table := _NOT_A_TABLE.search(message):
                filled_as[names[int(table[1])]] = "table"
            elif filled := _NOT_A_LIST.search(message):
                filled_as[names[int(filled[1])]] = "list"
            else:
                raise
    raise pickle.UnpicklingError(f"GLOBAL {names[-1]}: more than {MOST_CLASSES} classes are named")


def _placeholder(index: int, filled_as: str) -> type:
    """Return a placeholder class.

    Args:
        index: its number, which the unpickler's error message contains.
        filled_as: "table" or "list" if the unpickler fills its objects like a dict or a list; else
            "".
    """
    makers = {"table": OrderedDict, "list": list}
    members = {}
    if filled_as:
        maker = makers[filled_as]
        members["__new__"] = lambda cls, *args, **options: maker()
    return type(f"Inert_{index}", (Inert,), members)


def _new_names(path: Path, name: str, known: list[str]) -> list[str]:
    """Return the names of all unknown classes in the file, of which `name` is the first.

    Raises:
        pickle.UnpicklingError: one of them could do harm, or there are too many.
    """
    names = {name if "." in name else f"builtins.{name}"}
    with contextlib.suppress(ValueError, EOFError, pickle.UnpicklingError, RuntimeError):
        # An older format raises: its classes are met one by one.
        names |= set(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    new = sorted(names - set(known))
    for each in new:
        _check_harmless(each)
    if not new or len(known) + len(new) > MOST_CLASSES:
        raise pickle.UnpicklingError(f"GLOBAL {name}: it cannot be read")
    return new


def _check_harmless(name: str) -> None:
    """Check that a class is not from a module of the standard library that could do harm.

    Raises:
        pickle.UnpicklingError: it is.
    """
    module, _, rest = name.rpartition(".")
    # old files have Python 2's names
    name = f"{_compat_pickle.IMPORT_MAPPING.get(module, module)}.{rest}"
    top, _, rest = name.partition(".")
    standard = top in sys.stdlib_module_names or top in ("nt", "posix")
    if standard and top not in _HARMLESS and not (top == "builtins" and rest in _BUILTINS):
        raise pickle.UnpicklingError(f"GLOBAL {name} could do harm")


def module_tensors(content: Any) -> dict[str, Tensor] | None:
    """Return the state dict of a network that was saved whole (`torch.save(model, ...)`); None for
    anything else.

    Non-persistent buffers are not part of it.
    """
    tensors: dict[str, Tensor] = {}
    waiting: list[tuple[str, int, Any]] = [("", 0, content)]
    while waiting:
        prefix, depth, module = waiting.pop()
        state = module.state if isinstance(module, Inert) else None
        if not isinstance(state, Mapping) or not isinstance(state.get("_parameters"), Mapping):
            continue
        left_out = state.get("_non_persistent_buffers_set")
        left_out = left_out if isinstance(left_out, set) else set()
        for table in (state["_parameters"], state.get("_buffers")):
            if isinstance(table, Mapping):
                tensors |= {
                    f"{prefix}{name}": value
                    for name, value in table.items()
                    if isinstance(name, str) and isinstance(value, Tensor) and name not in left_out
                }
        modules = state.get("_modules")
        if isinstance(modules, Mapping) and depth < _DEEPEST and len(tensors) <= 10_000:
            waiting += [(f"{prefix}{name}.", depth + 1, value) for name, value in modules.items()][
                :1000
            ]
    return tensors or None
