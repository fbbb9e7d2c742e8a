"""Two-dimensional layouts of a prediction space, with figures for what they get wrong.

Both methods work on square-rooted probabilities with Euclidean distance, which is Hellinger's distance up
to a constant. A layout is a picture of neighbourhoods: distances across it, and the movement of a sample
between two layouts, mean nothing by themselves (displacement is measured in the full space, see
`agreement.hellinger`).
"""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from bickd_core.geometry import checks

QUALITY_LIMIT = 2000
"""Samples on which trustworthiness and continuity are taken at most (they cost N x N)."""


@dataclass(frozen=True)
class Layout:
    """Stored coordinates with how they were made and how good they are.

    Attributes:
        coordinates: float32 [N, 2].
        method: "umap" or "pca".
        parameters: what the method was told, and the versions it ran with.
        seed: of the method, None where it draws nothing.
        trustworthiness: 1 when no sample has a false neighbour on the map (Venna and Kaski 2006), higher is
            better.
        continuity: 1 when no true neighbour is torn away, higher is better. Both None below 5 samples.
        duplicate_fraction: share of samples that have an earlier twin within 1e-6: saturated softmax; raise
            T.
        n: samples on the map.
        quality_n: samples behind trustworthiness and continuity.
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

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a compressed npz to exactly `path`, no pickles inside; the caller renames it into place."""
        meta = {name: value for name, value in vars(self).items() if name != "coordinates"}
        with open(path, "wb") as file:
            np.savez_compressed(file, coordinates=self.coordinates, meta=np.array(json.dumps(meta)))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Layout:
        """Read what `save` wrote; ValueError for another npz."""
        with np.load(path, allow_pickle=False) as stored:
            if not {"coordinates", "meta"} <= set(stored.files):
                raise ValueError(
                    f"{os.fspath(path)} must hold 'coordinates' and 'meta', got {sorted(stored.files)}: "
                    "pass a file that Layout.save wrote."
                )
            return cls(coordinates=stored["coordinates"], **json.loads(str(stored["meta"])))


def umap_layout(
    P: np.ndarray,
    *,
    seed: int = 0,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    init: np.ndarray | None = None,
) -> Layout:
    """UMAP of sqrt(P), Euclidean, one thread, repeatable for a seed on one machine and set of versions.

    Args:
        P: [N, C] probabilities, N at least 4.
        seed: of UMAP.
        n_neighbors: at least 2; cut to N - 1.
        min_dist: 0 to 1, how tightly points may sit.
        init: [N, 2] starting coordinates, for a student its teacher's; None starts from the PCA, which
            draws nothing (unlike the spectral start, which may fail or differ between machines).

    Returns:
        Layout.

    Raises:
        ValueError: fewer than 4 samples, or init of another shape.
    """
    P = checks.probabilities(P)
    n = len(P)
    if n < 4:
        raise ValueError(f"P must have at least 4 samples for UMAP, got {n}: use pca_layout.")
    if n_neighbors < 2 or not 0 <= min_dist <= 1:
        raise ValueError(
            f"n_neighbors must be at least 2 and min_dist between 0 and 1, got {n_neighbors!r} and "
            f"{min_dist!r}."
        )
    start = _pca(P) if init is None else np.asarray(init, dtype=np.float32)
    if start.shape != (n, 2) or not np.isfinite(start).all():
        raise ValueError(
            f"init must be finite coordinates of shape {(n, 2)}, got shape {start.shape}: "
            "pass a layout of the same samples."
        )
    umap = _umap()

    neighbours = min(n_neighbors, n - 1)
    method = umap.UMAP(
        n_neighbors=neighbours,
        min_dist=min_dist,
        metric="euclidean",
        init=_spread_start(start, seed),
        random_state=seed,
        n_jobs=1,
    )
    coordinates = np.asarray(method.fit_transform(np.sqrt(P).astype(np.float32)), dtype=np.float32)
    parameters: dict[str, str | int | float] = {
        "space": "sqrt(P), euclidean",
        "n_neighbors": neighbours,
        "min_dist": min_dist,
        "init": "pca" if init is None else "given",
        "umap": str(umap.__version__),
    }
    return _with_quality(P, coordinates, "umap", parameters, seed)


def pca_layout(P: np.ndarray) -> Layout:
    """First two principal components of sqrt(P); the largest loading of each is positive, so the sign is
    fixed.
    """
    P = checks.probabilities(P)
    return _with_quality(P, _pca(P), "pca", {"space": "sqrt(P), euclidean"}, None)


def layout_quality(
    P: np.ndarray, coordinates: np.ndarray, *, k: int = 15, limit: int = QUALITY_LIMIT, seed: int = 0
) -> tuple[float | None, float | None, int]:
    """Trustworthiness, continuity, and the samples they were taken on.

    Continuity is trustworthiness with the two spaces swapped. Above `limit` samples a seeded subsample is
    taken.

    Args:
        P: [N, C] probabilities.
        coordinates: [N, 2].
        k: neighbours, cut to less than half of the samples.
        limit: samples at most.
        seed: of the subsample.
    """
    space, coordinates = np.sqrt(checks.probabilities(P)), checks.matrix(coordinates, "coordinates")
    if len(space) != len(coordinates):
        raise ValueError(
            f"coordinates must have one row a sample, got {len(coordinates)} rows for {len(space)} samples."
        )
    if len(space) > limit:
        chosen = np.sort(np.random.default_rng(seed).choice(len(space), limit, replace=False))
        space, coordinates = space[chosen], coordinates[chosen]
    n = len(space)
    if n < 5:
        return None, None, n
    from sklearn.manifold import trustworthiness  # slow to import

    k = min(k, (n - 1) // 2)
    return (
        float(trustworthiness(space, coordinates, n_neighbors=k)),
        float(trustworthiness(coordinates, space, n_neighbors=k)),
        n,
    )


def duplicate_fraction(P: np.ndarray) -> float:
    """Share of samples with an earlier twin, sqrt(P) equal to six decimals; 0 when all differ."""
    rounded = np.round(np.sqrt(checks.probabilities(P)) * 1e6).astype(np.int32)
    rows = np.ascontiguousarray(rounded).view(np.dtype((np.void, rounded.shape[1] * 4))).ravel()
    return 1.0 - len(np.unique(rows)) / len(rows)


def align_to(reference: np.ndarray, coords: np.ndarray) -> np.ndarray:
    """Orthogonal Procrustes: `coords` shifted, turned or mirrored, and scaled to lie nearest `reference`.

    Minimises `||s (X - mean X) R + mean Y - Y||_F` over orthogonal R and s >= 0 (Schoenemann 1966).

    Args:
        reference: [N, 2] Y, for example the teacher's PCA.
        coords: [N, 2] X of the same samples.

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
    return (s.sum() / spread * (X @ (U @ Vt)) + Y_mean).astype(np.float32)


def _umap() -> ModuleType:
    """umap, imported here because that takes seconds; without its remark that TensorFlow is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)
        import umap
    return umap


def _pca(P: np.ndarray) -> np.ndarray:
    space = np.sqrt(P)
    space = space - space.mean(axis=0)
    vectors = np.linalg.eigh(space.T @ space)[1][:, ::-1][:, :2]
    peaks = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)[0]
    vectors = vectors * np.where(peaks < 0, -1.0, 1.0)
    coordinates = np.zeros((len(P), 2), dtype=np.float32)
    coordinates[:, : vectors.shape[1]] = space @ vectors
    return coordinates


def _spread_start(start: np.ndarray, seed: int) -> np.ndarray:
    """Starting coordinates at UMAP's own scale, twins apart by a seeded hair: it cannot part equal points."""
    start = start - start.mean(axis=0)
    size = float(np.abs(start).max())
    start = start * (10.0 / size) if size > 0 else start
    return (start + np.random.default_rng(seed).normal(0.0, 1e-4, start.shape)).astype(np.float32)


def _with_quality(
    P: np.ndarray, coordinates: np.ndarray, method: str, parameters: dict, seed: int | None
) -> Layout:
    trust, continuity, quality_n = layout_quality(P, coordinates)
    return Layout(
        coordinates, method, parameters, seed, trust, continuity, duplicate_fraction(P), len(P), quality_n
    )
