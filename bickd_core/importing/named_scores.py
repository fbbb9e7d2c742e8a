"""Put scores into class order where each row names its classes, as in files that are sorted by
score."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bickd_core.importing.table import Table
from bickd_core.importing.words import CLASSES, FEATURES, LABELS, normal
from bickd_core.runs.predictions import PredictionsError

_NUMBERED = re.compile(r"(.*?)[ _.\-]?(\d{1,6})")
_MOST_NOTES = 5


def with_named_scores(table: Table) -> Table:
    """Return the table with scores in class order, if each row names the class of each score.

    Hugging Face's zero-shot pipeline writes the lists `labels` and `scores`; timm's inference.py
    writes `label` and `prob`, as lists or as the columns `label_0`, `prob_0` and so on.

    Raises:
        PredictionsError: the scores are sorted, and rows lack classes that others have.
    """
    for columns, names in _class_lists(table):
        scores = _scores(table, names.shape[1])
        classes = sorted(set(names.ravel().tolist()))
        if not scores or any(len(set(row)) < len(row) for row in names.tolist()):
            continue
        if len(classes) > names.shape[1]:
            if not any(falls(values) for values in scores.values()):
                continue
            raise PredictionsError(
                f"expected the scores of all {len(classes):,} classes in '{columns[0][:40]}', got"
                f" only {names.shape[1]:,} of them in each row; save every class (timm's"
                " inference.py: --topk 0)."
            )
        return _in_class_order(table, columns, names, scores, classes)
    unused = [
        f"'{name[:80]}' is not used: it holds lists of names." for name in table.lists_of_text
    ]
    return replace(table, notes=(*table.notes, *unused[:_MOST_NOTES]))


def falls(scores: np.ndarray) -> bool:
    """Return whether no score is larger than the one before it, in any row.

    Args:
        scores: float64 [N, K].
    """
    return scores.shape[1] > 1 and bool((scores[:, 1:] <= scores[:, :-1]).all())


def _in_class_order(
    table: Table,
    columns: Sequence[str],
    names: np.ndarray,
    scores: Mapping[str, np.ndarray],
    classes: list[str],
) -> Table:
    """Return the table with the scores as lists in class order, without the class names [N, C].

    The order is the file's if it is the same in all rows, else alphabetical.
    """
    in_one_order = bool((names == names[0]).all()) and not any(map(falls, scores.values()))
    if in_one_order:
        classes = names[0].tolist()
    place = {name: i for i, name in enumerate(classes)}
    order = np.array([[place[name] for name in row] for row in names.tolist()])
    used = {*columns}
    placed = {}
    for name, values in scores.items():
        placed[name] = np.empty_like(values)
        np.put_along_axis(placed[name], order, values, axis=1)
        used |= {*_numbered(table, name)}
    return replace(
        table,
        columns={n: c for n, c in table.columns.items() if n not in used} | placed,
        extras={**table.extras, "classes": np.array(classes, dtype=object)},
        lists_of_text={n: c for n, c in table.lists_of_text.items() if n not in used},
        unordered=table.unordered if in_one_order else (*table.unordered, *placed),
        notes=(*table.notes, f"The class of each score is read from '{columns[0][:40]}'."),
    )


def _class_lists(table: Table) -> list[tuple[list[str], np.ndarray]]:
    """Return the columns that name the class of each score, with the names as objects [N, K]."""
    lists = [
        ([name], values)
        for name, values in table.lists_of_text.items()
        if normal(name) in (*LABELS, *CLASSES)
    ]
    for prefix in dict.fromkeys(map(_prefix, table.columns)):
        if normal(prefix) not in (*LABELS, *CLASSES):
            continue
        columns = _numbered(table, prefix)
        arrays = [table.columns[name] for name in columns]
        if len(columns) > 1 and all(array.dtype == object and all(array) for array in arrays):
            lists.append((columns, np.stack(arrays, axis=1)))
    return lists


def _scores(table: Table, count: int) -> dict[str, np.ndarray]:
    """Return the scores float64 [N, count] by name: columns of lists, or numbered columns of
    numbers without their numbers."""
    lists = {
        name: column.astype(np.float64)
        for name, column in table.columns.items()
        if column.ndim == 2
        and column.shape[1] == count
        and column.dtype.kind in "iuf"
        and normal(name) not in FEATURES
    }
    if lists:
        return lists
    groups = {}
    for prefix in dict.fromkeys(map(_prefix, table.columns)):
        columns = _numbered(table, prefix)
        arrays = [table.columns[name] for name in columns]
        if len(columns) == count and all(array.dtype.kind == "f" for array in arrays):
            groups[prefix] = np.stack(arrays, axis=1)
    return groups


def _prefix(column: str) -> str:
    match = _NUMBERED.fullmatch(column)
    return match[1] if match else ""


def _numbered(table: Table, prefix: str) -> list[str]:
    """Return the columns with this name and a number behind it, by number; none for ""."""
    matches = [match for name in table.columns if (match := _NUMBERED.fullmatch(name))]
    own = [match for match in matches if prefix and match[1] == prefix]
    own = [match for match in own if table.columns[match[0]].ndim == 1]
    return [match[0] for match in sorted(own, key=lambda match: int(match[2]))]
