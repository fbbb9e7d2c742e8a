"""Add predictions on validation to runs whose test predictions were imported before."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from bickd_core.importing.class_names import are_numbers
from bickd_core.importing.matching import Imported, ImportedModel
from bickd_core.importing.prediction_runs import check_same_texts, sample_file, save_split
from bickd_core.naming import as_key, some_names
from bickd_core.runs.library import Library, RunError, RunFolder
from bickd_core.runs.predictions import Predictions, PredictionsError


def add_validation(
    imported: Imported,
    library: Library,
    *,
    names: Mapping[str, str] | None = None,
    images: Path | None = None,
) -> list[RunFolder]:
    """Save each model's predictions in the run with its name: all of them, or none.

    Args:
        imported: models of files with validation predictions only.
        names: the models' names in the library, by their names in the files.
        images: a folder with the samples' images.

    Returns:
        The runs, in the order of the models.

    Raises:
        PredictionsError, RunError: a run does not exist, does not fit or is read-only. Nothing is
            saved then.
    """
    names = names or {}
    fitted = [
        _fitting(
            library,
            model,
            names.get(model.name, model.name).strip(),
            chosen=model.name in names,
        )
        for model in imported.models
    ]
    keys = [run.key for run, _ in fitted]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise PredictionsError(
            f"two models have the name of run '{twice[0]}'; give each model the key of its own run"
            " as its name."
        )
    for run, _ in fitted:
        reference = run.info().teacher
        if reference is not None and library.taken(reference.key):
            check_same_texts(library.locate(reference.key), imported)
    samples = sample_file(imported, images)
    written: list[Path] = []
    try:
        for run, predictions in fitted:
            written += [run.predictions_path("validation"), run.samples_path("validation")]
            save_split(run, "validation", predictions, samples)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return [run for run, _ in fitted]


def _named(library: Library, name: str, *, is_key: bool) -> RunFolder:
    """Return the run of a model: the one with this key if a user chose the name, else the only one
    that is called so."""
    called = []
    for run in () if is_key and library.taken(name) else library.runs():
        with suppress(RunError):  # a damaged run
            info = run.info()
            if info.source.kind == "predictions" and (info.title or run.key) == name:
                called.append(run)
    if len(called) > 1:
        keys = ", ".join(run.key for run in called)
        raise PredictionsError(
            f"several runs are called '{name}' ({keys}); give the key of the right run as the"
            " model's name."
        )
    key = as_key(name)
    try:
        return called[0] if called else library.find(key)
    except RunError as error:
        raise PredictionsError(
            f"there is no run '{key}' to add validation predictions to; import its test predictions"
            " first, or both in one go."
        ) from error


def _fitting(
    library: Library, model: ImportedModel, name: str, *, chosen: bool
) -> tuple[RunFolder, Predictions]:
    """Return the model's run, and its predictions in the run's class order.

    Predictions without class names get those of the run.

    Args:
        chosen: whether a user chose the name, which may then be the run's key.
    """
    run = _named(library, name, is_key=chosen)
    key = run.key
    run.check_writable("changed")
    if run.info().source.kind != "predictions":
        raise PredictionsError(
            f"run '{key}' was not imported as predictions, so validation predictions cannot be"
            " added to it; choose another name."
        )
    if run.has_predictions("validation"):
        raise PredictionsError(
            f"run '{key}' already has predictions on validation; delete it and import both splits"
            " again."
        )
    test, predictions = run.predictions("test"), model.predictions
    if are_numbers(predictions.class_names) and predictions.num_classes == test.num_classes:
        predictions = replace(predictions, class_names=test.class_names)
    if set(test.class_names) != set(predictions.class_names):
        raise PredictionsError(
            f"{model.file}, {model.name}: expected the classes of run '{key}'"
            f" ({some_names(test.class_names)}), got {some_names(predictions.class_names)}."
        )
    predictions = predictions.with_class_order(test.class_names)
    if np.array_equal(test.logits, predictions.logits):
        raise PredictionsError(
            f"{model.file}, {model.name}: expected predictions on validation, got those of run"
            f" '{key}' on test."
        )
    return run, predictions
