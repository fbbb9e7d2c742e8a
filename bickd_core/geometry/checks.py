"""Argument checks shared by the geometry modules. An error is one sentence with the expected and
the given value.
"""

from __future__ import annotations

import numpy as np


def matrix(values: np.ndarray, name: str) -> np.ndarray:
    """Return `values` as float64 [N, K] with N >= 1, or raise ValueError."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] < 1 or array.shape[1] < 1:
        raise ValueError(
            f"{name} must be a matrix [samples, columns] with at least one of each, got shape"
            f" {array.shape}: pass one row a sample."
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite, got {int((~np.isfinite(array)).sum())} values that are NaN or"
            " infinite: drop those samples first."
        )
    return array


def probabilities(P: np.ndarray, name: str = "P") -> np.ndarray:
    """Return `P` as float64 [N, C] without negative entries, or raise ValueError."""
    array = matrix(P, name)
    if array.min() < 0:
        raise ValueError(
            f"{name} must hold probabilities of at least 0, got {array.min():.3g}: pass"
            " softmax(logits, T), not the logits."
        )
    return array


def same_shape(a: np.ndarray, b: np.ndarray, names: str) -> None:
    """Raise ValueError unless both matrices have the same samples and columns."""
    if a.shape != b.shape:
        raise ValueError(
            f"{names} must have the same shape, got {a.shape} and {b.shape}: align the two models "
            "by sample id and class order first."
        )


def labels_for(
    labels: np.ndarray | None, n: int, n_classes: int | None, needed_for: str
) -> np.ndarray:
    """Return `labels` as int64 [n] within 0 .. n_classes - 1, or raise ValueError."""
    if labels is None:
        raise ValueError(
            f"labels must be given for {needed_for}, got None: pass the true class of each sample."
        )
    array = np.asarray(labels)
    if array.shape != (n,) or array.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be {n} integers, one a sample, got shape {array.shape} of type"
            f" {array.dtype}: pass class indices."
        )
    array = array.astype(np.int64)
    if n_classes is not None and (array.min() < 0 or array.max() >= n_classes):
        raise ValueError(
            f"labels must lie between 0 and {n_classes - 1}, got {array.min()} to {array.max()}: "
            "use the class order of the predictions."
        )
    return array


def positive(value: float, name: str) -> float:
    """Return `value` as a float greater than 0, or raise ValueError."""
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a finite number above 0, got {value!r}: try 4.0.")
    return float(value)


def temperature(value: float | np.ndarray, n: int) -> float | np.ndarray:
    """Return one temperature as a float, or one for each sample as a column float64 [n, 1]; or
    raise ValueError."""
    if np.ndim(value) == 0:
        return positive(float(value), "T")
    array = np.asarray(value, dtype=np.float64)
    if array.shape != (n,) or not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(
            f"T must be a finite number above 0, or {n} of them, one a sample, got shape"
            f" {array.shape}: pass the temperatures of these samples."
        )
    return array[:, None]


def class_index(value: int, n_classes: int, name: str) -> int:
    """Return `value` as a class index in 0 .. n_classes - 1, or raise ValueError."""
    if not 0 <= int(value) < n_classes:
        raise ValueError(f"{name} must be a class between 0 and {n_classes - 1}, got {value!r}.")
    return int(value)
