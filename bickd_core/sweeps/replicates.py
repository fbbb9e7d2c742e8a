"""Figures of a run with their jackknife replicates, so that means over seeds have intervals over
seeds and images."""

from __future__ import annotations

from typing import Any

import numpy as np

from bickd_core.geometry.calibration import BINS, reliability
from bickd_core.geometry.jackknife import Replicated
from bickd_core.geometry.matching import entropies_at, matched_temperatures
from bickd_core.geometry.overlap_streams import streamed_overlap
from bickd_core.geometry.probabilities import top_class
from bickd_core.geometry.proper_scores import fit_temperature
from bickd_core.geometry.shards import stratified_shards
from bickd_core.runs.predictions import Predictions

TEMPERATURE = 4.0
"""T of the overlaps. The matched overlaps are at the temperature where the mean entropy, or that of
each image, is the teacher's at this T."""


def figures_with_replicates(
    teacher: Predictions | None, student: Predictions, validation: Predictions | None
) -> dict[str, Any]:
    """Return the fields `temperature`, `ece_scaled` and `replicates` of a result line.

    Args:
        teacher, student: predictions on test, on the same samples in the same order.
        validation: the student's, to fit the temperature; None if there are none.
    """
    temperature = None if validation is None else fitted_temperature(validation)
    own = in_order(student)
    figures = {"ece": replicated_calibration_error(own, 1.0)}
    if temperature is not None:
        figures["ece_scaled"] = replicated_calibration_error(own, temperature)
    if teacher is not None:
        figures |= replicated_overlaps(in_order(teacher), own)
    scaled = figures.get("ece_scaled")
    return {
        "temperature": temperature,
        "ece_scaled": None if scaled is None else round(scaled.value, 6),
        "replicates": {
            name: tuple(figure.replicates.round(6).tolist()) for name, figure in figures.items()
        },
    }


def in_order(predictions: Predictions) -> Predictions:
    """Return the predictions in ascending order of ids, so that runs share their shards."""
    return predictions.take(np.argsort(predictions.ids))


def fitted_temperature(validation: Predictions) -> float | None:
    """Return the temperature with the smallest negative log likelihood on these predictions, with
    three decimals; None without labels."""
    if validation.labels is None:
        return None
    shard = stratified_shards(len(validation), validation.labels)
    return fit_temperature(validation.logits, validation.labels, shard).shown


def replicated_calibration_error(student: Predictions, temperature: float) -> Replicated:
    """Return the calibration error at a temperature, in 15 bins of equal width, as the formula
    gives it.

    Args:
        student: predictions with labels.
    """
    predicted, confidence = top_class(student.logits, temperature)
    hits = (predicted == student.labels).astype(np.float64)
    shard = stratified_shards(len(student), student.labels)

    def error(rows: np.ndarray) -> float:
        return reliability(confidence[rows], hits[rows], BINS, "width").error

    whole = error(np.ones(len(student), dtype=bool))
    without = np.array([error(shard != each) for each in range(shard.max() + 1)])
    return Replicated(whole, without, len(student), (0.0, 1.0))


def replicated_overlaps(teacher: Predictions, student: Predictions) -> dict[str, Replicated]:
    """Return the overlap at `TEMPERATURE`, and at the temperatures at which each image has the
    entropy that the teacher has there.

    Args:
        teacher, student: predictions on the same samples in the same order.
    """
    shard = stratified_shards(len(student), student.labels)
    targets = entropies_at(teacher.logits, TEMPERATURE)
    each = matched_temperatures(student.logits, targets, start=TEMPERATURE)
    overlaps = {"overlap": streamed_overlap(student.logits, TEMPERATURE, shard)}
    if each.unreached < len(student):
        overlaps["overlap_per_image"] = streamed_overlap(student.logits, each.temperatures, shard)
    return {name: overlap for name, overlap in overlaps.items() if overlap is not None}
