"""Read json and jsonl files into a table: a list of records, a record in each line, or an object of
columns."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bickd_core.data.folders import IMAGE_SUFFIXES
from bickd_core.importing.named_scores import falls
from bickd_core.importing.scores import recognised
from bickd_core.importing.table import Table, check_size, check_unique, names_in_lists, stacked
from bickd_core.importing.text_tables import names_or_labels
from bickd_core.importing.words import (
    CLASSES,
    FEATURES,
    IDS,
    LABELS,
    MODELS,
    PATHS,
    SCORES,
    TEXTS,
    is_count,
    normal,
)
from bickd_core.importing.wrong_rows import wrong_rows
from bickd_core.naming import first_line
from bickd_core.reading import opened
from bickd_core.runs.predictions import PredictionsError

EXAMPLE = '{"id": "a", "label": 0, "logits": [2.1, -0.3]}'
_MOST_NOTES = 5

Record = dict[str, Any]


def read_json(path: Path) -> Table:
    with opened(path) as file:
        content = _parsed(file.read(), "")
    names = _class_list(content)
    if names:
        return names_or_labels(names) if isinstance(content, list) else _named(names)
    if isinstance(content, dict):
        content, has_index = _columns_and_rows(content)
        lists = {name: values for name, values in content.items() if isinstance(values, list)}
        inner = next(iter(lists.values())) if len(lists) == 1 else []
        if inner and all(isinstance(record, dict) for record in inner):
            content = inner  # {"predictions": [...]}
        elif lists:
            table = _from_columns(lists)
            return _with_index(table) if has_index else table
    if isinstance(content, list):
        content = [_record(entry) for entry in content]
    if not isinstance(content, list) or not content:
        raise PredictionsError(
            f"expected a list of records such as [{EXAMPLE}], got {_kind(content)}."
        )
    other = [row for row, record in enumerate(content) if not isinstance(record, dict)]
    if other:
        raise wrong_rows(
            other,
            lambda row: f"row {row + 1:,}",
            f"a record such as {EXAMPLE}",
            lambda row: _kind(content[row]),
        )
    return from_records(content)


def _record(entry: Any) -> Any:
    """Return a record for a bare list of numbers, or of the labels and scores that Hugging Face's
    pipelines return; anything else unchanged."""
    if isinstance(entry, list) and entry:
        if all(isinstance(value, int | float) for value in entry):
            return {"scores": entry}
        if all(map(_is_label_score, entry)):
            return {"prob": entry}
    return entry


def _class_list(content: Any) -> list[str]:
    """Return the names in a list of text, in {"0": "cat", ...}, {"0": ["n02123045", "tabby"], ...},
    {"cat": 0, ...} or the `id2label` of a configuration; empty for anything else."""
    if isinstance(content, list):
        return content if len(content) > 1 and all(isinstance(v, str) for v in content) else []
    if isinstance(content, dict) and isinstance(content.get("id2label"), dict):
        content = content["id2label"]
    if not isinstance(content, dict) or len(content) < 2:
        return []
    if all(type(value) is int for value in content.values()):
        if len(set(content.values())) < len(content):
            return []  # the labels of samples
        content = {str(number): name for name, number in content.items()}
    values = [content.get(str(number)) for number in range(len(content))]
    names = [value[-1] if isinstance(value, list) and value else value for value in values]
    return [str(name) for name in names] if all(isinstance(name, str) for name in names) else []


def _named(names: Sequence[str]) -> Table:
    return Table({}, extras={"class_names": np.array(names, dtype=object)})


def _columns_and_rows(content: Record) -> tuple[Record, bool]:
    """Return an object of lists, and whether one of them is an index.

    The content has columns and rows (pandas' `orient="split"`, a table of W&B), or objects with the
    same keys (pandas' `to_json()`).
    """
    names, rows = content.get("columns"), content.get("data")
    if isinstance(names, list) and isinstance(rows, list) and names and rows:
        other = [
            row
            for row, cells in enumerate(rows)
            if not isinstance(cells, list) or len(cells) != len(names)
        ]
        if other:
            raise wrong_rows(
                other,
                lambda row: f"row {row + 1:,} of 'data'",
                f"a list of {len(names):,} cells, one for each of the 'columns'",
                lambda row: (
                    f"{len(rows[row]):,}" if isinstance(rows[row], list) else _kind(rows[row])
                ),
            )
        check_size(rows=len(rows), columns=len(names))
        check_unique(map(str, names))
        found = {str(name): [cells[i] for cells in rows] for i, name in enumerate(names)}
        return _and_index(found, content.get("index"))
    found, has_index = _by_column(content)
    return found or content, has_index


_INDEX = "index"


def _and_index(columns: Record, index: object) -> tuple[Record, bool]:
    """Return the columns with the index of the rows, and True, unless it only counts them."""
    rows = len(next(iter(columns.values())))
    if not isinstance(index, list) or len(index) != rows or _INDEX in columns:
        return columns, False
    keys = [int(key) if isinstance(key, str) and is_count(key) else key for key in index]
    if keys == [*range(rows)] or not all(isinstance(key, int | str) for key in keys):
        return columns, False
    if len({str(key) for key in keys}) < rows:  # as after pandas.concat
        return columns, False
    whole = all(isinstance(key, int) for key in keys)
    return {**columns, _INDEX: keys if whole else index}, True


def _with_index(table: Table) -> Table:
    note = f"The index of the pandas table is read as the column '{_INDEX}'."
    return replace(table, index=(_INDEX,), notes=(*table.notes, note))


def _by_column(content: Record) -> tuple[Record, bool]:
    """Return the columns of an object that has a column or a sample under each key, and whether one
    of them is an index; empty for anything else.

    Columns have the rows of pandas: {"cat": {"0": 2.1, "1": -0.3}}. Samples have as many values as
    there are classes, or one label: {"a.jpg": [2.1, -0.3]}, {"a.jpg": {"cat": 2.1}},
    {"a.jpg": "cat"}.
    """
    names, values = list(content), list(content.values())
    if len(values) < 2 or any(normal(name) in _COLUMN_NAMES for name in names):
        samples = False
    elif all(isinstance(value, list) for value in values):
        lengths = {len(value) for value in values}
        samples = len(lengths) == 1 and 2 <= lengths.pop() < len(values)
    else:
        samples = len({type(value) for value in values}) == 1 and isinstance(values[0], int | str)
    if samples:
        return {
            "id": names,
            "label" if isinstance(values[0], int | str) else "scores": values,
        }, False
    if len(values) < 2 or not all(isinstance(value, dict) for value in values):
        return {}, False
    keys = values[0].keys()
    if len(keys) < 2 or any(value.keys() != keys for value in values):
        return {}, False
    if _are_columns(names, [*keys], values):
        found = {name: [value[key] for key in keys] for name, value in content.items()}
        return _and_index(found, [*keys])
    return {"id": names} | {key: [value[key] for value in values] for key in keys}, False


def _are_columns(names: list[str], keys: list[str], values: list[Record]) -> bool:
    """Return whether the outer names of an object of objects are columns, and not samples.

    >>> scores = [{"a.jpg": 2.1, "b.jpg": 0.3}, {"a.jpg": -1.4, "b.jpg": 5.0}]
    >>> _are_columns(["cat", "dog"], ["a.jpg", "b.jpg"], scores)
    True
    """
    if keys == [str(row) for row in range(len(keys))]:
        return True
    numbers, outer_numbers = all(map(is_count, keys)), all(map(is_count, names))
    if numbers and not _are_numbered(keys):
        return not outer_numbers or _are_numbered(names)
    if outer_numbers:
        return False
    inner, outer = any(map(_names_a_column, keys)), any(map(_names_a_column, names))
    if inner != outer:
        return outer
    inner, outer = any(map(_names_an_image, keys)), any(map(_names_an_image, names))
    if inner != outer:
        return inner
    inner, outer = all(map(_ends_in_a_number, keys)), all(map(_ends_in_a_number, names))
    if inner != outer:
        return inner
    if any(not isinstance(cell, int | float) for value in values for cell in value.values()):
        return len(keys) > len(names)
    scores = np.array([[*value.values()] for value in values], dtype=np.float64)
    by_row, by_column = recognised(scores) != "logits", recognised(scores.T) != "logits"
    return by_column if by_row != by_column else len(keys) > len(names)


def _are_numbered(names: list[str]) -> bool:
    """Return whether these are the numbers of classes: 0, 1, ... or 1, 2, ... in any order."""
    numbers = sorted(map(int, names))
    return numbers in ([*range(len(names))], [*range(1, len(names) + 1)])


def _names_a_column(name: str) -> bool:
    return normal(name) in _COLUMN_NAMES - {*SCORES}


def _names_an_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)


def _ends_in_a_number(name: str) -> bool:
    return name[-1:].isdigit()


_COLUMN_NAMES = {*LABELS, *IDS, *PATHS, *TEXTS, *SCORES, *CLASSES, *FEATURES, *MODELS}


def read_json_lines(path: Path) -> Table:
    records: list[Record] = []
    blank = False
    with opened(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                blank = True
                continue
            record = _record(_parsed(line, f"line {number:,}: "))
            if not isinstance(record, dict):
                raise PredictionsError(
                    f"line {number:,}: expected a record such as {EXAMPLE}, got {_kind(record)}."
                )
            records.append(record)
            check_size(rows=len(records))
    return from_records(records, first_line=0 if blank else 1)


def _parsed(content: bytes, where: str) -> Any:
    try:
        return json.loads(content.decode("utf-8-sig"), parse_int=_whole)
    except (ValueError, RecursionError) as error:
        reason = first_line(error, 100)
        raise PredictionsError(
            f"{where}expected JSON in UTF-8, but it cannot be parsed ({reason})."
        ) from error


def _whole(digits: str) -> int | str:
    """Return a number that fits into 64 bits. A longer one may be an id and stays text."""
    return int(digits) if len(digits) <= 18 else digits


def _kind(value: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true or false",
        type(None): "nothing",
    }
    return "an empty list" if value == [] else names.get(type(value), "a number")


def _from_columns(lists: dict[str, list[Any]]) -> Table:
    """Return the columns of the most frequent length. Lists of another length, such as class names,
    are extras."""
    sizes = [len(values) for values in lists.values()]
    rows = max(sizes, key=lambda size: (sizes.count(size), size))
    columns: dict[str, np.ndarray] = {}
    extras: dict[str, np.ndarray] = {}
    lists_of_text: dict[str, np.ndarray] = {}
    for name, values in lists.items():
        array = _column(name, values)
        if array is not None:
            (columns if len(values) == rows else extras)[name] = array
        elif len(values) == rows and (names := names_in_lists(values)) is not None:
            lists_of_text[name] = names
    return Table(columns, extras=extras, lists_of_text=lists_of_text)


def from_records(records: Sequence[Record], first_line: int = 0) -> Table:
    """Return a column for each key, and for each key of an object inside a record."""
    inner = [_objects(record) for record in records]
    unordered = _unordered(inner)
    flat = [_flat(record, unordered) for record in inner]
    names = list(dict.fromkeys(name for record in flat for name in record))
    check_size(columns=len(names))
    columns, lists_of_text, notes = {}, {}, []
    for name in names:
        values = [record.get(name) for record in flat]
        array = _column(name, values)
        if array is not None:
            columns[name] = array
        elif (lists := names_in_lists(values)) is not None:
            lists_of_text[name] = lists
        else:
            notes.append(
                f"'{name[:80]}' is not used: it holds lists or objects that are no scores."
            )
    return Table(
        columns,
        first_line=first_line,
        notes=tuple(notes[:_MOST_NOTES]),
        lists_of_text=lists_of_text,
        unordered=tuple(name for name in columns if name.partition(":")[0] in unordered),
    )


def _objects(record: Record) -> Record:
    """Return a record with Hugging Face's [{"label": "cat", "score": 0.9}] as {"cat": 0.9}."""
    return {
        name: {_class_name(entry["label"]): entry["score"] for entry in value}
        if isinstance(value, list) and value and all(map(_is_label_score, value))
        else value
        for name, value in record.items()
    }


def _unordered(records: Sequence[Record]) -> set[str]:
    """Return the names of objects that do not give the order of the classes: the order of their
    keys differs, or their values fall in all records, as those of Hugging Face's pipelines do."""
    objects: dict[str, list[Record]] = {}
    for record in records:
        for name, value in record.items():
            if isinstance(value, dict):
                objects.setdefault(name, []).append(value)
    return {
        name
        for name, values in objects.items()
        if len({tuple(value) for value in values}) > 1 or all(map(_falls, values))
    }


def _falls(scores: Record) -> bool:
    """Return whether the values of an object are numbers that fall."""
    values = [*scores.values()]
    numbers = all(isinstance(value, int | float) for value in values)
    return numbers and falls(np.array([values], dtype=np.float64))


def _flat(record: Record, unordered: Collection[str]) -> Record:
    """Flatten a record without objects: {"prob": {"cat": 0.9}} becomes {"prob:cat": 0.9}.

    Args:
        unordered: keys of objects whose classes are sorted.
    """
    flat: Record = {}
    for name, value in record.items():
        if isinstance(value, dict):
            keys = sorted(value) if name in unordered else value
            flat |= {f"{name}:{key}": value[key] for key in keys}
        else:
            flat[name] = value
    return flat


def _class_name(label: object) -> str:
    """Transformers calls classes without names LABEL_0, LABEL_1, ..."""
    return str(label).removeprefix("LABEL_")


def _is_label_score(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"label", "score"}


def _column(name: str, values: list[Any]) -> np.ndarray | None:
    """Return numbers [N] or [N, K], or text as objects [N]; None for anything else."""
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, list) and len(value) == 1 for value in known):
        values = [None if value is None else value[0] for value in values]  # "gt_label": [3]
        known = [value for value in values if value is not None]
    if any(isinstance(value, dict) for value in known):
        return None
    if any(isinstance(value, list) for value in known):
        rows = [value if isinstance(value, list) else None for value in values]
        if not all(isinstance(number, int | float | None) for row in rows if row for number in row):
            return None
        return stacked(rows, name)
    if all(isinstance(value, int | float) for value in known):
        booleans = len(known) == len(values) and all(isinstance(value, bool) for value in known)
        if booleans and normal(name) in LABELS:
            return np.array(values, dtype=np.bool_)
        if len(known) == len(values) and all(isinstance(value, int) for value in known):
            return np.array(values, dtype=np.int64)
        return np.array([np.nan if value is None else float(value) for value in values])
    return np.array([None if value is None else str(value) for value in values], dtype=object)
