"""Samples behind a figure, and their images."""

from __future__ import annotations

import numpy as np

from app.data.pictures import pictures
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.data.registry import image_credit as credit_of
from bickd_core.geometry.orthogonality import pair_contributions
from bickd_core.geometry.probabilities import class_probabilities
from bickd_core.runs.sample_file import SampleFile
from bickd_core.runs.thumbnails import Thumbnails


def pair_samples(
    comparison: Comparison, model: Model, pair: tuple[int, int], temperature: float, most: int
) -> np.ndarray:
    """Return the positions of the samples that contribute most to the cosine of two class columns,
    the largest contribution first."""
    columns = class_probabilities(model.predictions.logits, temperature, pair)
    share = pair_contributions(columns, 0, 1)
    return np.argsort(-share, kind="stable")[:most]


def thumbnails(comparison: Comparison) -> Thumbnails:
    return pictures(
        [model.run for model in comparison.models],
        comparison.dataset,
        comparison.split,
        comparison.teacher.info.data_content,
    )


def sample_file(comparison: Comparison) -> SampleFile:
    """Return the texts and image paths of imported samples from the first model that has them."""
    runs = (
        model.run
        for model in comparison.models
        if model.run.samples_path(comparison.split).exists()
    )
    first = next(runs, None)
    return SampleFile() if first is None else first.samples(comparison.split)


def image_credit(comparison: Comparison) -> str:
    return credit_of(comparison.dataset)
