"""Read scores, labels and ids from a table with a known layout. Errors name the wrong cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bickd_core.data.folders import same_name
from bickd_core.importing.layout import FileSplit, Layout, Scale, ScoreColumns
from bickd_core.importing.named_scores import falls
from bickd_core.importing.scores import Scores, to_logits, two_columns, without_infinite
from bickd_core.importing.splits import by_split
from bickd_core.importing.table import Table, check_columns, check_filled, parsed_numbers
from bickd_core.importing.words import ROW_NUMBERS, is_count, normal
from bickd_core.importing.wrong_rows import wrong_rows
from bickd_core.runs.predictions import PredictionsError

_FEWEST_ROWS = 20
"""Rows that are needed to see that scores are sorted."""


@dataclass(frozen=True)
class FilePart:
    """The content of one file for one set of samples, before files are matched.

    Attributes:
        models: the models with logits on the N samples; empty for a file of labels or class names.
        labels: int64 or bool [N], or names as objects [N]; None if the file has no labels.
        label_names: class names that the file gives for its integer labels.
        ids: int64 [N] or objects [N]; None if samples are identified by their order.
        paths, texts: objects [N], or None.
        class_names: names of the columns, from an array or a file of names; empty if not given.
        notes: sentences for the user.
        split: the split of the samples.
        counted: whether the ids are an index of pandas, which may only number the rows.
        order_known: whether the file gives the order of its classes, so that labels may be numbers.
    """

    models: tuple[FileModel, ...] = ()
    labels: np.ndarray | None = None
    label_names: tuple[str, ...] = ()
    ids: np.ndarray | None = None
    paths: np.ndarray | None = None
    texts: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    split: FileSplit = "test"
    counted: bool = False
    order_known: bool = True

    def __len__(self) -> int:
        held = (self.labels, self.ids, self.paths, self.texts)
        sizes = [len(model.logits) for model in self.models] + [
            len(a) for a in held if a is not None
        ]
        return sizes[0] if sizes else 0


@dataclass(frozen=True)
class FileModel:
    """One model in a file.

    Attributes:
        logits: float32 [N, C].
        classes: the classes that the columns name; empty if they name none.
        scale: the scale of the scores in the file.
        features: float32 [N, D], or None.
    """

    name: str
    logits: np.ndarray
    classes: tuple[str, ...]
    scale: Scale
    features: np.ndarray | None = None


@dataclass(frozen=True)
class Rows:
    """A part of a file with the file's name."""

    file: str
    part: FilePart


def extract(table: Table, layout: Layout) -> list[FilePart]:
    """Return the content of a file: one part, or one for each model and split that a column names.

    Raises:
        PredictionsError: a cell is wrong; the message names its row and column.
    """
    if layout.split:
        return [
            part
            for rows, rows_layout in by_split(table, layout)
            for part in extract(rows, rows_layout)
        ]
    if not layout.model:
        return [_part(table, layout)]
    names = table.columns[layout.model]
    check_filled(table, layout.model, "a model's name")
    parts = []
    for name in dict.fromkeys(names.tolist()):
        rows = np.flatnonzero(np.array([other == name for other in names]))
        models = tuple(replace(model, name=str(name)) for model in layout.models[:1])
        parts.append(_part(table.take(rows), replace(layout, model="", models=models)))
    return parts


def _part(table: Table, layout: Layout) -> FilePart:
    models, notes = [], list(table.notes)
    for group in layout.models:
        model, model_notes = _model(table, group)
        models.append(model)
        notes += model_notes
        if not layout.classes and table.names.get(layout.label) is None:
            _check_not_sorted(table, group)
        if not layout.label and _is_one_hot(model.logits):
            notes.append(
                f"{model.name}: every row gives one class the probability 1. If these are the true"
                " classes and not predictions, call the file labels."
            )
    class_names = (
        () if not layout.classes else _class_names(table.extras[layout.classes], layout.classes)
    )
    labels = None if not layout.label else _labels(table, layout.label)
    label_names = table.names.get(layout.label, ())
    named = all(sorted(model.classes) == sorted(label_names) for model in models)
    if labels is not None and labels.dtype.kind == "i" and models and named:
        labels = _declared(labels, label_names)  # the columns may have another order
    return FilePart(
        models=tuple(models),
        labels=labels,
        label_names=label_names,
        ids=None if not layout.id else _ids(table, layout.id),
        paths=None if not layout.path else _texts(table, layout.path),
        texts=None if not layout.text else _texts(table, layout.text),
        class_names=class_names,
        notes=tuple(notes),
        split=layout.rows_of,
        counted=normal(layout.id) in ROW_NUMBERS or layout.id in table.index,
        order_known=not any({*group.columns} & {*table.unordered} for group in layout.models),
    )


def _is_one_hot(logits: np.ndarray) -> bool:
    """Return whether each row gives one class the probability 1, and all others the smallest."""
    sure = logits == 0
    return bool((sure.sum(axis=1) == 1).all() and (logits[~sure] == logits.min()).all())


def _model(table: Table, group: ScoreColumns) -> tuple[FileModel, list[str]]:
    if group.binary:
        return _binary_model(table, group, _numbers(table, group.columns)[:, 0])
    scores, zeros = without_infinite(_numbers(table, group.columns, check=False))
    _check_finite(table, scores, group.columns)
    if scores.shape[1] < 2:
        raise PredictionsError(
            f"expected a column of scores for each class, got the column '{group.columns[0]}'"
            " alone; for two classes, give both columns."
        )
    if group.ranked:
        scores = _unranked(table, scores, group)
    columns = group.columns if len(group.columns) > 1 else ()
    converted = to_logits(
        scores,
        group.scale,
        lambda row: _at(table, row, "" if columns else group.columns[0]),
    )
    features = None
    if group.features:
        features = _numbers(table, group.features).astype(np.float32)
    classes = () if group.ranked else _without_decimals(group.classes)
    model = FileModel(group.name, converted.logits, classes, converted.scale, features)
    notes = _notes(group.name, converted)
    if zeros:
        notes.append(
            f"{group.name}: {zeros:,} of {scores.size:,} log-probabilities are -inf and become"
            f" {scores.min():.4g}; KL from the teacher, CKA of logits, and overlap above"
            " T = 1 depend on this value. Logits or more decimals avoid it."
        )
    return model, notes


def _check_not_sorted(table: Table, group: ScoreColumns) -> None:
    """Check that scores without class names are not sorted by value.

    Raises:
        PredictionsError: no score is larger than the one before it, in any row.
    """
    if group.binary or group.ranked or not all(map(is_count, group.classes)):
        return
    scores = _numbers(table, group.columns, check=False)
    if len(scores) >= _FEWEST_ROWS and scores.shape[1] > 2 and falls(scores):
        raise PredictionsError(
            f"expected scores in the order of the classes, got scores that fall from left to right"
            f" in all {len(scores):,} rows, so they are sorted; save the class of each score too,"
            " or do not sort them."
        )


def _binary_model(
    table: Table, group: ScoreColumns, score: np.ndarray
) -> tuple[FileModel, list[str]]:
    """Return a model of two classes from the score [N] of the second one, and its notes."""
    within = bool(score.min() >= 0 and score.max() <= 1)
    scale = group.scale or ("probabilities" if within else "logits")
    both = two_columns(score, scale)
    converted = to_logits(both, scale, lambda row: _at(table, row, group.columns[0]))
    kind = {"logits": "logit", "probabilities": "probability", "percent": "probability in percent"}
    note = (
        f"{group.name}: '{group.columns[0]}' has one score for each sample. It is used as the"
        f" {kind.get(scale, 'log-probability')} of '{group.classes[1]}', so there are two classes:"
        f" {' and '.join(group.classes)}."
    )
    model = FileModel(group.name, converted.logits, group.classes, scale)
    return model, [note, *_notes(group.name, converted)]


def _notes(name: str, scores: Scores) -> list[str]:
    return [f"{name}: {sentence}" for sentence in scores.notes]


def _at(table: Table, row: int, column: str) -> str:
    return table.row(row) + (f", column '{column[:80]}'" if column else "")


def _numbers(table: Table, names: tuple[str, ...], *, check: bool = True) -> np.ndarray:
    """Return float64 [N, C] from one column of lists, or from several columns of numbers.

    Args:
        check: whether all cells must be finite numbers.

    Raises:
        PredictionsError: a cell is not a number.
    """
    check_columns(table, names)
    columns = [table.columns[name] for name in names]
    if len(columns) == 1 and columns[0].ndim == 2:
        if columns[0].dtype.kind not in "biuf":
            raise PredictionsError(
                f"column '{names[0]}': expected numbers, got {columns[0].dtype!s:.40}."
            )
        values = columns[0].astype(np.float64)
    else:
        values = np.empty((len(table), len(columns)))  # filled by column, to save memory
        for position, column in enumerate(columns):
            values[:, position] = parsed_numbers(column)
    if check:
        _check_finite(table, values, names)
    return values


def _check_finite(table: Table, values: np.ndarray, names: tuple[str, ...]) -> None:
    """Check that all cells are numbers.

    Args:
        names: one name for all columns, or one for each.

    Raises:
        PredictionsError: some are not. The message names the rows.
    """
    finite = np.isfinite(values)
    if finite.all():
        return
    rows = np.flatnonzero(~finite.all(axis=1))
    first = (~finite).argmax(axis=1)

    def column(row: int) -> str:
        return names[first[row]] if len(names) > 1 else names[0]

    def got(row: int) -> str:
        cell, value = table.columns[column(row)][row], values[row, first[row]]
        if isinstance(cell, str) and cell.strip() and np.isnan(value):
            return f"'{cell[:40]}'"
        return "an empty cell or NaN" if np.isnan(value) else str(value)

    raise wrong_rows(rows, lambda row: _at(table, row, column(row)), "a number", got)


def _unranked(table: Table, scores: np.ndarray, group: ScoreColumns) -> np.ndarray:
    """Return scores in class order, from scores that are sorted by value."""
    index = _numbers(table, group.ranked).astype(np.int64)
    count = int(index.max()) + 1
    if index.shape != scores.shape or count > scores.shape[1]:
        raise PredictionsError(
            f"expected the scores of all {count:,} or more classes, got only the best"
            f" {scores.shape[1]:,} of them; save every class (timm's inference.py: --topk 0)."
        )
    if (np.sort(index, axis=1) != np.arange(count)).any():
        raise wrong_rows(
            np.flatnonzero((np.sort(index, axis=1) != np.arange(count)).any(axis=1)),
            lambda row: _at(table, row, group.ranked[0]),
            f"each class from 0 to {count - 1} once",
            lambda row: f"{index[row][:5].tolist()} and so on",
        )
    placed = np.empty_like(scores)
    np.put_along_axis(placed, index, scores, axis=1)
    return placed


def _labels(table: Table, name: str) -> np.ndarray:
    """Return int64 or bool [N], or names as objects [N]."""
    column = table.columns[name]
    if column.ndim == 2:
        numbers = column.dtype.kind in "biuf" and np.isin(column, (0, 1)).all()
        if not numbers or (column.sum(axis=1) != 1).any():
            raise PredictionsError(
                f"column '{name}': expected one class for each sample, got several or none."
            )
        return column.argmax(axis=1).astype(np.int64)
    if column.dtype.kind in "iub":
        return column if column.dtype.kind == "b" else column.astype(np.int64)
    expected = "a class as a number or a name"
    if column.dtype.kind == "f":
        return _whole_numbers(table, name, expected)
    check_filled(table, name, expected)
    return np.array([str(value).strip() for value in column], dtype=object)


def _declared(labels: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return the names of labels int64 [N] as objects [N]; the labels if some have none."""
    if labels.min(initial=0) < 0 or labels.max(initial=0) >= len(names):
        return labels
    return np.array(names, dtype=object)[labels]


def _whole_numbers(table: Table, name: str, expected: str) -> np.ndarray:
    """Return a column of decimal numbers as int64 [N].

    Raises:
        PredictionsError: a cell is empty or not whole. The message says what was `expected`.
    """
    column = table.columns[name]
    wrong = ~np.isfinite(column) | (column != np.round(column))
    if wrong.any():
        raise wrong_rows(
            np.flatnonzero(wrong),
            lambda row: _at(table, row, name),
            expected,
            lambda row: "an empty cell" if np.isnan(column[row]) else f"{column[row]:g}",
        )
    return column.astype(np.int64)


def _ids(table: Table, name: str) -> np.ndarray:
    """Return int64 [N], or text as objects [N].

    Raises:
        PredictionsError: a cell is empty or an id occurs twice.
    """
    column = table.columns[name]
    if column.ndim != 1:
        raise PredictionsError(f"column '{name}': expected one id for each sample, got lists.")
    if column.dtype.kind in "iu":
        ids: np.ndarray = column.astype(np.int64)
    elif column.dtype == object:
        check_filled(table, name, "an id")
        ids = np.array([same_name(str(value)) for value in column], dtype=object)
    else:
        ids = _whole_numbers(table, name, "an id as a whole number or text")
    seen: dict[object, int] = {}
    again = [row for row, value in enumerate(ids.tolist()) if seen.setdefault(value, row) != row]
    if again:
        raise wrong_rows(
            again,
            lambda row: _at(table, row, name),
            "each id once",
            lambda row: f"'{ids[row]}' again after {table.row(seen[ids.tolist()[row]])}",
        )
    return ids


def _texts(table: Table, name: str) -> np.ndarray:
    column = table.columns[name]
    if column.ndim != 1:
        raise PredictionsError(f"column '{name}': expected text, got lists.")
    return np.array(["" if value is None else str(value) for value in column], dtype=object)


def _class_names(values: np.ndarray, name: str) -> tuple[str, ...]:
    if values.ndim != 1:
        raise PredictionsError(
            f"`{name}` must be the names of the classes [C], got shape {list(values.shape)}."
        )
    return _without_decimals([str(value) for value in values.tolist()])


def _without_decimals(names: Sequence[str]) -> tuple[str, ...]:
    """Return class names that are whole numbers as such, as labels are.

    >>> _without_decimals(["1.0", "2.0"]), _without_decimals(["1.0", "1.5"])
    (('1', '2'), ('1.0', '1.5'))
    """
    whole = all(re.fullmatch(r"-?\d{1,18}\.0+", name) for name in names)
    return tuple(name.partition(".")[0] if whole else name for name in names)
