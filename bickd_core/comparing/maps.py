"""Maps of the models of a comparison that are computed at once. UMAPs are made by
`bickd_core.maps`."""

from __future__ import annotations

import numpy as np

from bickd_core.comparing.cache import cached
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.geometry.layout import align_to
from bickd_core.geometry.map_space import principal_components_of
from bickd_core.maps.store import TEMPERATURE


@cached
def pca_map(comparison: Comparison, model: Model) -> np.ndarray:
    """The first two principal components of a model's sqrt(P), float32 [N, 2].

    A student's are turned and scaled to fit the teacher's.
    """
    own = principal_components_of(model.predictions.logits, TEMPERATURE)
    return own if model.is_teacher else align_to(pca_map(comparison, comparison.teacher), own)
