"""Evaluate a finished run on corrupted test images."""

from __future__ import annotations

import numpy as np

from bickd_core.data.corruptions import CORRUPTIONS, corrupted
from bickd_core.runs.library import RunFolder
from bickd_core.training.evaluate import predict
from bickd_core.training.setup import load_run_data, load_run_model

BATCH = 1024


def corrupted_hits(run: RunFolder) -> dict[str, np.ndarray]:
    """Return, for each corruption, which test images the last weights of a run classify correctly.

    Returns:
        bool [N] for each name in `CORRUPTIONS`, in ascending order of ids.

    Raises:
        ValueError: the run has no weights, or its data cannot be loaded.
    """
    dataset = load_run_data(run.info())
    model = load_run_model(run, dataset)
    test = dataset.test
    order = np.argsort(test.ids)
    hits: dict[str, np.ndarray] = {}
    for kind in CORRUPTIONS:
        parts = []
        for start in range(0, len(test), BATCH):
            clean = test.take(np.arange(start, min(start + BATCH, len(test))))
            images = corrupted(np.asarray(clean.images), clean.ids, kind)
            split = type(clean)(images, clean.labels, clean.ids)
            predictions = predict(model, split, dataset, features=False)
            parts.append(predictions.predicted == clean.labels)
        hits[kind] = np.concatenate(parts)[order]
    return hits
