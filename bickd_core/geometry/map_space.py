"""The space that maps are made of: square-rooted probabilities, whose Euclidean distance is
Hellinger distance up to a constant."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.probabilities import pass_dtype, shifted, softmax_in_place

MOST_DIMENSIONS = 100
REDUCED_TO = 50
QUALITY_LIMIT = 2000
"""Samples on which trustworthiness and continuity are taken at most (they cost N x N)."""
_ROWS = 2048
"""Rows that are in memory as probabilities at one time."""


@dataclass(frozen=True)
class Axes:
    """The mean [C] and the first principal axes [C, K] of a space."""

    mean: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class MapSpace:
    """The samples of one model, as maps need them.

    Attributes:
        points: [N, D] sqrt(P). With more than `MOST_DIMENSIONS` classes, its first `REDUCED_TO`
            principal components: a UMAP of these was more trustworthy and takes less memory, in
            the same time (docs/performance.md).
        axes: of the components; None if `points` is sqrt(P).
        sampled: positions of a seeded draw of at most `QUALITY_LIMIT` samples, rising.
        rows: [len(sampled), C] sqrt(P) of these.
        duplicate_fraction: share of samples whose sqrt(P) equals that of an earlier sample to six
            decimals.
    """

    points: np.ndarray
    axes: Axes | None
    sampled: np.ndarray
    rows: np.ndarray
    duplicate_fraction: float

    def __len__(self) -> int:
        return len(self.points)

    @property
    def description(self) -> str:
        """For the parameters of a map."""
        if self.axes is None:
            return "sqrt(P), euclidean"
        return f"sqrt(P), {self.points.shape[1]} principal components, euclidean"


def map_space(P: np.ndarray, *, like: MapSpace | None = None) -> MapSpace:
    """Return the space of probabilities [N, C].

    Args:
        like: take the principal axes of this space, so that distances between samples of both are
            right.
    """
    P = checks.probabilities(P)
    return _space(lambda rows: np.sqrt(P[rows]), P.shape, np.float64, like)


def map_space_from_logits(
    logits: np.ndarray, T: float, *, like: MapSpace | None = None
) -> MapSpace:
    """Return the space of softmax(logits / T), without an N x C matrix of probabilities if it is
    reduced.

    Args:
        logits: [N, C].
        T: temperature, above 0.
        like: as in `map_space`.
    """
    return _space(_roots(logits, T), np.shape(logits), pass_dtype(logits), like)


def principal_components_of(logits: np.ndarray, T: float) -> np.ndarray:
    """`principal_components` of `map_space_from_logits(logits, T)`, without the space."""
    roots_of, shape, dtype = _roots(logits, T), np.shape(logits), pass_dtype(logits)
    axes = _principal_axes(roots_of, shape, dtype, 2)
    coordinates = np.zeros((shape[0], 2), dtype=np.float32)
    for rows in _blocks(shape[0]):
        coordinates[rows, : axes.vectors.shape[1]] = (roots_of(rows) - axes.mean) @ axes.vectors
    return coordinates


def principal_components(space: MapSpace) -> np.ndarray:
    """The first two principal components of a space, float32 [N, 2]; zeros where there are
    fewer."""
    points = space.points
    if space.axes is None:
        points = points - points.mean(axis=0)
        points = points @ _axes(points.T @ points, 2)
    coordinates = np.zeros((len(points), 2), dtype=np.float32)
    coordinates[:, : points.shape[1]] = points[:, :2]
    return coordinates


def _sampled_positions(n: int) -> np.ndarray:
    """All positions of n samples, or a seeded draw of `QUALITY_LIMIT` of them, rising."""
    if n <= QUALITY_LIMIT:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, QUALITY_LIMIT, replace=False))


def row_digests(roots: np.ndarray) -> list[bytes]:
    """A digest of each row, the same for rows that are equal to six decimals."""
    rounded = np.round(roots * 1e6).astype(np.int32)
    return [hashlib.blake2b(row, digest_size=16).digest() for row in rounded]


def _roots(logits: np.ndarray, T: float) -> Callable[[slice | np.ndarray], np.ndarray]:
    """A function that returns sqrt(softmax(logits / T)) of some rows."""
    at, dtype = np.array([[checks.positive(T, "T")]]), pass_dtype(logits)

    def roots_of(rows: slice | np.ndarray) -> np.ndarray:
        P = softmax_in_place(shifted(logits[rows], dtype), at)
        return np.sqrt(P, out=P)

    return roots_of


def _space(
    roots_of: Callable[[slice | np.ndarray], np.ndarray],
    shape: tuple[int, int],
    dtype: type[np.floating],
    like: MapSpace | None,
) -> MapSpace:
    """
    Args:
        roots_of: returns sqrt(P) of some rows.
        shape: N and C.
        dtype: of the points and of the products.
    """
    n, c = shape
    sampled = _sampled_positions(n)
    seen: set[bytes] = set()
    axes = None if like is None else like.axes
    if like is None and c > MOST_DIMENSIONS:
        axes = _principal_axes(roots_of, shape, dtype, REDUCED_TO)
    points = np.empty((n, c if axes is None else axes.vectors.shape[1]), dtype)
    for rows in _blocks(n):
        roots = roots_of(rows)
        seen.update(row_digests(roots))
        points[rows] = roots if axes is None else (roots - axes.mean) @ axes.vectors
    duplicates = 1.0 - len(seen) / n if n else 0.0
    return MapSpace(points, axes, sampled, roots_of(sampled), duplicates)


def _principal_axes(
    roots_of: Callable[[slice | np.ndarray], np.ndarray],
    shape: tuple[int, int],
    dtype: type[np.floating],
    most: int,
) -> Axes:
    n, c = shape
    sums, products = np.zeros(c), np.zeros((c, c))
    for rows in _blocks(n):
        block = roots_of(rows).astype(dtype, copy=False)
        sums += block.sum(axis=0, dtype=np.float64)
        products += block.T @ block
    mean = sums / n
    vectors = _axes(products - n * np.outer(mean, mean), most)
    return Axes(mean.astype(dtype), vectors.astype(dtype))


def _axes(scatter: np.ndarray, most: int) -> np.ndarray:
    """The first eigenvectors [C, K] of a scatter matrix, the largest loading of each positive."""
    vectors = np.linalg.eigh(scatter)[1][:, ::-1][:, :most]
    peaks = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)[0]
    return vectors * np.where(peaks < 0, -1.0, 1.0)


def _blocks(n: int) -> Iterator[slice]:
    for start in range(0, n, _ROWS):
        yield slice(start, min(start + _ROWS, n))
