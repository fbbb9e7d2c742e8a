"""What each objective is made of: its options with ranges and published defaults, without torch."""

from bickd_core.presets.catalogue import (
    PRESETS,
    VARIANTS,
    ObjectiveOptions,
    Preset,
    Variant,
    own_rate,
    variant_of,
)
from bickd_core.presets.features import CRDOptions, PKTOptions, RKDOptions, SPOptions
from bickd_core.presets.logits import (
    BicKDOptions,
    CEOptions,
    DISTOptions,
    DKDOptions,
    KDOptions,
    MLKDOptions,
    NKDOptions,
)
from bickd_core.presets.options import Options

__all__ = [
    "PRESETS",
    "VARIANTS",
    "BicKDOptions",
    "CEOptions",
    "CRDOptions",
    "DISTOptions",
    "DKDOptions",
    "KDOptions",
    "MLKDOptions",
    "NKDOptions",
    "ObjectiveOptions",
    "Options",
    "PKTOptions",
    "Preset",
    "RKDOptions",
    "SPOptions",
    "Variant",
    "own_rate",
    "variant_of",
]
