"""Recognise tables that are not predictions: true classes in one-hot columns, and results of whole
models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from bickd_core.importing.guess import guess_layout, is_constant, stem_of
from bickd_core.importing.layout import Hints, Layout, ScoreColumns
from bickd_core.importing.scores import recognised
from bickd_core.importing.splits import split_word
from bickd_core.importing.table import Table
from bickd_core.importing.words import LABELS, MODELS, UNUSED, normal
from bickd_core.runs.predictions import PredictionsError

_TRUTH = {*LABELS, "groundtruth", "truths", "onehot", "solution"} - {"class", "category"}


def labels_of_one_hot(table: Table, path: Path, hints: Hints | None) -> Table:
    """Return the table with a column of labels in place of one-hot columns, if their name or the
    file's says that they are the true classes: "true_cat", "y_test.npy" or "GroundTruth.csv"."""
    if not table.columns:
        return table
    layout = guess_layout(table, stem_of(path), hints)
    if layout.label:
        return table
    if len(layout.models) == 1:
        groups = [group for group in layout.models if _is_truth(path.stem)]
    else:
        groups = [group for group in layout.models if _is_truth(group.name)]
        if hints is None or hints.label is None:
            _check_no_soft_labels(table, layout.models)
    if len(groups) != 1 or groups[0].binary:
        return table
    group = groups[0]
    values = _values(table, group)
    if values is None or not np.isin(values, (0, 1)).all() or (values.sum(axis=1) != 1).any():
        return table
    classes = values.argmax(axis=1)
    labels = np.array(group.classes, dtype=object)[classes] if group.classes else classes
    columns = {name: c for name, c in table.columns.items() if name not in group.columns}
    note = f"{values.shape[1]:,} columns of 0 and 1 are used as the true classes."
    return replace(table, columns={**columns, "label": labels}, notes=(*table.notes, note))


def _values(table: Table, group: ScoreColumns) -> np.ndarray | None:
    """Return the numbers [N, C] of a group of columns; None if a column has text."""
    arrays = [table.columns[name] for name in group.columns]
    if any(array.dtype.kind not in "biuf" for array in arrays):
        return None
    return arrays[0] if arrays[0].ndim == 2 else np.stack(arrays, axis=1)


def _check_no_soft_labels(table: Table, groups: Sequence[ScoreColumns]) -> None:
    """Check that no group of columns beside others is called labels and has probabilities.

    Raises:
        PredictionsError: there is one.
    """
    for group in groups:
        name = group.columns[0] if len(group.columns) == 1 else group.name
        values = _values(table, group)
        if normal(name) not in _TRUTH or group.binary or values is None:
            continue
        if np.isin(values, (0, 1)).all() or recognised(values) not in ("probabilities", "percent"):
            continue
        raise PredictionsError(
            f"'{name[:40]}': expected true classes as numbers or one-hot, got {values.shape[1]:,}"
            " probabilities for each sample; save the number of the largest one, or rename them"
            " if these are predictions."
        )


def _is_truth(name: str) -> bool:
    """Return whether a name has a word for true classes.

    >>> _is_truth("y_test"), _is_truth("ISIC_GroundTruth"), _is_truth("resnet_test")
    (True, True, False)
    """
    words = normal(name).split("_")
    return bool({*words, *("_".join(pair) for pair in pairwise(words))} & _TRUTH)


def check_rows_are_samples(table: Table, hints: Hints | None) -> None:
    """Check that a table does not have one row for each model, as a table of accuracies has.

    Raises:
        PredictionsError: it has.
    """
    ignored = () if hints is None else hints.ignore
    for name, column in table.columns.items():
        if normal(name) not in MODELS or name in ignored or column.dtype != object:
            continue
        if len(set(column)) == len(column):
            raise PredictionsError(
                f"expected a row for each sample, got a row for each model: column '{name[:40]}'"
                " has another name in each row. This may be a table of results; save what each"
                " model predicts for every sample."
            )


def check_one_split(layout: Layout) -> None:
    """Check that the models of a file are not the splits of one model, as in an npz with
    `val_logits` and `test_logits`: their rows are different samples.

    Raises:
        PredictionsError: they are.
    """
    splits = {split_word(model.name) for model in layout.models}
    columns = [model.columns[0] for model in layout.models]
    if len(splits) > 1 and "" not in splits:
        raise PredictionsError(
            f"expected scores of the same samples, got those of different splits"
            f" ({' and '.join(columns[:3])}); save each split in a file of its own."
        )


def with_unused_constants(table: Table, layout: Layout) -> Table:
    """Return the table with a note on columns that are no scores because all rows are equal."""
    used = {*layout.roles.values()}
    used |= {column for model in layout.models for column in (*model.columns, *model.features)}
    unused = [
        f"'{name[:40]}'"
        for name, column in table.columns.items()
        if name not in used and normal(name) not in UNUSED and is_constant(column)
    ]
    if not unused or not layout.models:
        return table
    note = (
        f"{', '.join(unused[:5])}{' and more' if len(unused) > 5 else ''}: not used as scores,"
        " because all rows have the same value."
    )
    return replace(table, notes=(*table.notes, note))


def without_repeats(table: Table, layout: Layout) -> Table:
    """Return the table without rows that repeat an earlier one: the same id, scores and label.

    PyTorch's DistributedSampler evaluates some samples twice. Rows with the same id and other
    scores stay; `extract` refuses them.
    """
    if not layout.id or layout.model or layout.split or layout.tidy:
        return table
    ids = table.columns[layout.id]
    if ids.ndim != 1 or ids.dtype.kind == "f":
        return table
    first: dict[object, int] = {}
    before = np.array([first.setdefault(value, row) for row, value in enumerate(ids.tolist())])
    again = np.flatnonzero(before != np.arange(len(before)))
    if not len(again):
        return table
    used = [layout.label, *(column for model in layout.models for column in model.columns)]
    same = np.ones(len(again), dtype=bool)
    for column in (table.columns[name] for name in used if name):
        equal = column[again] == column[before[again]]
        same &= equal.reshape(len(again), -1).all(axis=1)
    if not same.any():
        return table
    rest = table.take(np.setdiff1d(np.arange(len(before)), again[same]))
    note = (
        f"{same.sum():,} rows are left out, because they repeat an earlier row with the same id,"
        " scores and label."
    )
    return replace(rest, notes=(*rest.notes, note))
