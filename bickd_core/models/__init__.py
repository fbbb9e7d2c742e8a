"""Student and teacher networks. This package's name imports no torch; `factory` and the family modules do."""

from bickd_core.models.catalogue import MODELS, ModelInfo, register_model, resolve
from bickd_core.models.recognise import Recognised, nearest_networks, recognise

__all__ = [
    "MODELS",
    "ModelInfo",
    "Recognised",
    "nearest_networks",
    "recognise",
    "register_model",
    "resolve",
]
