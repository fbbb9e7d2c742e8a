"""What each objective is made of: its options with ranges and published defaults, without torch."""

from bickd_core.presets.catalogue import (
    PRESETS,
    RATES_TO_CHOOSE,
    SETTINGS,
    VARIANTS,
    ObjectiveOptions,
    Preset,
    Variant,
    methods_text,
    own_rate,
    setting_of,
    title_of,
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
    "RATES_TO_CHOOSE",
    "SETTINGS",
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
    "methods_text",
    "own_rate",
    "setting_of",
    "title_of",
    "variant_of",
]
