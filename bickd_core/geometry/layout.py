"""Two-dimensional layouts of a prediction space, with figures for their quality.

All methods use square-rooted probabilities with Euclidean distance, which is Hellinger distance up
to a constant. A layout shows neighbourhoods. Large distances, and the movement of a sample between
two layouts, have no meaning; displacement is measured in the full space (`agreement.hellinger`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.map_space import MapSpace, principal_components
from bickd_core.npz import load_npz
from bickd_core.reading import ReadError, parse_json

DISPLACED_BEYOND = 0.1
"""Widths of the map by which a sample must move to count as displaced."""


@dataclass(frozen=True)
class Layout:
    """Coordinates with their method, parameters and quality.

    Attributes:
        coordinates: float32 [N, 2].
        method: "umap", "transform", "aligned" or "pca".
        parameters: parameters of the method, and the versions of its packages.
        seed: of the method; None if it is not random.
        trustworthiness: 1 if no sample has a false neighbour on the map (Venna and Kaski 2006),
            higher is better.
        continuity: 1 if no true neighbours are apart on the map, higher is better. Both are None
            with fewer than 5 samples.
        duplicate_fraction: share of samples that equal an earlier one within 1e-6, because the
            softmax is saturated.
        n: samples on the map.
        quality_n: number of samples for trustworthiness and continuity.
        displaced_share: share of samples that another seed moves by more than `displaced_beyond` of
            the map's width, 0 at best; None if not measured.
        reseeds: other seeds behind it.
    """

    coordinates: np.ndarray
    method: str
    parameters: dict[str, str | int | float]
    seed: int | None
    trustworthiness: float | None
    continuity: float | None
    duplicate_fraction: float
    n: int
    quality_n: int
    displaced_share: float | None = None
    displaced_beyond: float = DISPLACED_BEYOND
    reseeds: int = 0

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a compressed npz without pickles to exactly `path`. The caller renames it into
        place."""
        meta = {name: value for name, value in vars(self).items() if name != "coordinates"}
        with open(path, "wb") as file:
            np.savez_compressed(file, coordinates=self.coordinates, meta=np.array(json.dumps(meta)))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Layout:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged or not a layout.
        """
        stored = load_npz(os.fspath(path))
        if not {"coordinates", "meta"} <= set(stored):
            raise ReadError(
                f"{os.fspath(path)} must hold 'coordinates' and 'meta', got {sorted(stored)}: "
                "pass a file that Layout.save wrote."
            )
        coordinates, meta = stored["coordinates"], stored["meta"]
        if coordinates.ndim != 2 or coordinates.shape[1] != 2 or coordinates.dtype.kind != "f":
            raise ReadError(
                f"`coordinates` must be real numbers [N, 2], got shape {coordinates.shape}."
            )
        if not np.isfinite(coordinates).all():
            raise ReadError("`coordinates` must be finite, got NaN or infinity.")
        if meta.shape != () or meta.dtype.kind != "U":
            raise ReadError(f"`meta` must be one text, got shape {meta.shape}.")
        return cls(
            coordinates=coordinates, **_meta(parse_json(str(meta).encode()), len(coordinates))
        )


_META: dict[str, type | tuple[type, ...]] = {
    "method": str, "parameters": dict, "seed": (int, NoneType), "trustworthiness": (int, float,
    NoneType),
    "continuity": (int, float, NoneType), "duplicate_fraction": (int, float), "n": int,
    "quality_n": int,
    "displaced_share": (int, float, NoneType), "displaced_beyond": (int, float), "reseeds": int,
}  # fmt: skip
_OPTIONAL = ("displaced_share", "displaced_beyond", "reseeds")


def _meta(stored: object, n: int) -> dict[str, Any]:
    """The fields beside the coordinates.

    Raises:
        ReadError: one is missing, not known, or of another type.
    """
    if not isinstance(stored, dict):
        raise ReadError("`meta` must be a mapping.")
    for name, kind in _META.items():
        if (name in stored or name not in _OPTIONAL) and not isinstance(
            stored.get(name, stored), kind
        ):
            raise ReadError(
                f"`meta` must hold {name} as it was saved, got {str(stored.get(name))!r:.40}."
            )
    if unknown := sorted(set(stored) - set(_META)):
        raise ReadError(f"`meta` holds {unknown[0]!r:.40}, which is not known.")
    if stored["n"] != n:
        raise ReadError(f"`meta` tells of {stored['n']} samples, and there are {n} coordinates.")
    return stored


def pca_layout(space: MapSpace) -> Layout:
    """First two principal components of sqrt(P); the largest loading of each is positive, so the
    sign is fixed.
    """
    return with_quality(
        space, principal_components(space), "pca", {"space": "sqrt(P), euclidean"}, None
    )


def _quality(space: np.ndarray, coordinates: np.ndarray) -> tuple[float | None, float | None, int]:
    """Trustworthiness, continuity (the same with the two spaces swapped), and the number of
    samples for them."""
    n = len(space)
    if n < 5:
        return None, None, n
    from sklearn.manifold import trustworthiness  # slow to import

    k = min(15, (n - 1) // 2)
    return (
        float(trustworthiness(space, coordinates, n_neighbors=k)),
        float(trustworthiness(coordinates, space, n_neighbors=k)),
        n,
    )


def displaced_share(
    reference: np.ndarray, others: Sequence[np.ndarray], *, beyond: float = DISPLACED_BEYOND
) -> float:
    """Share of samples that move on other maps of the same data, for example with other seeds.

    Each other map is first aligned with the reference (`align_to`). A sample counts as displaced if
    it is then more than `beyond` widths from its position, where the width is the larger extent of
    the reference. The result is the mean over the other maps, 0 at best.

    Args:
        reference: [N, 2].
        others: at least one [N, 2] of the same samples.
        beyond: in widths of the reference.

    >>> square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> displaced_share(square, [2 * square + 5])
    0.0
    """
    if not len(others):
        raise ValueError("others must hold at least one map, got none.")
    Y = checks.matrix(reference, "reference")
    width = float(np.ptp(Y, axis=0).max())
    shares = [np.linalg.norm(align_to(Y, X) - Y, axis=1) > beyond * width for X in others]
    return float(np.mean(shares)) if width else 0.0


def align_to(reference: np.ndarray, coords: np.ndarray, *, scaled: bool = True) -> np.ndarray:
    """Shift, rotate, mirror and scale `coords` to be as near to `reference` as possible (orthogonal
    Procrustes).

    Minimises `||s (X - mean X) R + mean Y - Y||_F` over orthogonal R and s >= 0 (Schoenemann 1966).

    Args:
        reference: [N, 2] Y, for example the teacher's PCA.
        coords: [N, 2] X of the same samples.
        scaled: False keeps s = 1, so that distances stay as they are.

    Returns:
        float32 [N, 2]; all at the mean of the reference when X has no spread.
    """
    Y, X = checks.matrix(reference, "reference"), checks.matrix(coords, "coords")
    checks.same_shape(Y, X, "reference and coords")
    Y_mean, X = Y.mean(axis=0), X - X.mean(axis=0)
    spread = float((X**2).sum())
    if spread == 0:
        return np.broadcast_to(Y_mean, X.shape).astype(np.float32)
    U, s, Vt = np.linalg.svd(X.T @ (Y - Y_mean))
    scale = s.sum() / spread if scaled else 1.0
    return (scale * (X @ (U @ Vt)) + Y_mean).astype(np.float32)


def with_quality(
    space: MapSpace, coordinates: np.ndarray, method: str, parameters: dict, seed: int | None
) -> Layout:
    """Return a Layout of these coordinates with its quality."""
    trust, continuity, quality_n = _quality(space.rows, coordinates[space.sampled])
    return Layout(
        coordinates,
        method,
        parameters,
        seed,
        trust,
        continuity,
        space.duplicate_fraction,
        len(space),
        quality_n,
    )


def on_teacher(base: Layout | None, layout: Layout) -> np.ndarray:
    """Return a map's coordinates, those of a UMAP shifted and turned onto the teacher's: the
    position and rotation of a UMAP mean nothing.

    Args:
        base: the teacher's map of the same samples; None to leave the map as it is.
    """
    if base is None or base is layout or layout.method != "umap":
        return layout.coordinates
    return align_to(base.coordinates, layout.coordinates, scaled=False)
