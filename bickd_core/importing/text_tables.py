"""Read csv, tsv and txt files into a table."""

from __future__ import annotations

import csv
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from bickd_core.importing.table import Table, check_size, check_unique, stacked
from bickd_core.importing.wrong_rows import wrong_rows
from bickd_core.reading import opened
from bickd_core.runs.predictions import PredictionsError

MAX_LINE = 1 << 24


def read_names(path: Path) -> Table:
    with opened(path) as file:
        content = _decoded(file.read(1 << 22))
    names = [line.strip() for line in content.splitlines() if line.strip()]
    if len(names) < 2:
        raise PredictionsError("expected a class name in each line, got fewer than two lines.")
    return Table({}, extras={"class_names": np.array(names, dtype=object)})


def _decoded(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PredictionsError(
            f"expected text in UTF-8, got the byte {content[error.start]:#04x} at position "
            f"{error.start:,}; save the file as UTF-8."
        ) from error


def read_csv(path: Path) -> Table:
    import pandas as pd

    with opened(path) as file:
        head = file.readline(MAX_LINE)
        second = file.readline(MAX_LINE)
        utf16 = head[:2] in (b"\xff\xfe", b"\xfe\xff")
    if utf16:
        raise PredictionsError("expected text in UTF-8, got UTF-16; save the file as UTF-8.")
    first = _decoded(head).rstrip("\r\n")
    if not first.strip():
        raise PredictionsError("expected a first line that names the columns, got an empty one.")
    separator = _separator(first, path.suffix.lower())
    header = next(csv.reader([first], delimiter=separator))
    bare = _is_row(header)
    if not bare:
        check_size(columns=len(header))
        check_unique(name for name in map(str.strip, header) if name)
    comma = separator != "," and _decimal_commas(second, separator)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=separator,
                header=None if bare else 0,
                encoding="utf-8-sig",
                keep_default_na=False,
                na_values=[""],
                low_memory=False,
                decimal="," if comma else ".",
                index_col=False,
                skip_blank_lines=True,
            )
    except UnicodeDecodeError as error:
        raise PredictionsError(
            f"expected text in UTF-8, got other bytes ({error.reason}); save the file as UTF-8."
        ) from error
    except (pd.errors.ParserWarning, pd.errors.ParserError) as error:
        _check_lines(path, separator, len(header))
        reason = str(error).strip().splitlines()[0].removeprefix("Error tokenizing data. C error: ")
        raise PredictionsError(
            f"expected {len(header):,} cells in each line, but reading failed ({reason[:100]});"
            " write it again."
        ) from error
    if not bare:
        frame.columns = [name.strip() or f"column {i + 1}" for i, name in enumerate(header)]
    if len(frame.columns) and frame.iloc[:, -1].isna().any():
        _check_lines(path, separator, len(header))
    columns = {str(name): _from_pandas(frame[name]) for name in frame.columns}
    notes = ("The first line holds numbers, so it was read as a row without column names.",)
    return Table(columns, first_line=1 if bare else 2, notes=notes if bare else ())


def _check_lines(path: Path, separator: str, count: int) -> None:
    """Check that all lines have as many cells as the first, because pandas would fill short lines
    with empty cells."""
    other: dict[int, int] = {}
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=separator)
        try:
            for cells in reader:
                if cells and len(cells) != count:
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


def _separator(first: str, suffix: str) -> str:
    if suffix == ".tsv" or "\t" in first:
        return "\t"
    counts = {separator: first.count(separator) for separator in (",", ";", "|")}
    return max(counts, key=lambda separator: counts[separator])


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


def _decimal_commas(line: bytes, separator: str) -> bool:
    cells = line.decode("utf-8", errors="replace").strip().split(separator)
    return any(
        cell.strip(' "').replace(",", "", 1).lstrip("-").isdigit() and "," in cell for cell in cells
    )


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
