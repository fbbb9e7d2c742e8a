"""Detect the scale of scores from the sums of their rows, and convert them to logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bickd_core.importing.layout import SCALES, Scale
from bickd_core.importing.wrong_rows import wrong_rows
from bickd_core.runs.prediction_arrays import (
    PredictionsError,
    logits_from_probabilities,
    smallest_probability,
)

SUM_TOLERANCE = 0.02
"""How far the sum of a row of probabilities may be from 1, because of rounding."""
ROUNDED_TOLERANCE = 0.1
"""The same, for rows whose values all have two or three decimal places."""
RANGE_TOLERANCE = 1e-3
NEARLY_ONE = (0.5, 1.5)
"""Row sums of scores that were probably meant to be probabilities."""
SHARE = 0.95
"""Scores count as probabilities if this share of the rows are probabilities. The other rows are
errors."""


class ScaleError(PredictionsError):
    """Scores that do not fit their scale, whether recognised or chosen; another scale may help."""


@dataclass(frozen=True)
class Scores:
    """Logits float32 [N, C], the scale that they were converted from, and notes for the user."""

    logits: np.ndarray
    scale: Scale
    notes: tuple[str, ...] = ()


def to_logits(scores: np.ndarray, scale: Scale | None, at: Callable[[int], str]) -> Scores:
    """Convert scores of any scale to logits.

    Args:
        scores: float64 [N, C], finite.
        scale: the scale of the scores; None to detect it.
        at: returns the name of a row for messages.

    Raises:
        ScaleError: a row does not fit the scale.
        PredictionsError: the scale has no known name, or a score is too large for float32.
    """
    notes: list[str] = []
    if scale is None:
        scale = recognised(scores)
        sums = scores.sum(axis=1)
        if scale == "logits" and _look_like_probabilities(scores, sums):
            raise ScaleError(
                f"expected probabilities that sum to 1, or logits, got scores of {scores.min():.3g}"
                f" to {scores.max():.3g} whose rows sum to {sums.min():.3g} to {sums.max():.3g};"
                " divide each row by its sum, or choose logits."
            )
        if scale == "logits" and scores.max() > 1 and _are_counts(scores):
            notes.append(
                "all scores are whole numbers from 0, as counts of votes are. They are used as"
                " logits; if they are counts, divide each row by its sum."
            )
        if scale == "logits" and scores.min() >= 0 and scores.max() <= 1:
            notes.append(
                f"all scores are between 0 and 1, but rows sum to {sums.min():.3g} to"
                f" {sums.max():.3g}, so they are used as logits; softmax outputs would sum to 1."
            )
    if scale not in SCALES:
        raise PredictionsError(f"`scale` must be one of {', '.join(SCALES)}, got '{scale}'.")
    if scale in ("logits", "log-probabilities"):
        limit = float(np.finfo(np.float32).max)
        if np.abs(scores).max(initial=0.0) > limit:
            large = np.flatnonzero((np.abs(scores) > limit).any(axis=1))
            raise wrong_rows(
                large, at, "a score up to 3e38", lambda row: f"{np.abs(scores[row]).max():.1g}"
            )
        return Scores(scores.astype(np.float32), scale, tuple(notes))
    whole = 1.0 if scale == "probabilities" else 100.0
    shares = scores / whole
    wrong = ~_are_probabilities(shares)
    if wrong.any():

        def got(row: int) -> str:
            low, high = scores[row].min(), scores[row].max()
            if low < -RANGE_TOLERANCE * whole or high > (1 + RANGE_TOLERANCE) * whole:
                return f"a value of {low if low < 0 else high:.4g}"
            return f"{scores[row].sum():.4g}"

        hint = f"if these are not {scale}, choose logits"
        expected = f"{scale} that sum to {whole:g}"
        raise wrong_rows(np.flatnonzero(wrong), at, expected, got, hint, error=ScaleError)
    floor = smallest_probability(shares)
    zeros = int((shares < floor).sum())
    if zeros:
        notes.append(
            f"{zeros:,} of {shares.size:,} probabilities are 0 and become {floor:.1g}, because 0"
            " has no logarithm; KL from the teacher, CKA of logits, and overlap above"
            " T = 1 depend on this value. Logits or more decimals avoid it."
        )
    logits = logits_from_probabilities(
        np.maximum(shares, 0), tolerance=float("inf")
    )  # checked above
    return Scores(logits, scale, tuple(notes))


def two_columns(score: np.ndarray, scale: Scale) -> np.ndarray:
    """Return scores of both classes [N, 2] from the score of the second class [N].

    >>> two_columns(np.array([0.25]), "probabilities").tolist(), two_columns(np.array([2.0]),
    ...     "logits").tolist()
    ([[0.75, 0.25]], [[0.0, 2.0]])
    """
    if scale == "logits":
        first = np.zeros_like(score)
    elif scale == "log-probabilities":
        with np.errstate(invalid="ignore", divide="ignore"):
            first = np.log1p(-np.exp(np.minimum(score, -1e-12)))
    else:
        first = (1.0 if scale == "probabilities" else 100.0) - score
    return np.stack([first, score], axis=1)


def recognised(scores: np.ndarray, share: float = SHARE) -> Scale:
    """Detect the scale of the scores from the sums of the rows.

    Args:
        share: share of the rows that must be probabilities.

    >>> recognised(np.array([[0.2, 0.8], [0.5, 0.5]])), recognised(np.array([[2.0, -1.0], [0.3,
    ...     4.0]]))
    ('probabilities', 'logits')
    """
    if not scores.size:
        return "logits"
    if _are_probabilities(scores).mean() >= share:
        return "probabilities"
    if _are_probabilities(scores / 100).mean() >= share:
        return "percent"
    if scores.max() <= RANGE_TOLERANCE and _are_probabilities(np.exp(scores)).mean() >= share:
        return "log-probabilities"
    return "logits"


def without_infinite(scores: np.ndarray) -> tuple[np.ndarray, int]:
    """Return log-probabilities with the smallest possible one in place of -inf, the logarithm of 0,
    and how many there were; other scores unchanged.

    >>> without_infinite(np.array([[-0.6931, -0.6931], [0.0, -np.inf]]))[0].round(1).tolist()
    [[-0.7, -0.7], [0.0, -18.4]]
    """
    zero = np.isneginf(scores)
    if not zero.any() or scores.ndim != 2 or scores.shape[1] < 2 or zero.all():
        return scores, 0
    least = min(float(scores[~zero].min()), float(np.log(1e-8)))
    floored = np.where(zero, least, scores)
    if not np.isfinite(floored).all() or recognised(floored) != "log-probabilities":
        return scores, 0
    return floored, int(zero.sum())


def _are_counts(scores: np.ndarray) -> bool:
    return bool(scores.min() >= 0 and (scores == np.round(scores)).all())


def _look_like_probabilities(scores: np.ndarray, sums: np.ndarray) -> bool:
    """Return whether no score is below 0 and the rows sum to nearly 1, as for scaled or cut
    probabilities."""
    low, high = NEARLY_ONE
    return bool(scores.min() >= 0 and ((sums >= low) & (sums <= high)).mean() >= SHARE)


def _are_probabilities(values: np.ndarray) -> np.ndarray:
    """Return bool [N]: whether each row is in [0, 1] and sums to 1, up to rounding."""
    within = (values.min(axis=1) >= -RANGE_TOLERANCE) & (values.max(axis=1) <= 1 + RANGE_TOLERANCE)
    off = np.abs(values.sum(axis=1) - 1)
    right = off <= SUM_TOLERANCE
    unsure = np.flatnonzero(within & ~right & (off <= ROUNDED_TOLERANCE))
    right[unsure] = off[unsure] <= _rounding(values[unsure])
    return within & right


def _rounding(values: np.ndarray) -> np.ndarray:
    """Return float64 [N]: how far rounding to two or three decimal places can move the sum of each
    row; 0 for rows that are not rounded so.

    >>> _rounding(np.array([[0.33, 0.33, 0.33], [0.3333, 0.3333, 0.3]])).round(4).tolist()
    [0.015, 0.0]
    """
    moved = np.zeros(len(values))
    for digits in (2, 3):
        rounded = (np.abs(values - np.round(values, digits)) < 1e-6).all(axis=1) & (moved == 0)
        moved[rounded] = 0.5 * 10.0**-digits * values.shape[1]
    return moved
