"""Temperatures that match a student's entropy to its teacher's: on average, or for each image.

A sharper softmax alone lowers overlap. Two rules make models comparable:

- "mean": one temperature for each model, at which its mean entropy equals the teacher's. Models can
  still differ in how entropy varies over the images.
- "image": a temperature for each image, at which its entropy equals the teacher's. Models can only
  differ in which classes get the probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.probabilities import (
    entropies_and_slopes,
    entropy_and_slope,
    matched_temperature,
    shifted_blocks,
)

Matching = Literal["none", "mean", "image"]
"""How a model's temperature follows the teacher's entropy: not at all, on average, or image by
image."""
MATCHINGS: tuple[Matching, ...] = get_args(Matching)

_STEPS = 200
_LOWEST, _HIGHEST = 1e-6, 1e6
"""The temperatures that are searched."""


@dataclass(frozen=True)
class MatchedTemperatures:
    """A temperature for each image.

    Attributes:
        temperatures: float64 [N].
        reached: bool [N]; False if no temperature gives the image's target. Its temperature is then
            the low end of the range (if its top classes are tied), the high end (a target of log
            C), or `start` (if all of its logits are equal).
    """

    temperatures: np.ndarray
    reached: np.ndarray

    @property
    def unreached(self) -> int:
        """The number of images that do not reach their target."""
        return int((~self.reached).sum())


def entropies_at(logits: np.ndarray, T: float | np.ndarray = 1.0) -> np.ndarray:
    """Return the entropy of each row of `softmax(logits / T)` in nats, float64 [N], without an N x
    C matrix.

    Args:
        logits: [N, C].
        T: temperature above 0, or [N] of them.

    >>> entropies_at(np.array([[0.0, 0.0], [0.0, 50.0]])).round(4).tolist()
    [0.6931, 0.0]
    """
    return entropies_and_slopes(logits, T)[0]


def matched_temperatures(
    logits: np.ndarray,
    targets: np.ndarray,
    *,
    start: float = 1.0,
    dtype: type[np.floating] | None = None,
) -> MatchedTemperatures:
    """Find for each image the temperature at which the entropy of `softmax(logits_i / T_i)` equals
    `targets[i]`.

    The entropy of an image never falls as T rises, `dH_i / dlog T = Var_{p_i}(z_i / T) >= 0`. So
    each root in log T is found by Newton's method inside a bracket, for all images at once. The
    result for an image depends only on its own logits and target.

    Args:
        logits: [N, C].
        targets: [N] in nats, at least 0; for example `entropies_at(teacher_logits, T)`.
        start: where the search begins.
        dtype: as in `shifted_blocks`. Entropies are met to 1e-5 nats in float32, to 1e-10 in
            float64.

    Raises:
        ValueError: targets that are not N finite numbers of at least 0, or logits that are not
            finite.
    """
    targets = np.asarray(targets, dtype=np.float64)
    if targets.shape != (len(logits),) or not (np.isfinite(targets) & (targets >= 0)).all():
        raise ValueError(
            f"targets must be {len(logits)} finite entropies of at least 0 nats, one an image, got"
            f" shape {targets.shape}: pass entropies_at(teacher_logits, T)."
        )
    start = min(max(checks.positive(start, "start"), _LOWEST), _HIGHEST)
    temperatures, reached = np.empty(len(logits)), np.empty(len(logits), dtype=bool)
    for rows, shifted in shifted_blocks(logits, dtype):
        temperatures[rows], reached[rows] = _solve(shifted, targets[rows], start)
    return MatchedTemperatures(temperatures, reached)


@dataclass(frozen=True)
class Matched:
    """The temperatures of a model under a rule of matching.

    Attributes:
        T: one temperature, or [N] with one for each image.
        unreached: number of images that do not reach the target entropy; with "mean", all or none.
    """

    T: float | np.ndarray
    unreached: int = 0


def match(logits: np.ndarray, targets: np.ndarray, T: float, matching: Matching) -> Matched:
    """Return the temperatures of a model under a rule, or plain T if no temperature gives the mean
    entropy.

    Args:
        logits: [N, C] of the model.
        targets: [N] the teacher's entropies on the same images at T, `entropies_at(teacher_logits,
            T)`.
        T: the teacher's temperature.
        matching: "none" leaves T as it is.

    Raises:
        ValueError: a rule that is not known.
    """
    if matching == "image":
        each = matched_temperatures(logits, targets, start=T)
        return Matched(each.temperatures, each.unreached)
    if matching == "mean":
        common = matched_temperature(logits, float(np.mean(targets)), start=T)
        return Matched(common.temperature) if common.reached else Matched(float(T), len(logits))
    if matching == "none":
        return Matched(float(T))
    raise ValueError(f"matching must be one of {', '.join(MATCHINGS)}, got {matching!r}.")


def _solve(shifted: np.ndarray, targets: np.ndarray, start: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the temperatures [N] and whether each reaches its target [N]. Finished rows are
    dropped."""
    tolerance = 1e-10 if shifted.dtype == np.float64 else 1e-5
    n = len(shifted)
    bottom, top = float(np.log(_LOWEST)), float(np.log(_HIGHEST))
    at = np.full(n, float(np.log(start)))
    low, high = np.full(n, bottom), np.full(n, top)
    reached = np.zeros(n, dtype=bool)
    flat = (shifted == 0).all(axis=1)  # one entropy at every temperature
    reached[flat] = np.abs(np.log(shifted.shape[1]) - targets[flat]) <= tolerance
    left = np.flatnonzero(~flat)
    work = shifted[left] if flat.any() else shifted
    for _ in range(_STEPS):
        if not len(left):
            break
        here = at[left]
        value, slope = entropy_and_slope(work, np.exp(here))
        gap = value - targets[left]
        met = np.abs(gap) <= tolerance
        reached[left] = met
        over = gap > 0
        stuck = ((here <= bottom) & over) | ((here >= top) & ~over)
        high[left[over]], low[left[~over]] = here[over], here[~over]
        lows, highs = low[left], high[left]
        go = ~(met | stuck | (highs - lows < 1e-13))
        step = _step(value, slope, targets[left], np.log(shifted.shape[1]))
        ahead = here + np.clip(step, -3.0, 3.0)
        middle = (lows + highs) / 2
        ahead = np.where(ahead >= highs, np.where(highs == top, highs, middle), ahead)
        ahead = np.where(ahead <= lows, np.where(lows == bottom, lows, middle), ahead)
        at[left[go]] = ahead[go]
        if not go.all():
            left, work = left[go], work[go]
    return np.exp(at), reached


def _step(value: np.ndarray, slope: np.ndarray, target: np.ndarray, most: float) -> np.ndarray:
    """Newton's step in log T for `log(H / (log C - H))`, which is nearly straight, unlike H; for H
    itself where that is not finite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = np.where(slope > 0, (target - value) / slope, np.sign(target - value) * np.inf)
        apart = np.log(target / (most - target)) - np.log(value / (most - value))
        step = apart * value * (most - value) / (slope * most)
    return np.where(np.isfinite(step), step, plain)
