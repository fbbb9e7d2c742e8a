"""A table of named columns of equal length, which every prediction file is read into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bickd_core.importing.wrong_rows import wrong_rows
from bickd_core.naming import some_names
from bickd_core.runs.predictions import PredictionsError

MAX_COLUMNS = 100_000
MAX_ROWS = 5_000_000


@dataclass(frozen=True)
class Table:
    """The columns of one file.

    Attributes:
        columns: arrays of N rows by name: numbers [N], text as objects (str or None) [N], or [N, K]
            for a column that holds a list in each row.
        extras: arrays of another length, such as class names.
        names: class names that the file gives for a label column (Hugging Face `datasets`).
        first_line: line number of the first row; 0 if the file has no lines.
        notes: one sentence for each thing that was noticed while reading.
        row_names: the name of each row in messages, if rows are not those of the file; empty to
            number them.
        unread: names of arrays that hold Python objects, which are never unpickled.
        places: positions of the rows in the file, if only some are left; None for all.
        index: columns that hold the index of a pandas table, so they are no scores.
        lists_of_text: columns with a list of names in each row, as objects [N, K].
        unordered: columns of scores whose class order is alphabetical, because the file does not
            give one.
    """

    columns: dict[str, np.ndarray]
    extras: dict[str, np.ndarray] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    first_line: int = 0
    notes: tuple[str, ...] = ()
    row_names: tuple[str, ...] = ()
    places: np.ndarray | None = None
    unread: tuple[str, ...] = ()
    index: tuple[str, ...] = ()
    lists_of_text: dict[str, np.ndarray] = field(default_factory=dict)
    unordered: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def take(self, rows: np.ndarray) -> Table:
        """Return the rows at these positions. In messages they keep their names from the file."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        places = rows if self.places is None else self.places[rows]
        return replace(self, columns=columns, places=places)

    def row(self, position: int) -> str:
        """Return the name of a row for messages: its number from 1 and its line in the file."""
        if self.places is not None:
            position = int(self.places[position])
        if self.row_names:
            return self.row_names[position]
        line = f" (line {position + self.first_line:,})" if self.first_line else ""
        return f"row {position + 1:,}{line}"


def check_size(*, rows: int = 0, columns: int = 0) -> None:
    """Check that a table is not too large.

    Raises:
        PredictionsError: it has more than MAX_ROWS rows or MAX_COLUMNS columns.
    """
    for what, count, most in (("rows", rows, MAX_ROWS), ("columns", columns, MAX_COLUMNS)):
        if not 0 <= count <= most:
            raise PredictionsError(f"expected at most {most:,} {what}, got {count:,}.")


def check_unique(names: Iterable[str]) -> None:
    """Check that all columns have different names.

    Raises:
        PredictionsError: two columns have the same name.
    """
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise PredictionsError(
            f"expected a different name for each column, got '{twice[:80]}' twice; rename one."
        )


def check_columns(table: Table, names: Iterable[str | None]) -> None:
    """Check that a table has all of these columns. Empty names are ignored.

    Raises:
        PredictionsError: there is no such column.
    """
    missing = next((name for name in names if name and name not in table.columns), None)
    if missing is not None:
        raise PredictionsError(
            f"there is no column '{missing}'; the columns are"
            f" {some_names(list(table.columns), most=8)}."
        )


def check_filled(table: Table, name: str, expected: str) -> None:
    """Check that a column of text has no empty cells.

    Args:
        expected: what a cell should hold, for the message.
    """
    column = table.columns[name]
    empty = [] if column.dtype != object else [row for row, value in enumerate(column) if not value]
    if empty:
        raise wrong_rows(
            empty,
            lambda row: f"{table.row(row)}, column '{name[:80]}'",
            expected,
            lambda row: "an empty cell",
        )


def parsed_numbers(column: np.ndarray) -> np.ndarray:
    """Return cells as float64, with NaN for text that is not a number."""
    if column.dtype != object:
        return column.astype(np.float64)

    def number(value: str | None) -> float:
        try:
            return float(value or "nan")
        except ValueError:
            return float("nan")

    return np.array([number(value) for value in column])


def stacked(rows: list[Any], name: str = "") -> np.ndarray:
    """Return lists of equal length as float64 [N, K].

    Args:
        rows: a list of numbers, or None, for each row.
        name: the column's name, for messages.

    Raises:
        PredictionsError: a list is missing, or has another length than most.
    """
    lengths = Counter(len(row) if row is not None else -1 for row in rows)
    if len(lengths) > 1:
        most = lengths.most_common(1)[0][0]
        other = [i for i, row in enumerate(rows) if row is None or len(row) != most]
        where = f", column '{name}'" if name else ""
        raise wrong_rows(
            other,
            lambda row: f"row {row + 1:,}{where}",
            f"a list of {most:,} numbers",
            lambda row: "none" if rows[row] is None else f"{len(rows[row]):,}",
        )
    return single_column(np.array(rows, dtype=np.float64))


def names_in_lists(rows: Sequence[Any]) -> np.ndarray | None:
    """Return lists of names of equal length as objects [N, K]; None for anything else.

    >>> names_in_lists([["cat", "dog"], ["dog", "cat"]]).shape, names_in_lists([["cat"], []])
    ((2, 2), None)
    """
    lists = [row for row in rows if isinstance(row, list) and len(row) > 1]
    if not lists or len(lists) < len(rows) or len({len(row) for row in lists}) > 1:
        return None
    if not all(isinstance(name, str) for row in lists for name in row):
        return None
    return np.array(lists, dtype=object)


def single_column(lists: np.ndarray) -> np.ndarray:
    """Return lists of one number [N, 1], such as labels of mmpretrain, as [N], with whole numbers
    as int64; others unchanged.

    >>> single_column(np.array([[3.0], [1.0]])).tolist(), single_column(np.zeros((1, 2))).shape
    ([3, 1], (1, 2))
    """
    if lists.ndim != 2 or lists.shape[1] != 1:
        return lists
    column = lists[:, 0]
    whole = np.isfinite(column).all() and (column == np.round(column)).all()
    return column.astype(np.int64) if whole else column
