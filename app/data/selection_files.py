"""A selection as files: its samples as a table, and all their probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.data.samples import sample_file
from bickd_core.comparing.comparison import Comparison
from bickd_core.comparing.selection import Selection
from bickd_core.comparing.selection_table import selection_arrays
from bickd_core.comparing.selection_table import selection_table as table_of
from bickd_core.data.registry import sample_paths

if TYPE_CHECKING:
    import pandas as pd


def selection_table(
    comparison: Comparison, selection: Selection, temperature: float
) -> pd.DataFrame:
    """Return a row for each sample: id, path or text if known, true class, and each model's
    prediction at T."""
    models = {model.name: model.predictions for model in comparison.models}
    samples = sample_file(comparison)
    return table_of(
        models,
        selection.positions,
        temperature=temperature,
        paths=samples.paths
        or sample_paths(comparison.dataset, comparison.split, comparison.teacher.info.data_content),
        texts=samples.texts,
    )


def selection_probabilities(
    comparison: Comparison, selection: Selection, temperature: float
) -> bytes:
    """Return all C probabilities of each model on the selected samples, as an npz file."""
    models = {model.name: model.predictions for model in comparison.models}
    keys = [model.key for model in comparison.models]
    return selection_arrays(models, selection.positions, temperature=temperature, keys=keys)
