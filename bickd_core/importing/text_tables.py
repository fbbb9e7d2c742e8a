"""Read csv, tsv and txt files into a table."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bickd_core.data.folders import IMAGE_SUFFIXES
from bickd_core.importing.table import Table, check_size, check_unique, names_in_lists, stacked
from bickd_core.importing.words import CLASSES, IDS, LABELS, PATHS, is_count, normal
from bickd_core.importing.wrong_rows import wrong_rows
from bickd_core.naming import first_line
from bickd_core.reading import opened
from bickd_core.runs.predictions import PredictionsError

MAX_LINE = 1 << 24


def read_txt(path: Path) -> Table:
    """Read a txt file: a table of numbers, the class of each sample, or the names of the
    classes."""
    with opened(path) as file:
        lines = [line.strip() for line in _decoded(file.read(_NAMES_BYTES)).splitlines()]
    lines = [line for line in lines if line]
    data = [line for line in lines if not line.startswith("#")]
    if len(data) > 1 and _numbers_in(data[1], _separator(data[1], data[:1], "")) > 1:
        return read_csv(path)
    pairs = [_FILE_AND_CLASS.fullmatch(line) for line in lines]
    if lines and all(pairs):
        columns = [[match[i] for match in pairs if match] for i in (1, 2)]
        return Table(
            {
                "path": np.array(columns[0], dtype=object),
                "label": np.array([int(number) for number in columns[1]], dtype=np.int64),
            },
            first_line=1,
        )
    if len(lines) < 2:
        raise PredictionsError("expected a class name in each line, got fewer than two lines.")
    return names_or_labels(lines)


def names_or_labels(values: Sequence[str]) -> Table:
    """Return the names of classes; or labels, if numbers repeat or most names do.

    >>> list(names_or_labels(["cat", "dog"]).extras), list(names_or_labels(["0", "1"] * 3).columns)
    (['class_names'], ['labels'])
    """
    distinct, numbers = len(set(values)), all(map(is_count, values))
    if distinct == len(values) or (not numbers and 2 * distinct > len(values)):
        return Table({}, extras={"class_names": np.array(values, dtype=object)})
    if numbers:
        return Table({"labels": np.array([int(value) for value in values], dtype=np.int64)})
    return Table({"labels": np.array(values, dtype=object)})


_NAMES_BYTES = 1 << 26
_SUFFIXES = "|".join(map(re.escape, IMAGE_SUFFIXES))
_FILE_AND_CLASS = re.compile(rf"(\S.*(?:{_SUFFIXES}))\s+(\d{{1,9}})", re.I)
"""A line of a list of images, as of ImageNet's val.txt."""
_WHITESPACE = r"\s+"
_MOST_COMMENTS = 100
_FIRST_ROWS, _FIRST_BYTES = 50, 1 << 20
"""How much is read to find the separator and the decimal mark."""


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PredictionsError(
            f"expected text in UTF-8, got the byte {content[error.start]:#04x} at position "
            f"{error.start:,}; save the file as UTF-8."
        ) from error


def read_csv(path: Path) -> Table:
    import pandas as pd

    comments: list[bytes] = []
    with opened(path) as file:
        head = file.readline(MAX_LINE)
        while head.startswith(b"#") and len(comments) < _MOST_COMMENTS:
            comments.append(head)
            head = file.readline(MAX_LINE)
        after = file.readline(MAX_LINE)
        for _ in range(_FIRST_ROWS - 1):
            if len(after) < _FIRST_BYTES:
                after += file.readline(MAX_LINE)
    text = _decoded(head).rstrip("\r\n") + f"\n{after.decode('utf-8', errors='replace')}"
    first, *rows = text.replace("\r", "\n").split("\n")  # old Macs end a line by \r
    rows = [row for row in rows if row.strip()][:_FIRST_ROWS]
    if not first.strip():
        raise PredictionsError("expected a first line that names the columns, got an empty one.")
    separator = _separator(first, rows, path.suffix.lower())
    header = _cells(first, separator)
    bare = _is_row(header)
    names = _cells(_decoded(comments[-1]).strip("# \r\n"), separator) if comments else []
    if len(names) != len(header) or _is_row(names):
        names = []
    else:
        bare = True  # numpy.savetxt(header=...) writes the names behind a #
    if names or not bare:
        check_size(columns=len(header))
        check_unique(name for name in map(str.strip, names or header) if name)
    titles = [] if bare and not names else [name.strip() for name in names or header]
    codes = [i for i, name in enumerate(titles) if not name or normal(name) in (*IDS, *PATHS)]
    comma = separator not in (",", _WHITESPACE) and _decimal_commas(rows, separator)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=separator,
                header=None if bare else 0,
                skiprows=len(comments),
                encoding="utf-8-sig",
                keep_default_na=False,
                na_values=[""],
                low_memory=False,
                decimal="," if comma else ".",
                dtype={i: str for i in codes},
                index_col=False,
                skip_blank_lines=True,
            )
    except UnicodeDecodeError as error:
        raise PredictionsError(
            f"expected text in UTF-8, got other bytes ({error.reason}); save the file as UTF-8."
        ) from error
    except (pd.errors.ParserWarning, pd.errors.ParserError) as error:
        _check_lines(path, separator, len(header), len(comments))
        reason = first_line(error).removeprefix("Error tokenizing data. C error: ")
        raise PredictionsError(
            f"expected {len(header):,} cells in each line, but reading failed ({reason[:100]});"
            " write it again."
        ) from error
    if titles:
        frame.columns = [name or f"column {i + 1}" for i, name in enumerate(titles)]
    if len(frame.columns) and frame.iloc[:, -1].isna().any():
        _check_lines(path, separator, len(header), len(comments))
    columns = {
        str(name): _from_pandas(
            _numbers_or_codes(frame[name], comma) if i in codes else frame[name]
        )
        for i, name in enumerate(frame.columns)
    }
    notes = ("The first line holds numbers, so it was read as a row without column names.",)
    lists_of_text = {
        name: lists
        for name, column in columns.items()
        if normal(name) in (*LABELS, *CLASSES)
        and column.dtype == object
        and (lists := _written_names(column)) is not None
    }
    return Table(
        {name: column for name, column in columns.items() if name not in lists_of_text},
        lists_of_text=lists_of_text,
        first_line=len(comments) + (1 if bare else 2),
        notes=notes if bare and not names else (),
    )


def _cells(line: str, separator: str) -> list[str]:
    """Split a line into its cells."""
    if separator == _WHITESPACE:
        return line.split()
    return next(csv.reader([line], delimiter=separator), [])


def _numbers_in(line: str, separator: str) -> int:
    """Return how many cells of a line are numbers.

    >>> _numbers_in("0.5 2 cat", _WHITESPACE)
    2
    """
    return sum(bool(_NUMBER.fullmatch(cell.strip())) for cell in _cells(line, separator))


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.I)


def _check_lines(path: Path, separator: str, count: int, comments: int = 0) -> None:
    """Check that all lines have as many cells as the first, because pandas would fill short lines
    with empty cells."""
    other: dict[int, int] = {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        if separator == _WHITESPACE:
            file_lines = (" ".join(line.split()) for line in file)
            reader = csv.reader(file_lines, delimiter=" ", quoting=csv.QUOTE_NONE)
        else:
            reader = csv.reader(file, delimiter=separator)
        try:
            for cells in reader:
                if reader.line_num > comments and cells and len(cells) != count:
                    other[reader.line_num] = len(cells)
        except csv.Error as error:
            raise PredictionsError(
                f"line {reader.line_num:,}: expected cells of text or numbers, but reading failed"
                f" ({error})."
            ) from error
    if other:
        raise wrong_rows(
            list(other),
            lambda line: f"line {line:,}",
            f"{count:,} cells",
            lambda line: f"{other[line]:,}",
            "give every line as many cells as the first",
        )


def _separator(first: str, rows: Sequence[str], suffix: str) -> str:
    """Return what separates the cells: a tab, the blanks between numbers, or that of , ; and |
    which gives most rows as many cells as the first line, and of several the most frequent there.

    >>> _separator("id;a, b;c, d, e", ["0;0,5;0,5"], ".csv")
    ';'
    """
    if suffix == ".tsv" or "\t" in first:
        return "\t"
    if not any(separator in first for separator in ",;|") and len(first.split()) > 1:
        blank = not rows or len(first.split()) == len(rows[0].split())
        if blank and _numbers_in(rows[0] if rows else first, _WHITESPACE) > 1:
            return _WHITESPACE

    def fit(separator: str) -> tuple[int, int]:
        cells = _cell_count(first, separator)
        same = sum(_cell_count(row, separator) == cells for row in rows) if cells > 1 else 0
        return same, first.count(separator)

    return max(",;|", key=fit)


def _cell_count(line: str, separator: str) -> int:
    try:
        return len(_cells(line, separator))
    except csv.Error:  # a cell is longer than the reader allows
        return 0


def _is_row(header: list[str]) -> bool:
    """Return whether the first line is a row of numbers. Numbers that count the columns are
    names."""
    try:
        values = [float(cell) for cell in header]
    except ValueError:
        return False
    counted = values in (
        [*map(float, range(len(values)))],
        [*map(float, range(1, len(values) + 1))],
    )
    return not counted and any("." in cell or "e" in cell.lower() for cell in header)


def _decimal_commas(rows: Sequence[str], separator: str) -> bool:
    """Return whether a cell of these rows is a number with a decimal comma."""
    cells = (cell for row in rows for cell in row.split(separator) if "," in cell)
    return any(_COMMA_NUMBER.fullmatch(cell.strip(' "')) for cell in cells)


_COMMA_NUMBER = re.compile(r"[+-]?(\d+,\d*|,\d+)(e[+-]?\d+)?", re.I)


def _numbers_or_codes(values: Any, comma: bool) -> Any:
    """Convert a column of text to numbers, unless it has a word or a number such as 007, whose
    zeros belong to the name of a sample.

    Args:
        values: a pandas Series of text.
        comma: whether numbers have decimal commas.
    """
    import pandas as pd

    if values.str.match(r"\s*0\d").any():
        return values
    try:
        numbers = pd.to_numeric(values.str.replace(",", ".") if comma else values)
    except (ValueError, TypeError):
        return values
    return numbers if numbers.dtype.kind in "iuf" else values


def _from_pandas(values: Any) -> np.ndarray:
    """Convert a column: numbers stay, text becomes str or None for empty cells, and lists in text
    become [N, K]."""
    if values.dtype.kind in "biuf":
        return values.to_numpy()
    array = values.to_numpy(dtype=object)
    missing = values.isna().to_numpy()
    array = np.array([None if m else str(v) for v, m in zip(array, missing, strict=True)], object)
    percent = _percentages(array)
    if percent is not None:
        return percent
    lists = _written_lists(array)
    return array if lists is None else lists


_PERCENT = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*%\s*")


def _percentages(array: np.ndarray) -> np.ndarray | None:
    """Return the numbers [N] of a column with only percentages ("63.5%"), with NaN for empty
    cells."""
    matches = [_PERCENT.fullmatch(value) if value else None for value in array]
    if not any(matches) or any(
        value and not match for value, match in zip(array, matches, strict=True)
    ):
        return None
    return np.array([float(match[1]) if match else np.nan for match in matches])


_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


def _written_names(array: np.ndarray) -> np.ndarray | None:
    """Return lists of names in text ("['cat', 'dog']", or "['cat' 'dog']" by numpy) as objects
    [N, K]; None for other text."""
    if not all(value and value.startswith("[") and value.endswith("]") for value in array):
        return None
    rows = [_QUOTED.findall(value[:MAX_LINE]) for value in array]
    return names_in_lists([[single or double for single, double in row] for row in rows])


_WRAPPED = re.compile(r"np\.float\d+\(|tensor\(|array\(|\)")
"""Characters around the numbers of a list in text."""


def _written_lists(array: np.ndarray) -> np.ndarray | None:
    """Return lists in text ("[0.1, 0.2]", or "[0.1 0.2]" by numpy) as [N, K]; None for other
    text."""
    first = _WRAPPED.sub("", next((value for value in array if value), "")[:MAX_LINE])
    if not (first.startswith("[") and first.endswith("]")):
        return None
    rows = []
    for position, value in enumerate(array):
        inside = (
            _WRAPPED.sub("", value or "")
            .strip()
            .removeprefix("[")
            .removesuffix("]")
            .replace(",", " ")
            .split()
        )
        if "..." in inside:
            raise PredictionsError(
                f"expected every score, but row {position + 1:,} is shortened by '...'; save each "
                "class in a column of its own, or the arrays as npz."
            )
        try:
            rows.append([float(number) for number in inside])
        except ValueError:
            return None
    return stacked(rows)
