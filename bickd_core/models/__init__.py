"""Student and teacher networks. This package's name imports no torch; `factory` and the family modules do."""

from bickd_core.models.catalogue import MODELS, ModelInfo, resolve
from bickd_core.models.recognise import Recognised, recognise

__all__ = ["MODELS", "ModelInfo", "Recognised", "recognise", "resolve"]
