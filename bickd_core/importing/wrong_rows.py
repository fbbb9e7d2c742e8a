"""Error messages that name the wrong rows of a file: the first three, and how many more there
are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bickd_core.runs.predictions import PredictionsError

NAMED = 3


def wrong_rows(
    rows: Sequence[int] | np.ndarray,
    where: Callable[[int], str],
    expected: str,
    got: Callable[[int], str],
    hint: str = "",
    *,
    error: type[PredictionsError] = PredictionsError,
) -> PredictionsError:
    """Return an error that names rows which are wrong in the same way.

    Args:
        rows: positions of all wrong rows, at least one, in order.
        where: returns the name of a row and its column.
        expected: what a row should hold.
        got: returns what a wrong row holds instead.
        hint: what to do; "" if that is obvious.
        error: the class of the error.

    >>> print(wrong_rows([0, 2, 5, 7], lambda row: f"row {row + 1}", "a number",
    ...     lambda row: f"'{row}x'"))
    row 1: expected a number, got '0x'; also row 3 with '2x', row 6 with '5x' and 1 more.
    """
    named = [int(row) for row in rows[:NAMED]]
    text = f"{where(named[0])}: expected {expected}, got {got(named[0])}"
    if also := [f"{where(row)} with {got(row)}" for row in named[1:]]:
        more = len(rows) - len(named)
        rest = f"{more:,} more" if more else also.pop()
        text += f"; also {' and '.join(filter(None, (', '.join(also), rest)))}"
    return error(f"{text}{f'; {hint}' if hint else ''}.")
