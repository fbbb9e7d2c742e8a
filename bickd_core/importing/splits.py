"""Detect the split of a row or a file: train, validation or test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bickd_core.importing.layout import FILE_SPLITS, Layout
from bickd_core.importing.table import Table
from bickd_core.importing.words import normal
from bickd_core.importing.wrong_rows import wrong_rows
from bickd_core.runs.predictions import PredictionsError

COLUMNS = ("split", "subset", "partition", "set", "part", "fold")
_SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
_END = re.compile(
    r"[ _.\-]+(validation|valid|val|dev|testing|test)$|^(validation|valid|val|dev|testing|test)["
    r" _.\-]+",
    re.I,
)


def is_split_column(table: Table, name: str) -> bool:
    """Return whether a column is named like a split and has names of splits in most of its first
    cells."""
    column = table.columns[name]
    if normal(name) not in COLUMNS or column.ndim != 1 or column.dtype != object:
        return False
    cells = [value for value in column[:200] if value]
    return 2 * sum(value.strip().lower() in _SPLITS for value in cells) > len(cells)


def splits_of(table: Table, name: str) -> np.ndarray:
    """Return the split of each row, as objects [N].

    Raises:
        PredictionsError: a row does not name a split.
    """
    cells = [str(value or "").strip() for value in table.columns[name]]
    splits = [_SPLITS.get(cell.lower(), "") for cell in cells]
    wrong = [row for row, split in enumerate(splits) if not split]
    if wrong:
        raise wrong_rows(
            wrong,
            lambda row: f"{table.row(row)}, column '{name}'",
            "train, validation or test",
            lambda row: f"'{cells[row][:40]}'" if cells[row] else "an empty cell",
        )
    return np.array(splits, dtype=object)


def split_word(name: str) -> str:
    """Return the split that a name of an array begins or ends with; "" if there is none.

    >>> split_word("val_logits"), split_word("y_train"), split_word("contest")
    ('validation', 'train', '')
    """
    words = normal(name).split("_")
    return _SPLITS.get(words[0], "") or _SPLITS.get(words[-1], "")


def without_split(name: str) -> str:
    """Remove a split from a file name, so that both splits of a model have the same name.

    >>> [without_split(name) for name in ("bert_test", "bert-val", "val.bert", "test", "contest")]
    ['bert', 'bert', 'bert', 'test', 'contest']
    """
    return _END.sub("", name) or name


def split_counts(splits: Sequence[str]) -> str:
    """Describe how many rows each split has: "300 of test, 100 of validation"."""
    return ", ".join(f"{splits.count(split):,} of {split}" for split in dict.fromkeys(splits))


def by_split(table: Table, layout: Layout) -> list[tuple[Table, Layout]]:
    """Return the rows of test and of validation, each with its layout. Rows of train are left out.

    Raises:
        PredictionsError: a row does not name a split, or all rows are train.
    """
    splits = splits_of(table, layout.split)
    note = f"Column '{layout.split}' tells splits apart: {split_counts(splits.tolist())}."
    if "train" in splits:
        note = note[:-1] + ", which are not used."
    parts: list[tuple[Table, Layout]] = []
    for split in FILE_SPLITS:
        rows = np.flatnonzero(splits == split)
        if len(rows):
            part = table.take(rows)
            part_notes = () if parts else (note,)
            parts.append(
                (
                    replace(part, notes=(*part.notes, *part_notes)),
                    replace(layout, split="", rows_of=split),
                )
            )
    if not parts:
        raise PredictionsError(
            f"column '{layout.split}': expected rows of test or validation, got {len(splits):,} of"
            " train alone."
        )
    return parts
