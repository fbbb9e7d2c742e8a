"""The column of a table that says which part of the data an image belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bickd_core.data.errors import DataError
from bickd_core.data.folders import as_text, part_of
from bickd_core.data.listing import usual_parts

_COLUMNS = ("split", "part", "subset", "set")


def parts_of(file: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the part of each row, by the rule for folders of parts.

    Rows of validation are test if there are no rows of test.

    Args:
        file: the table, for messages.
        head: names of the columns in lower case; empty if the table has none.
        rows: the rows below them.

    Returns:
        "train", "validation" or "test"; "all" for every row if there is no column of parts, or if
        all rows are train.

    Raises:
        DataError: a part is unknown, or no row is train.
    """
    column = next((head.index(each) for each in _COLUMNS if each in head), None)
    if column is None:
        return ["all"] * len(rows)
    parts = []
    for number, row in enumerate(rows, 1):
        word = row[column].strip() if len(row) > column else ""
        part = part_of(word)
        if part is None:
            raise DataError(
                f"{as_text(file)} names the part {word!r} in row {number} of the column"
                f" {head[column]!r}; expected train, test or validation: write one of these, or"
                " give the column another name if it says something else."
            )
        parts.append(part)
    if parts and "train" not in parts:
        raise DataError(
            f"{as_text(file)} has rows of {parts[0]} but no rows of train in its column"
            f" {head[column]!r}; add them, or remove the column to use a fifth of the images as"
            " test."
        )
    renamed = {part: usual for usual, part in usual_parts({part: part for part in parts}).items()}
    return [renamed[part] for part in parts]
