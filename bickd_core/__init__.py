"""BicKD Explorer's library. Importing it loads no torch; `log_predictions` loads what it needs."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bickd_core.runs.library import Library, RunError, RunFolder, RunInfo
from bickd_core.runs.predictions import Aligned, Predictions, PredictionsError, align

if TYPE_CHECKING:
    from bickd_core.importing.torch_loop import log_predictions

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
_LAZY = {
    "log_predictions": "bickd_core.importing.torch_loop",
}


def __getattr__(name: str) -> Any:
    """Import a function when it is first used."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
