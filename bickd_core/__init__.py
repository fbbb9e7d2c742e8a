"""BicKD Explorer's library. What is named here is free of torch, so that looking costs no torch import."""

from bickd_core.predictions import Aligned, Predictions, PredictionsError, align
from bickd_core.runs import Library, RunError, RunFolder, RunInfo

__all__ = [
    "Aligned",
    "Library",
    "Predictions",
    "PredictionsError",
    "RunError",
    "RunFolder",
    "RunInfo",
    "align",
]
