"""Student and teacher networks. This package's name imports no torch; `factory` and the family modules do."""

from bickd_core.models.catalogue import MODELS, ModelInfo, resolve

__all__ = ["MODELS", "ModelInfo", "resolve"]
