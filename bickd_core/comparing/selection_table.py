"""Export a selection: its samples as a table, and all their probabilities as arrays."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bickd_core.geometry.probabilities import top_class
from bickd_core.geometry.proper_scores import nll
from bickd_core.runs.predictions import Predictions

if TYPE_CHECKING:
    import pandas as pd


def selection_table(
    models: Mapping[str, Predictions],
    positions: np.ndarray,
    *,
    temperature: float = 1.0,
    paths: Mapping[int, str] | Mapping[int | str, str] | None = None,
    texts: Mapping[int | str, str] | None = None,
) -> pd.DataFrame:
    """One row for each sample, with each model's prediction.

    Args:
        models: Name -> predictions, aligned to the same samples.
        positions: Rows of the predictions in the wanted order, int64 [n].
        temperature: T of the probabilities, softmax(logits / T).
        paths: Sample id -> file, if the data set knows it.
        texts: Sample id -> text, for samples that are texts.

    Returns:
        Columns id, path (with `paths`), true_class (with labels), temperature, and for each model
        NAME_predicted, NAME_probability (of that class) and NAME_probability_of_true (with labels).

    Raises:
        ValueError: There is no model.
    """
    import pandas as pd

    if not models:
        raise ValueError("`models` must hold at least one model, got none.")
    first = next(iter(models.values()))
    names = np.array(first.class_names, dtype=object)
    ids = first.ids[positions]
    columns: dict[str, object] = {"id": ids}
    if paths is not None:
        columns["path"] = [paths.get(id, "") for id in ids.tolist()]
    if texts:
        columns["text"] = [texts.get(id, "") for id in ids.tolist()]
    labels = None if first.labels is None else first.labels[positions]
    if labels is not None:
        columns["true_class"] = names[labels]
    columns["temperature"] = np.full(len(ids), float(temperature))
    for name, predictions in models.items():
        logits = predictions.logits[positions]
        predicted, confidence = top_class(logits, temperature)
        columns[f"{name}_predicted"] = names[predicted]
        columns[f"{name}_probability"] = confidence
        if labels is not None:
            columns[f"{name}_probability_of_true"] = np.exp(-nll(logits, labels, temperature))
    return pd.DataFrame(columns)


def selection_arrays(
    models: Mapping[str, Predictions],
    positions: np.ndarray,
    *,
    temperature: float = 1.0,
    keys: Sequence[str] | None = None,
) -> bytes:
    """All C probabilities of each model, as the bytes of an npz file that numpy reads without
    pickle.

    The arrays are ids [n], class_names [C], temperature, labels [n] if they are known, models [M]
    (names; `keys` adds run_keys [M]), and probabilities float32 [M, n, C].
    """
    if not models:
        raise ValueError("`models` must hold at least one model, got none.")
    first = next(iter(models.values())).take(positions)
    probabilities = [own.take(positions).probabilities(temperature) for own in models.values()]
    arrays = {
        "ids": first.ids,
        "class_names": np.array(first.class_names, dtype=np.str_),
        "temperature": np.float64(temperature),
        "models": np.array(list(models), dtype=np.str_),
        "probabilities": np.array(probabilities, dtype=np.float32),
    }
    if first.labels is not None:
        arrays["labels"] = first.labels
    if keys is not None:
        arrays["run_keys"] = np.array(keys, dtype=np.str_)
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()
