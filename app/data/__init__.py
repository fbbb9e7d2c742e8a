"""Cached reads of run folders, and the geometry over them, for all pages.

Caches are keyed by the content of files (path, size, time of change) and by plain values, never by arrays. What
they hold is shared by all sessions and frozen; nobody changes it.
"""

from app.data.comparison import Comparison, Model, comparison, predictions_at
from app.data.figures import (
    OverSeeds,
    accuracy_difference,
    class_order,
    cross,
    displacement,
    geometry,
    matched_temperature_of,
    over_seeds,
    overlap_difference,
    probabilities,
    rows_similarity,
    shuffled_cka,
    summary,
    telling_pair,
)
from app.data.maps import MapView, last_line, map_view, start_layout
from app.data.runs import (
    BASE,
    DEFAULT_DATASET,
    Fingerprint,
    default_view,
    described,
    fingerprint,
    info,
    label,
    library,
    readable_runs,
    with_predictions,
)
from app.data.samples import image_credit, pair_samples, thumbnails

__all__ = [
    "BASE",
    "DEFAULT_DATASET",
    "Comparison",
    "Fingerprint",
    "MapView",
    "Model",
    "OverSeeds",
    "accuracy_difference",
    "class_order",
    "comparison",
    "cross",
    "default_view",
    "described",
    "displacement",
    "fingerprint",
    "geometry",
    "image_credit",
    "info",
    "label",
    "last_line",
    "library",
    "map_view",
    "matched_temperature_of",
    "over_seeds",
    "overlap_difference",
    "pair_samples",
    "predictions_at",
    "probabilities",
    "readable_runs",
    "rows_similarity",
    "shuffled_cka",
    "start_layout",
    "summary",
    "telling_pair",
    "thumbnails",
    "with_predictions",
]
