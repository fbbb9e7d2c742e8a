"""Student and teacher networks. This package's name imports no torch; `factory` and the family
modules do."""

from bickd_core.models.catalogue import MODELS, ModelInfo, offered_models, register_model, resolve
from bickd_core.models.recognise import (
    Near,
    Part,
    Reading,
    Recognised,
    nearest_networks,
    networks_in,
    parts_of,
    recognise,
)

__all__ = [
    "MODELS",
    "ModelInfo",
    "Near",
    "Part",
    "Reading",
    "Recognised",
    "nearest_networks",
    "networks_in",
    "offered_models",
    "parts_of",
    "recognise",
    "register_model",
    "resolve",
]
