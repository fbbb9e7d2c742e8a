"""Objectives of installed packages, by entry points of the group `bickd.objectives`.

The entry point's value is a class of options: a subclass of `Options` in a module without torch.
Its default of `kind` is the entry point's name, and its `objective` is the `MODULE:CLASS` of an
`Objective` (see `bickd_core.losses.objective`).
"""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
from functools import cache
from typing import Any

from bickd_core.presets.options import Options

GROUP = "bickd.objectives"
logger = logging.getLogger(__name__)


@cache
def offered_options() -> dict[str, type[Options]]:
    """Return the options classes of installed packages, by kind. Unusable ones are left out with a
    warning."""
    usable: dict[str, type[Options]] = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        try:
            options = point.load()
            problem = _problem(point.name, options)
        except Exception as error:  # whatever the package does when it is imported
            problem = f"{type(error).__name__}: {error}"
        if problem:
            logger.warning(
                "The objective '%s' of an installed package is left out: %s", point.name, problem
            )
        else:
            usable[point.name] = options
    return usable


def _problem(name: str, options: Any) -> str:
    if not (isinstance(options, type) and issubclass(options, Options)):
        return "its entry point must be a subclass of bickd_core.presets.options.Options."
    if options.model_fields["kind"].default != name:
        return f"`kind` of its options must be {name!r} by default."
    if ":" not in getattr(options, "objective", ""):
        return "its options must say where the objective is, as objective = 'MODULE:CLASS'."
    return ""


def objective_class(kind: str) -> Any:
    """Return the `Objective` class of an offered kind. This imports torch."""
    module, _, name = offered_options()[kind].objective.partition(":")  # type: ignore[attr-defined]
    return getattr(importlib.import_module(module), name)
