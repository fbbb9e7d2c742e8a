"""Student and teacher networks. Importing this package loads no torch; `factory` and the modules
of the networks do."""

from bickd_core.models.catalogue import register_model
from bickd_core.models.recognise import recognise

__all__ = ["recognise", "register_model"]
