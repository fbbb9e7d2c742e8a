"""Guess a file's layout from the names and values of its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bickd_core.importing.layout import ROLES, Hints, Layout
from bickd_core.importing.score_groups import guess_models
from bickd_core.importing.splits import is_split_column, without_split
from bickd_core.importing.table import Table, check_columns, parsed_numbers
from bickd_core.importing.words import (
    CLASSES,
    IDS,
    IMAGE_SUFFIXES,
    LABELS,
    MODELS,
    PATHS,
    TEXTS,
    is_count,
    normal,
)

_SAMPLE = 200
_FEWEST_ROWS = 20
"""Rows in which a column must have the same value to be no score."""


def guess_layout(table: Table, stem: str, hints: Hints | None = None) -> Layout:
    """Guess which columns hold what.

    Args:
        stem: the file's name without suffix, for a model that the columns do not name.
        hints: the user's choices; the rest is guessed.
    """
    hints = hints or Hints()
    left = [name for name in table.columns if name not in hints.ignore]
    flat = [name for name in left if table.columns[name].ndim == 1]
    path = _role(table, flat, hints.path, lambda name: _is_path(table, name))
    text = _role(
        table, flat, hints.text, lambda name: _known(name, TEXTS) and _is_text(table, name)
    )
    split = _role(table, flat, hints.split, lambda name: is_split_column(table, name))
    used = {path, text, split}
    model = _role(
        table, flat, hints.model, lambda name: name not in used and _is_model(table, name)
    )
    used.add(model)
    label = _label(table, left, hints.label, used)
    used.add(label)
    id = _role(table, flat, hints.id, lambda name: name not in used and _is_id(table, name))
    used = {path, text, split, model, label, id} - {""}
    scores = [
        name
        for name in left
        if name not in used and (table.columns[name].ndim == 2 or _is_score(table, name))
    ]
    known = _label_names(table, label)
    scores = _without_constants(table, scores, known)
    models = guess_models(table, scores, known, _least(table, label), label, stem)
    if hints.scale is not None:
        models = tuple(replace(each, scale=hints.scale) for each in models)
    classes = next((name for name in table.extras if normal(name) in CLASSES), "")
    return Layout(
        models,
        label,
        id,
        path,
        text,
        model=model if models else "",
        classes=classes,
        split=split,
        rows_of=hints.rows_of,
    )


def check_hints(table: Table, hints: Hints) -> None:
    """Check that hints name existing columns.

    Raises:
        PredictionsError: there is no such column.
    """
    check_columns(table, [*(getattr(hints, role) for role in ROLES), *hints.ignore])


# -- roles ---------------------------------------------------------------------------------------


def _role(table: Table, names: Sequence[str], hint: str | None, fits: Callable[[str], bool]) -> str:
    return hint if hint is not None else next((name for name in names if fits(name)), "")


def _known(name: str, names: Iterable[str]) -> bool:
    return normal(name) in names


def _is_text(table: Table, name: str) -> bool:
    return table.columns[name].dtype == object and table.columns[name].ndim == 1


def _sample(table: Table, name: str) -> list[str]:
    return [value for value in table.columns[name][:_SAMPLE] if value]


def _is_path(table: Table, name: str) -> bool:
    if not _is_text(table, name) or _known(name, IDS):
        return False
    ends = [value.lower().endswith(IMAGE_SUFFIXES) for value in _sample(table, name)]
    return (bool(ends) and sum(ends) > len(ends) / 2) or _known(name, PATHS)


def _is_model(table: Table, name: str) -> bool:
    if not _known(name, MODELS) or not _is_text(table, name):
        return False
    return len(set(table.columns[name])) < len(table)


def _is_id(table: Table, name: str) -> bool:
    column = table.columns[name]
    return _known(name, IDS) and (column.dtype == object or column.dtype.kind in "iu")


def _label(table: Table, names: Sequence[str], hint: str | None, used: set[str]) -> str:
    if hint is not None:
        return hint
    candidates = [name for name in names if name not in used and _may_be_label(table, name)]
    for word in LABELS:
        match = next((name for name in candidates if normal(name) == word), None)
        if match is not None:
            return match
    declared = [name for name in table.names if name in names and name not in used]
    return declared[0] if len(declared) == 1 else ""


def _may_be_label(table: Table, name: str) -> bool:
    column = table.columns[name]
    if not _known(name, LABELS):
        return False
    if column.ndim == 2:  # one-hot
        return column.dtype.kind in "biuf" and bool(np.isin(column[:_SAMPLE], (0, 1)).all())
    if column.dtype.kind == "f":
        finite = column[np.isfinite(column)]
        return bool(np.array_equal(finite, np.round(finite)))
    return True


def _is_score(table: Table, name: str) -> bool:
    """Return whether a column holds numbers, apart from some cells that count as errors."""
    column = table.columns[name]
    if column.dtype.kind in "iuf":
        return not (column.dtype.kind == "f" and np.isnan(column).all())
    if column.dtype.kind == "b":
        return False
    sample = np.array(_sample(table, name), dtype=object)
    return bool(len(sample)) and bool(np.isfinite(parsed_numbers(sample)).mean() > 0.5)


def _without_constants(table: Table, scores: list[str], known: Sequence[str]) -> list[str]:
    """Return the columns without those that have the same value in every row, such as the width of
    the images; a score of 0 in every row stays."""
    constant = [name for name in scores if name not in known and is_constant(table.columns[name])]
    left = [name for name in scores if name not in constant]
    return left if len(left) > 1 else scores


def is_constant(column: np.ndarray) -> bool:
    """Return whether many rows have the same number other than 0.

    >>> is_constant(np.full(50, 32)), is_constant(np.zeros(50)), is_constant(np.arange(50))
    (True, False, False)
    """
    if column.ndim != 1 or column.dtype.kind not in "iuf" or len(column) < _FEWEST_ROWS:
        return False
    return bool(column[0] != 0 and (column == column[0]).all())


def _label_names(table: Table, label: str) -> tuple[str, ...]:
    """Return the names in the label column; empty if labels are numbers."""
    if not label or not _is_text(table, label):
        return ()
    names = {value for value in table.columns[label] if value}
    return () if all(is_count(name) for name in names) else tuple(sorted(names))


def _least(table: Table, label: str) -> int:
    """Return the smallest number of classes that fits the labels."""
    if not label or table.columns[label].ndim == 2:
        return 2
    column = table.columns[label]
    if column.dtype.kind in "iuf":
        finite = column[np.isfinite(column)]
        return max(2, len(np.unique(finite)))
    return max(2, len({value for value in column if value}))


def stem_of(path: Path | str) -> str:
    """Return a model's name from a file name, without characters that cannot be printed.

    A split at its start or end is left out: "bert_val.csv" and "bert_test.csv" belong to one model.

    >>> stem_of("runs/big  model.csv"), stem_of("bert_val.csv"), stem_of(".csv")
    ('big model', 'bert', 'model')
    """
    stem = Path(path).name.rpartition(".")[0]
    printable = "".join(character if character.isprintable() else " " for character in stem)
    return without_split(" ".join(printable.split()))[:80] or "model"
