"""Networks from outside the catalogue: the user's own `MODULE:FUNCTION`, and those of installed
packages.

Building such a network runs code of its module. So a module is imported only if the user allows it:
by `--arch MODULE:FUNCTION` or `--modules MODULE` on the command line, or in the environment
variable BICKD_MODULES. Child processes inherit this. Run folders and uploaded files cannot allow a
module. Installed packages with entry points of the group `bickd.models` are allowed. This module
imports no torch.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from bickd_core.naming import not_known, plain_name

VARIABLE = "BICKD_MODULES"
"""Names of the modules that may be imported, separated by commas."""
GROUP = "bickd.models"
_NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")


def is_own(name: str) -> bool:
    """Return whether a model's name is `MODULE:FUNCTION`.

    >>> is_own("my_module:make_net"), is_own("timm:resnet18"), is_own("resnet8"), is_own("a/b:c")
    (True, False, False, False)
    """
    return bool(_NAME.fullmatch(name)) and not name.startswith(("timm:", "torchvision:"))


def allow(names: Iterable[str]) -> None:
    """Allow these modules (`MODULE` or `MODULE:FUNCTION`) in this process and its children.

    This also adds the current folder to the search path.
    """
    modules = {name.partition(":")[0] for name in names}
    if not modules:
        return
    os.environ[VARIABLE] = ",".join(sorted(allowed() | modules))
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if here not in path:
        os.environ["PYTHONPATH"] = os.pathsep.join([here, *filter(None, path)])


def allowed() -> set[str]:
    """Return the names of the modules that may be imported."""
    return set(filter(None, os.environ.get(VARIABLE, "").split(",")))


def check_allowed(name: str) -> None:
    """Check that the module of `MODULE:FUNCTION` is allowed, without importing it.

    Raises:
        ValueError: it is not; the message has the option that allows it.
    """
    module = name.partition(":")[0]
    if module not in allowed():
        raise ValueError(
            f"the network '{plain_name(name)}' is built by the Python module"
            f" '{plain_name(module)}', whose code would run; if you trust it, allow it with"
            f" --modules {plain_name(module)} on the command line, or start the app with"
            f" {VARIABLE}={plain_name(module)}."
        )


def build_own(name: str, *, num_classes: int, in_channels: int) -> Any:
    """Call the user's function `MODULE:FUNCTION`, and return its network.

    The function is called with `num_classes` and `in_channels`, if it takes them.

    Raises:
        ValueError: the module is not allowed, cannot be imported, or has no such function, or the
            function fails.
    """
    check_allowed(name)
    module_name, _, function_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's module does when it is imported
        raise ValueError(
            f"the module '{module_name}' of '{name}' does not import: {error_text(error)}."
        ) from error
    make = getattr(module, function_name, None)
    if not callable(make):
        known = [
            key
            for key, value in vars(module).items()
            if callable(value) and not key.startswith("_")
        ]
        raise ValueError(f"a function of '{module_name}' {not_known(function_name, known)}")
    return call(make, name, num_classes=num_classes, in_channels=in_channels)


def call(make: Callable[..., Any], name: str, *, num_classes: int, in_channels: int) -> Any:
    """Call a builder with those of the two arguments that it takes.

    Raises:
        ValueError: it fails.
    """
    options = {"num_classes": num_classes, "in_channels": in_channels}
    try:
        parameters = inspect.signature(make).parameters
        if not any(each.kind == inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
            options = {key: value for key, value in options.items() if key in parameters}
        return make(**options)
    except Exception as error:  # of the user's code
        raise ValueError(
            f"the network '{name}' could not be built: {error_text(error)}."
        ) from error


def error_text(error: Exception) -> str:
    """Return an error's type and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.') if lines else 'no reason given'}"


@cache
def offered() -> dict[str, importlib.metadata.EntryPoint]:
    """The networks that installed packages offer, by name; nothing of theirs is imported."""
    return {point.name: point for point in importlib.metadata.entry_points(group=GROUP)}


def package_of(point: importlib.metadata.EntryPoint) -> str:
    """Return the name of the package of an entry point."""
    return point.dist.name if point.dist is not None else point.module
