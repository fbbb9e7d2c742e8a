"""Functions of SciPy that are imported when they are first called.

Importing SciPy takes a third of a second, which a page need not wait for if its figures are stored.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def _late(module: str, name: str) -> Callable[..., Any]:
    def function(*arguments: Any, **options: Any) -> Any:
        return getattr(import_module(f"scipy.{module}"), name)(*arguments, **options)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Call `scipy.{module}.{name}`."
    return function


bdtr = _late("special", "bdtr")
betaincinv = _late("special", "betaincinv")
brentq = _late("optimize", "brentq")
entr = _late("special", "entr")
ndtr = _late("special", "ndtr")
ndtri = _late("special", "ndtri")
stdtr = _late("special", "stdtr")
stdtrit = _late("special", "stdtrit")
