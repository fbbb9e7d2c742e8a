"""BicKD Explorer's library. Each name is imported when it is first used, so that importing the
package is quick and loads no torch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bickd_core.importing.torch_loop import log_predictions
    from bickd_core.runs.library import Library, RunError, RunFolder, RunInfo
    from bickd_core.runs.predictions import Aligned, Predictions, PredictionsError, align

__all__ = [
    "Aligned",
    "Library",
    "Predictions",
    "PredictionsError",
    "RunError",
    "RunFolder",
    "RunInfo",
    "align",
    "log_predictions",
]
_PLACES = {
    "bickd_core.importing.torch_loop": ("log_predictions",),
    "bickd_core.runs.library": ("Library", "RunError", "RunFolder", "RunInfo"),
    "bickd_core.runs.predictions": ("Aligned", "Predictions", "PredictionsError", "align"),
}
"""Modules, and the names that come from them."""
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a class or function when it is first used."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)
