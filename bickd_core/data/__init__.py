"""Data sets as arrays. Torch is needed by `bickd_core.data.augment` and `bickd_core.data.device`
alone."""

from bickd_core.data import registry
from bickd_core.data.base import Augmentation, Dataset, Split, carve_validation, content_hash
from bickd_core.data.errors import DataError, DataUnavailableError
from bickd_core.data.external import named
from bickd_core.data.registry import (
    DATASETS,
    DatasetInfo,
    called,
    dataset_info,
    dataset_title,
    held_out,
    held_out_table,
    image_credit,
    load_dataset,
    made_square,
    sample_paths,
    short_name,
    tried_split,
)

__all__ = [
    "DATASETS",
    "Augmentation",
    "DataError",
    "DataUnavailableError",
    "Dataset",
    "DatasetInfo",
    "Split",
    "called",
    "carve_validation",
    "content_hash",
    "dataset_info",
    "dataset_title",
    "held_out",
    "held_out_table",
    "image_credit",
    "load_dataset",
    "made_square",
    "named",
    "sample_paths",
    "short_name",
    "tried_split",
]

registry.add_offered()
