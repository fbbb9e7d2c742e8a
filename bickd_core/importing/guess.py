"""Guess a file's layout from the names and values of its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bickd_core.data.folders import IMAGE_SUFFIXES
from bickd_core.importing.layout import ROLES, Hints, Layout, ScoreColumns
from bickd_core.importing.other_columns import (
    other_notes,
    sample_number,
    unused_notes,
    without_others,
)
from bickd_core.importing.score_groups import guess_models
from bickd_core.importing.splits import is_split_column, without_split
from bickd_core.importing.table import Table, check_columns, parsed_numbers
from bickd_core.importing.words import (
    CLASSES,
    IDS,
    LABELS,
    MODELS,
    NAMED_IDS,
    OTHER_IDS,
    PATHS,
    PREDICTED,
    ROW_NUMBERS,
    SCORES,
    TEXTS,
    TRUE,
    UNUSED,
    is_count,
    normal,
    same_name,
)

_SAMPLE = 200
_FEWEST_ROWS = 20
"""Rows in which a column must have the same value to be no score."""
_LONGEST_ID = 200


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
    ids = [name for name in flat if name not in used and _is_id(table, name)]
    usual = [name for name in ids if not _known(name, OTHER_IDS)]
    first = min(usual, key=lambda name: normal(name) in ROW_NUMBERS, default="")
    named_otherwise = "" if first or path or text else _other_id(table, flat, used, (model, split))
    id = (first or named_otherwise) if hints.id is None else hints.id
    used = {path, text, split, model, label, id} - {""}
    scores = [
        name
        for name in left
        if name not in used and (table.columns[name].ndim == 2 or _is_score(table, name))
    ]
    spelled = {same_name(name): name for name in scores}
    known = tuple(spelled.get(same_name(n), n) for n in _label_names(table, label))
    numbering = {*table.index, *(name for name in ids if _numbers_rows(table, name))}
    scores = [name for name in scores if name in known or name not in numbering]
    scores = _without_constants(table, scores, known)
    least = _least(table, label)
    models = guess_models(table, scores, known, least, label, stem)
    models, others = without_others(table, models, known, least)
    if hints.label is None and label:
        label = _unless_predicted(table, label, models)
    unused = _unused(table, scores, models, others)
    if hints.id is None and not id:
        id = sample_number(table, others if path or text else [*others, *unused])
    others = [name for name in others if name != id]
    notes = other_notes(table, models[0], others, known, label) if models else ()
    if models:
        unused += [name for name in flat if name not in (*used, *scores) and _is_text(table, name)]
    notes += unused_notes(table, [name for name in unused if name not in (id, label)], label)
    if not models and not label and hints.label is None and (id or path):
        label = _only_other(table, left, used | {id}, stem)
        if label not in ("", *LABELS):
            notes = (f"'{label[:40]}' is used as the true class, because it is the only column.",)
    if id and id == named_otherwise:
        notes = (*notes, f"'{id[:40]}' is used as the id, because it differs in every row.")
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
        notes=notes,
    )


def _unused(
    table: Table, scores: Sequence[str], models: Sequence[ScoreColumns], others: Sequence[str]
) -> list[str]:
    """Return the columns of single numbers that no model uses.

    Args:
        scores: columns of numbers that may be scores.
        others: columns that are left out, each with a note of its own.
    """
    used = {name for each in models for name in (*each.columns, *each.ranked, *each.features)}
    return [
        name
        for name in scores
        if models and name not in used and name not in others and table.columns[name].ndim == 1
    ]


def _only_other(table: Table, names: Sequence[str], used: set[str], stem: str) -> str:
    """Return the only column beside ids in a file without scores, if it can hold true classes: some
    rows have the same value, and neither its name nor the file's says that it is predicted. "" if
    there is none."""
    left = [name for name in names if name not in used]
    words = {*normal(stem).split("_")}
    if len(left) != 1 or _names_a_prediction(left[0]) or words & {*PREDICTED, "submission"}:
        return ""
    column = table.columns[left[0]]
    if column.ndim > 1 or (column.dtype.kind == "f" and not _is_whole(column)):
        return ""
    return left[0] if len({*column.tolist()}) < len(column) else ""


def _is_whole(column: np.ndarray) -> bool:
    finite = column[np.isfinite(column)]
    return bool(np.array_equal(finite, np.round(finite)))


def check_hints(table: Table, hints: Hints) -> None:
    """Check that hints name existing columns.

    Raises:
        PredictionsError: there is no such column.
    """
    ignored = [name for name in hints.ignore if name not in table.unread]
    check_columns(table, [*(getattr(hints, role) for role in ROLES), *ignored])


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
    if not _is_text(table, name) or _known(name, (*NAMED_IDS, *ROW_NUMBERS)):
        return False
    ends = [value.lower().endswith(IMAGE_SUFFIXES) for value in _sample(table, name)]
    return (bool(ends) and sum(ends) > len(ends) / 2) or _known(name, PATHS)


def _is_model(table: Table, name: str) -> bool:
    if not _known(name, MODELS) or not _is_text(table, name):
        return False
    return len(set(table.columns[name])) < len(table)


def _is_id(table: Table, name: str) -> bool:
    column = table.columns[name]
    if column.dtype.kind == "f":  # numpy.savetxt writes 1.0
        return _known(name, IDS) and bool(
            (np.isfinite(column) & (column == np.round(column))).all()
        )
    return _known(name, IDS) and column.dtype.kind in "Oiu"


_TIME = re.compile(r"\d{4}-\d\d-\d\d[T_]")


def _other_id(table: Table, names: Sequence[str], used: set[str], parts: Sequence[str]) -> str:
    """Return a column that tells the samples apart under a less usual name, or under any name if
    it is a short text without blanks; "" if there is none.

    Args:
        used: columns with another role.
        parts: columns that divide the rows into models and splits, within which ids are unique.
    """
    no_ids = {*PREDICTED, *SCORES, "time", "timestamp", "date", "datetime"}

    def may_be(name: str) -> bool:
        if _known(name, OTHER_IDS):
            return _is_id(table, name)
        words = normal(name).split("_")
        return _is_text(table, name) and words[-1] != "at" and not ({*words} & no_ids)

    def fits(name: str) -> bool:
        cells = table.columns[name].tolist()
        groups = [table.columns[part].tolist() for part in parts if part]
        if len({*zip(cells, *groups, strict=True)}) < len(table) or None in cells or "" in cells:
            return False
        return _known(name, OTHER_IDS) or (
            not _is_score(table, name)
            and all(len(cell) <= _LONGEST_ID and not re.search(r"\s", cell) for cell in cells)
            and not all(_TIME.match(cell) for cell in cells)
        )

    left = [name for name in names if name not in used]
    left.sort(key=lambda name: not _known(name, OTHER_IDS))
    return next((name for name in left if may_be(name) and fits(name)), "")


def _numbers_rows(table: Table, name: str) -> bool:
    """Return whether a column named like an id has another value in each row, or is the unnamed
    index of pandas."""
    return normal(name) in ROW_NUMBERS or len(set(table.columns[name].tolist())) == len(table)


def _label(table: Table, names: Sequence[str], hint: str | None, used: set[str]) -> str:
    """Return the column of true classes; "" if there is none.

    It has a usual name. Of several it is one whose values are names of scores, that is not the
    class with the largest score in every row, and whose name says that it is true. A column with
    another name is taken if its values are names of scores, it is the only one, and it does not
    have the class with the largest score in every row.
    """
    if hint is not None:
        return hint
    left = [name for name in names if name not in used]
    flat = [name for name in left if table.columns[name].ndim == 1]
    named = [name for name in left if _may_be_label(table, name)]
    named.sort(key=lambda name: (not _says_true(name), LABELS.index(normal(name))))
    scores = [name for name in flat if not _is_text(table, name) and _is_score(table, name)]
    naming = {
        name: columns
        for name in flat
        if _is_text(table, name) and (columns := _scores_named_by(table, name, scores)) is not None
    }
    text = [name for name in named if name in naming]
    text.sort(key=lambda name: _has_largest_score(table, name, naming[name]))
    if text:
        return text[0]
    if named and not _is_text(table, named[0]):
        return named[0]
    others = [
        name
        for name, columns in naming.items()
        if not _names_a_prediction(name) and not _has_largest_score(table, name, columns)
    ]
    if len(others) == 1:
        return others[0]
    declared = [name for name in table.names if name in left]
    return named[0] if named else declared[0] if len(declared) == 1 else ""


def _says_true(name: str) -> bool:
    """Return whether a column is called the true class, so that another one may be predicted.

    >>> _says_true("True Label"), _says_true("gt_class"), _says_true("label")
    (True, True, False)
    """
    words = {*normal(name).split("_")}
    return bool(words & TRUE) and not words <= {"true", "trues"}  # it may say that it is right


def _unless_predicted(table: Table, label: str, models: Sequence[ScoreColumns]) -> str:
    """Return the column of true classes: another one with a usual name, if `label` has the
    prediction of a model in every row and the other one in more than half of them."""
    names = [name for name in table.columns if _known(name, LABELS) and _may_be_label(table, name)]
    if len(names) < 2 or table.columns[label].dtype.kind not in "iuf":
        return label
    for model in models:
        scores = [table.columns[name] for name in model.columns]
        if model.ranked or model.binary or any(each.dtype.kind not in "iuf" for each in scores):
            continue
        predicted = (scores[0] if scores[0].ndim == 2 else np.stack(scores, axis=1)).argmax(axis=1)
        right = {
            name: float((table.columns[name] == predicted).mean())
            for name in names
            if table.columns[name].ndim == 1
        }
        others = [name for name in right if 0.5 < right[name] < 1]
        if right.get(label) == 1 and others:
            return min(others, key=lambda name: LABELS.index(normal(name)))
    return label


def _scores_named_by(table: Table, name: str, scores: Sequence[str]) -> dict[str, str] | None:
    """Return the column of scores for each of the values in a column of text, {} if an array of
    class names has them all. None if there is a value without a score, or fewer than two values.

    A column of scores may have a word before or behind each value, such as `logit_cat`.
    """
    arrays = [array.ravel() for extra, array in table.extras.items() if normal(extra) in CLASSES]
    class_names = {same_name(str(each)) for array in arrays for each in array.tolist()}
    distinct = {value or "" for value in table.columns[name]}
    if len(distinct) > 2 * max(len(scores), len(class_names)):  # texts, not names in two spellings
        return None
    values = sorted({same_name(value) for value in distinct}, key=len)
    if len(values) < 2 or not values[0]:
        return None
    named = {same_name(score): score for score in scores}
    for score in named:
        before, found, behind = score.partition(values[-1])
        if found and all(f"{before}{value}{behind}" in named for value in values):
            return {value: named[f"{before}{value}{behind}"] for value in values}
    return {} if class_names.issuperset(values) else None


def _names_a_prediction(name: str) -> bool:
    """Return whether a name has a word for predicted classes.

    >>> _names_a_prediction("kd_pred"), _names_a_prediction("intent")
    (True, False)
    """
    return normal(name) in UNUSED or bool({*normal(name).split("_")} & PREDICTED)


def _has_largest_score(table: Table, name: str, columns: Mapping[str, str]) -> bool:
    """Return whether each value names the largest of the scores in its row.

    Args:
        columns: the column of scores for each value.
    """
    if not columns:
        return False
    scores = np.stack([parsed_numbers(table.columns[column]) for column in columns.values()], 1)
    place = {value: i for i, value in enumerate(columns)}
    chosen = np.array([place[same_name(value)] for value in table.columns[name]])
    return bool((scores.argmax(axis=1) == chosen).all())


def _may_be_label(table: Table, name: str) -> bool:
    column = table.columns[name]
    if not _known(name, LABELS):
        return False
    if column.ndim == 2:  # one-hot
        return column.dtype.kind in "biuf" and bool(np.isin(column[:_SAMPLE], (0, 1)).all())
    return column.dtype.kind != "f" or _is_whole(column)


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
