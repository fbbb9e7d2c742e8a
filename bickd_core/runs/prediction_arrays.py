"""Turn probabilities, labels, names and ids of many types into the arrays of a `Predictions`."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from bickd_core.naming import nearest, some_names

SUM_TOLERANCE = 1e-3
"""How far a row of probabilities may be from a sum of 1."""
SMALLEST = 1e-8
"""What a probability of 0 becomes, unless a smaller one above 0 occurs: then that."""
_BLOCK = 4096


class PredictionsError(ValueError):
    """Predictions that cannot be read or compared. The message gives the reason."""


def logits_from_probabilities(P: np.ndarray, *, tolerance: float = SUM_TOLERANCE) -> np.ndarray:
    """Return logits whose softmax is `P`: the logarithm of each probability.

    A probability of 0 has no logarithm, so it is raised to `smallest_probability(P)`. KL from the
    teacher, CKA of logits, and overlap and entropy above T = 1 then depend on this value.

    Args:
        P: probabilities [N, C] of samples by classes, at least 0; each row sums to 1.
        tolerance: how far the sum of a row may be from 1, for rounded values.

    Returns:
        Logits, float32 [N, C].

    Raises:
        PredictionsError: a value is missing or negative, or a row does not sum to 1. The message
            names the row, counted from 0.

    >>> np.exp(logits_from_probabilities(np.array([[0.25, 0.75], [0.0, 1.0]]))).round(4).tolist()
    [[0.25, 0.75], [0.0, 1.0]]
    """
    P = np.asarray(P)
    if P.ndim != 2:
        raise PredictionsError(
            "`probabilities` must be [N, C], a row for each sample and a column for each class,"
            f" got shape {P.shape}; for two classes, pass the columns 1 - p and p."
        )
    if P.dtype.kind not in "fiu":
        raise PredictionsError(f"`probabilities` must be real numbers, got {P.dtype}.")
    smallest = smallest_probability(P)
    logits = np.empty(P.shape, dtype=np.float32)
    for start in range(0, len(P), _BLOCK):
        rows = P[start : start + _BLOCK].astype(np.float64)
        _check_rows(rows, start, tolerance)
        logits[start : start + _BLOCK] = np.log(np.maximum(rows, smallest))
    return logits


def smallest_probability(P: np.ndarray) -> float:
    """Return what a probability of 0 in `P` becomes: 1e-8, or the smallest one above 0 if it is
    less.

    A 0 in a file with few decimals, or of a forest that counts its trees, is then small but not
    impossible. A 0 that a softmax in float32 gives is less than every other number in `P`.

    >>> smallest_probability(np.array([[0.5, 0.5, 0.0]])), smallest_probability(np.array([[1,
    ...     1e-40]]))
    (1e-08, 1e-40)
    """
    return min(SMALLEST, float(np.min(P, where=P > 0, initial=1.0)))


def _check_rows(rows: np.ndarray, start: int, tolerance: float) -> None:
    sums = rows.sum(axis=1)
    wrong = ~np.isfinite(sums) | (rows < 0).any(axis=1) | ~(np.abs(sums - 1) <= tolerance)
    if not wrong.any():
        return
    row = int(wrong.argmax())
    values = rows[row]
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        column = int(bad.argmax())
        raise PredictionsError(
            f"`probabilities` must be at least 0, got {values[column]:.4g} in row {start + row},"
            f" column {column}; pass values before the softmax as `logits`."
        )
    raise PredictionsError(
        f"`probabilities` must sum to 1 in each row, to within {tolerance:g}, got {sums[row]:.4g}"
        f" in row {start + row}; pass values before the softmax as `logits`."
    )


def plain_array(values: Any, name: str) -> np.ndarray:
    """Return a NumPy array of a list, an array, a tensor on any device, or a pandas object.

    Raises:
        PredictionsError: rows of different lengths, or values of no common type.
    """
    if hasattr(values, "detach"):  # a torch tensor; NumPy has no bfloat16
        values = values.detach().cpu()
        values = values.float() if "bfloat16" in str(values.dtype) else values
    try:
        array = np.asarray(values)
        if array.dtype.kind in "OT":  # text or nullable numbers of pandas, text of variable length
            array = np.array(array.tolist())
    except ValueError as error:
        raise PredictionsError(
            f"`{name}` must be an array with rows of one length, got rows that differ."
        ) from error
    return np.char.decode(array) if array.dtype.kind == "S" else array


def check_same_index(scores: Any, values: Any, name: str) -> None:
    """Refuse a pandas object in another order than the scores, which would pair other samples."""
    index, other = (
        values_.index if hasattr(values_, "iloc") else None for values_ in (scores, values)
    )
    if index is not None and other is not None and not index.equals(other):
        raise PredictionsError(
            f"`{name}` must have the same index as the scores, got another; reindex it, or pass a"
            " NumPy array if the order is the same."
        )


def check_logits(values: Any) -> np.ndarray:
    """Return logits as float32 [N, C]; refuse rows that are probabilities."""
    logits = check_scores(values, "logits")
    if len(logits) and logits.size and (logits >= 0).all():
        sums = logits.sum(axis=1, dtype=np.float64)
        if (np.abs(sums - 1) <= SUM_TOLERANCE).all():
            raise PredictionsError(
                "`logits` must be values before the softmax, got rows that are at least 0 and sum"
                " to 1; pass them as `probabilities`."
            )
    return logits


def check_scores(values: Any, name: str) -> np.ndarray:
    """Return logits or features as float32 [N, columns], or raise PredictionsError."""
    array = plain_array(values, name)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise PredictionsError(
            f"`{name}` must be numbers in rows and columns, got shape {array.shape} of"
            f" {array.dtype}."
        )
    with np.errstate(over="ignore"):  # infinity, which is refused with its row
        return array.astype(np.float32)


def class_values(class_names: Any, columns: Any, count: int) -> list[Hashable]:
    """Return the value of each class: `class_names`, else the columns of a data frame, else 0 to C
    - 1.

    Whole numbers are ints, so that 1.0, as in scikit-learn's `classes_`, is class 1.
    """
    values = columns if class_names is None else class_names
    if values is None:
        return list(range(count))
    array = plain_array(values, "class_names")
    if array.shape != (count,):
        raise PredictionsError(
            f"`class_names` must name the {count} columns in their order, got {array.size} names."
        )
    return _values(array)


def _values(array: np.ndarray) -> list[Hashable]:
    return [int(v) if isinstance(v, float) and v.is_integer() else v for v in array.tolist()]


def label_positions(labels: Any, classes: Sequence[Hashable], count: int) -> np.ndarray:
    """Return the class of each sample as a position among the columns, int64 [N].

    Args:
        labels: [N] values of `classes`; or positions (numbers), where the classes are names.
        classes: what `class_values` returned.
        count: N.

    Raises:
        PredictionsError: a label that is missing or is no class; the message names the row.
    """
    array = plain_array(labels, "labels")
    if array.shape != (count,):
        raise PredictionsError(
            f"`labels` must hold one class for each of {count} samples, got shape {array.shape}."
        )
    values = _values(array)
    named = any(isinstance(value, str) for value in classes)
    numbers = array.dtype.kind in "fiub"
    if named and numbers:
        places: dict[Hashable, int] = {i: i for i in range(len(classes))}
        expected = f"a class name or a position from 0 to {len(classes) - 1}"
    else:
        as_text = not numbers
        places = {str(value) if as_text else value: i for i, value in enumerate(classes)}
        expected = f"one of the classes {some_names(list(map(str, classes)))}"
    positions = [places.get(value, -1) for value in values]
    if -1 in positions:
        row = positions.index(-1)
        close = nearest(values[row], map(str, places)) if not numbers else None
        hint = f"; the nearest is {close!r}" if close else ""
        if not numbers and list(classes) == list(range(len(classes))):
            hint += "; pass `class_names` in the order of the columns"
        raise PredictionsError(
            f"`labels` must be {expected}, got {values[row]!r} in row {row}{hint}."
        )
    return np.array(positions, dtype=np.int64)


def sample_ids(ids: Any, index: Any, count: int) -> np.ndarray:
    """Return ids as int64 or text [N]: `ids`, else the index of a data frame, else 0 to N - 1."""
    values = index if ids is None else ids
    if values is None:
        return np.arange(count, dtype=np.int64)
    array = plain_array(values, "ids")
    if array.dtype.kind == "f" and np.equal(np.mod(array, 1), 0).all():
        array = array.astype(np.int64)
    if array.dtype.kind not in "iuU":
        raise PredictionsError(f"`ids` must be whole numbers or text, got {array.dtype}.")
    return array.astype(np.int64) if array.dtype.kind in "iu" else array
