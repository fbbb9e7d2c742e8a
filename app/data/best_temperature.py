"""The temperature with the best calibration, fitted on a run's validation split."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app.data.comparison import predictions_at
from app.data.runs import Fingerprint, fingerprint_of
from bickd_core.comparing.comparison import Model
from bickd_core.geometry.proper_scores import FittedTemperature, fit_temperature
from bickd_core.geometry.shards import stratified_shards
from bickd_core.runs.library import Split


@dataclass(frozen=True)
class BestTemperature:
    """A fitted temperature and the samples it was fitted on."""

    fitted: FittedTemperature
    split: Split
    n: int

    @property
    def shown(self) -> float:
        """The temperature that figures are computed with; 1 if the model has no best one."""
        return self.fitted.shown if self.fitted.reached else 1.0


def best_temperature(model: Model) -> BestTemperature | None:
    """Return the temperature with the smallest NLL on the validation split; None without labelled
    predictions on that split."""
    path = model.run.predictions_path("validation")
    return _best_temperature(fingerprint_of(path)) if path.exists() else None


@st.cache_resource(max_entries=128, show_spinner=False)
def _best_temperature(fingerprint: Fingerprint) -> BestTemperature | None:
    predictions = predictions_at(fingerprint)
    if predictions.labels is None or not len(predictions):
        return None
    shard = stratified_shards(len(predictions), predictions.labels)
    fitted = fit_temperature(predictions.logits, predictions.labels, shard)
    return BestTemperature(fitted, "validation", len(predictions))
