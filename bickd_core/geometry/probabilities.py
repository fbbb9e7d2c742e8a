"""Softmax, entropy, and the temperature that matches the mean entropy of two models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.scipy_functions import entr

FLOAT32_ABOVE = 2_000_000
"""Logits (N x C) above which passes and products are float32."""
CELLS = 65_536
"""Numbers of a block of rows. A few such arrays fit into a processor's second-level cache."""
_LOWEST, _HIGHEST = 1e-3, 1e6
"""The temperatures that are searched."""
_FIRST_ROWS = 8_192
"""Rows on which the search for a matched temperature begins, if there are many more."""


def softmax(logits: np.ndarray, T: float | np.ndarray = 1.0) -> np.ndarray:
    """Probabilities `p_ic = exp(z_ic / T) / sum_d exp(z_id / T)`, float64, stable for any finite
    logits.

    Args:
        logits: [N, C].
        T: temperature, above 0; or [N], one a row.

    Returns:
        [N, C], rows sum to 1.

    Raises:
        ValueError: logits not a finite matrix, or T not above 0.

    >>> softmax(np.array([[0.0, np.log(3.0)]])).round(2).tolist()
    [[0.25, 0.75]]
    """
    scaled = shifted(logits)
    scaled /= checks.temperature(T, len(scaled))
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=1, keepdims=True)
    return scaled


def class_probabilities(
    logits: np.ndarray, T: float | np.ndarray, classes: Sequence[int]
) -> np.ndarray:
    """Columns of `softmax(logits / T)` [N, k] for a few classes, without an N x C matrix in
    float64.

    Args:
        logits: [N, C].
        T: temperature, above 0; or [N], one a row.
        classes: k class indices.
    """
    at = np.broadcast_to(checks.temperature(T, len(logits)), (len(logits), 1))
    probabilities = np.empty((len(logits), len(classes)))
    for rows, scaled in shifted_blocks(logits):
        scaled *= (1.0 / at[rows]).astype(scaled.dtype)
        np.exp(scaled, out=scaled)
        total = scaled.sum(axis=1, keepdims=True)
        probabilities[rows] = scaled[:, list(classes)] / total
    return probabilities


def top_class(logits: np.ndarray, T: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The top-1 class of each row, int64 [N], and its probability in `softmax(logits / T)`, float64
    [N], with no N x C matrix made.

    >>> predicted, confidence = top_class(np.array([[0.0, np.log(3.0)]]))
    >>> predicted.tolist(), confidence.round(2).tolist()
    ([1], [0.75])
    """
    T = checks.positive(T, "T")
    predicted, confidence = np.empty(len(logits), np.int64), np.empty(len(logits))
    for rows, scaled in shifted_blocks(logits):
        predicted[rows] = scaled.argmax(axis=1)
        scaled *= scaled.dtype.type(1.0 / T)
        np.exp(scaled, out=scaled)
        confidence[rows] = 1.0 / scaled.sum(axis=1).astype(np.float64)
    return predicted, confidence


def log_softmax(logits: np.ndarray, T: float = 1.0) -> np.ndarray:
    """`log softmax(z / T)` [N, C], float64; finite if the logits are."""
    scaled = shifted(logits) / checks.positive(T, "T")
    return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))


def entropy(P: np.ndarray) -> np.ndarray:
    """Entropy of each row in nats, `-sum_c p_c log p_c` [N], between 0 and log C."""
    return entr(checks.probabilities(P)).sum(axis=1)


def mean_entropy_at(logits: np.ndarray, T: float) -> float:
    """Mean entropy of `softmax(logits / T)` in nats, without making the probabilities."""
    return float(entropies_and_slopes(logits, T)[0].mean())


def entropies_and_slopes(
    logits: np.ndarray, T: float | np.ndarray, dtype: type[np.floating] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Entropy of each row of `softmax(logits / T)` in nats and its derivative in log T, float64 [N]
    each, without an N x C matrix.

    Args:
        logits: [N, C].
        T: temperature above 0, or [N] of them.
        dtype: as in `shifted_blocks`.
    """
    at = np.broadcast_to(checks.temperature(T, len(logits)), (len(logits), 1))[:, 0]
    entropies, slopes = np.empty(len(logits)), np.empty(len(logits))
    for rows, block in shifted_blocks(logits, dtype):
        entropies[rows], slopes[rows] = entropy_and_slope(block, at[rows])
    return entropies, slopes


def entropy_and_slope(shifted: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for rows that have their maximum at 0, in their type. Temperatures are [N]."""
    scaled = shifted * (1.0 / T).astype(shifted.dtype)[:, None]
    weights = np.exp(scaled)
    total = weights.sum(axis=1).astype(np.float64)
    weights *= scaled
    first = weights.sum(axis=1) / total
    second = np.einsum("ij,ij->i", weights, scaled) / total
    return np.log(total) - first, second - first**2


@dataclass(frozen=True)
class MatchedTemperature:
    """The temperature at which a model's mean entropy equals a target.

    Attributes:
        temperature: the temperature, or the nearer end of the search range if the target is not
            reached.
        entropy: mean entropy there, in nats.
        target: the target, in nats.
        reached: False if no temperature in the range gives the target, for example with tied
            logits. Figures at `temperature` are then not matched.
    """

    temperature: float
    entropy: float
    target: float
    reached: bool


def matched_temperature(
    logits: np.ndarray,
    target_entropy: float,
    *,
    tolerance: float | None = None,
    start: float = 1.0,
    dtype: type[np.floating] | None = None,
) -> MatchedTemperature:
    """Find the temperature at which the mean entropy of `softmax(logits / T)` equals
    `target_entropy`.

    Mean entropy never falls as T rises, `dH / dlog T = mean_i Var_{p_i}(z_i / T) >= 0`, so the root
    in log T is found by Newton's method inside a bracket. At matched mean entropy, models can still
    differ in how entropy varies over the samples; `matched_temperatures` matches each sample.

    Args:
        logits: [N, C].
        target_entropy: nats, at least 0; above log C it cannot be reached.
        tolerance: on the entropy, in nats; None for 1e-10 in float64, 1e-6 in float32.
        start: where the search begins; a good guess saves steps. Far more than `_FIRST_ROWS` rows
            are searched from the temperature of so many of them.
        dtype: as in `shifted_blocks`.

    Returns:
        MatchedTemperature, with `reached` False at an end of the range when the target lies beyond
        it.

    Raises:
        ValueError: a target that is negative or not finite.
    """
    if not (np.isfinite(target_entropy) and target_entropy >= 0):
        raise ValueError(
            f"target_entropy must be at least 0 nats, got {target_entropy!r}: pass"
            " entropy(P).mean()."
        )
    low, high = ends = float(np.log(_LOWEST)), float(np.log(_HIGHEST))
    dtype = dtype or pass_dtype(logits)
    if tolerance is None:
        tolerance = 1e-10 if dtype is np.float64 else 1e-6
    if len(logits) >= 4 * _FIRST_ROWS:
        some = logits[:: len(logits) // _FIRST_ROWS]
        start = matched_temperature(some, target_entropy, tolerance=1e-3, start=start).temperature
    at = min(max(float(np.log(checks.positive(start, "start"))), low), high)
    for _ in range(200):
        value, slope = (
            float(values.mean()) for values in entropies_and_slopes(logits, np.exp(at), dtype)
        )
        gap = value - target_entropy
        if abs(gap) <= tolerance:
            return MatchedTemperature(float(np.exp(at)), value, float(target_entropy), True)
        if (at == ends[0] and gap > 0) or (at == ends[1] and gap < 0) or high - low < 1e-14:
            break
        low, high = (low, at) if gap > 0 else (at, high)
        step = -gap / slope if slope > 0 else -np.sign(gap) * np.inf
        at = within_bracket(at + float(np.clip(step, -3.0, 3.0)), low, high, ends)
    return MatchedTemperature(float(np.exp(at)), value, float(target_entropy), False)


def within_bracket(proposal: float, low: float, high: float, ends: tuple[float, float]) -> float:
    """A step of Newton's method in the bracket [low, high] of the range `ends`: the middle of the
    bracket for a step that leaves it, except at an end of the range, which is tried itself."""
    if low < proposal < high:
        return proposal
    limit, end = (high, ends[1]) if proposal >= high else (low, ends[0])
    return limit if limit == end else (low + high) / 2


def pass_dtype(logits: np.ndarray) -> type[np.floating]:
    """The type of passes over these logits: float32 above `FLOAT32_ABOVE` numbers, else float64."""
    return np.float32 if np.size(logits) > FLOAT32_ABOVE else np.float64


def shifted(rows: np.ndarray, dtype: type[np.floating] = np.float64) -> np.ndarray:
    """Rows [N, C] minus the maximum of each, in `dtype`: a new array.

    Raises:
        ValueError: not a finite matrix.
    """
    if dtype is np.float64 or rows.dtype != np.float32:
        rows = checks.matrix(rows, "logits")
    elif not np.isfinite(rows).all():
        checks.matrix(rows, "logits")
    return (rows - rows.max(axis=1, keepdims=True)).astype(dtype, copy=False)


def shifted_blocks(
    logits: np.ndarray, dtype: type[np.floating] | None = None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of rows minus the maximum of each row, as (rows, new array), from first to last.

    Args:
        logits: [N, C]; they may be mapped from a file.
        dtype: of the arrays; None for that of `pass_dtype`.
    """
    dtype = dtype or pass_dtype(logits)
    for rows in row_blocks(*np.shape(logits)):
        yield rows, shifted(logits[rows], dtype)


def probability_blocks(
    logits: np.ndarray, T: float | np.ndarray = 1.0, dtype: type[np.floating] | None = None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of rows of `softmax(logits / T)`, as (rows, new array), from first to last; T is one
    temperature or [N]."""
    at = np.broadcast_to(checks.temperature(T, len(logits)), (len(logits), 1))
    for rows, block in shifted_blocks(logits, dtype):
        yield rows, softmax_in_place(block, at[rows])


def softmax_in_place(shifted: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Turn rows with their maximum at 0 into probabilities at the temperatures T [N, 1]."""
    shifted *= (1.0 / T).astype(shifted.dtype)
    np.exp(shifted, out=shifted)
    shifted *= 1.0 / shifted.sum(axis=1, keepdims=True)
    return shifted


def row_blocks(n: int, columns: int) -> list[slice]:
    """Slices of rows that hold some `CELLS` numbers each, so that temporary arrays stay in the
    processor's cache."""
    size = max(1, CELLS // max(columns, 1))
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
