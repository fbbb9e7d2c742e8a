"""UMAP layouts of one model, of a student on its teacher's map, and of several models together.

All use a `MapSpace` with Euclidean distance, a seed and one thread, so they are repeatable on one
machine with the same versions. `*_layout(s)` also measure quality; `*_coordinates` only return the
map. umap and numba are imported in the functions, because this takes seconds.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType

import numpy as np

from bickd_core.geometry.layout import Layout, with_quality
from bickd_core.geometry.map_space import MapSpace, principal_components

NEIGHBOURS = 15
MIN_DIST = 0.1
COMPILED = (
    ("utils", "fast_knn_indices"),
    ("umap_", "smooth_knn_dist"),
    ("umap_", "compute_membership_strengths"),
    ("umap_", "init_transform"),
    ("layouts", "_nb_optimize_layout_euclidean_single_epoch"),
)
"""umap's modules and their functions that numba compiles without keeping the result."""


def umap_layout(
    space: MapSpace,
    *,
    seed: int = 0,
    n_neighbors: int = NEIGHBOURS,
    init: np.ndarray | None = None,
) -> Layout:
    """UMAP of the square-rooted probabilities.

    Args:
        space: of N samples, at least 4.
        seed: of UMAP.
        n_neighbors: at least 2; cut to N - 1.
        init: [N, 2] starting coordinates, for a student its teacher's; None starts from the PCA,
            which draws nothing (unlike the spectral start, which may fail or differ between
            machines).

    Returns:
        Layout.

    Raises:
        ValueError: fewer than 4 samples, or init of another shape.
    """
    coordinates = umap_coordinates(space, seed=seed, n_neighbors=n_neighbors, init=init)
    parameters = _parameters(space, n_neighbors, init="pca" if init is None else "given")
    return with_quality(space, coordinates, "umap", parameters, seed)


def umap_coordinates(
    space: MapSpace,
    *,
    seed: int,
    n_neighbors: int = NEIGHBOURS,
    init: np.ndarray | None = None,
) -> np.ndarray:
    """The map of `umap_layout`, float32 [N, 2]."""
    _check_enough(space, n_neighbors)
    start = principal_components(space) if init is None else _places(init, len(space), "init")
    method = _umap().UMAP(
        n_neighbors=min(n_neighbors, len(space) - 1),
        min_dist=MIN_DIST,
        metric="euclidean",
        init=_spread_start(start, seed),
        random_state=seed,
        n_jobs=1,
    )
    return np.asarray(method.fit_transform(_points(space)), dtype=np.float32)


def transform_layout(
    space: MapSpace,
    base_space: MapSpace,
    base: np.ndarray,
    *,
    seed: int = 0,
) -> Layout:
    """Place a student's samples on its teacher's map, which does not change (UMAP's transform).

    A sample starts at the weighted mean of its nearest neighbours among the teacher's samples and
    is then moved, while the teacher's points are fixed. It can only end where the teacher has
    samples.

    Args:
        space: the student's, with the axes of the teacher's (`map_space(..., like=...)`).
        base_space: the teacher's, of M samples, at least 4.
        base: [M, 2] the teacher's map.
        seed: of UMAP.
    """
    coordinates = transform_coordinates(space, base_space, base, seed=seed)
    parameters = _parameters(base_space, NEIGHBOURS, init="neighbours in the base")
    return with_quality(space, coordinates, "transform", parameters, seed)


def transform_coordinates(
    space: MapSpace,
    base_space: MapSpace,
    base: np.ndarray,
    *,
    seed: int,
) -> np.ndarray:
    """The map of `transform_layout`, float32 [N, 2]."""
    _check_enough(base_space)
    places = _places(base, len(base_space), "base")
    method = _umap().UMAP(
        n_neighbors=min(NEIGHBOURS, len(base_space) - 1),
        min_dist=MIN_DIST,
        metric="euclidean",
        init=_spread_start(places, seed),
        n_epochs=1,  # only the neighbour graph is wanted: the map is there
        random_state=seed,
        transform_seed=seed,
        n_jobs=1,
    )
    method.fit(_points(base_space))
    method.embedding_, method.n_epochs = places, None
    if np.array_equal(space.points, base_space.points):
        return places.copy()  # transform would say so too, of the one-epoch map
    return np.asarray(method.transform(_points(space)), dtype=np.float32)


def aligned_layouts(
    models: Sequence[MapSpace],
    *,
    seed: int = 0,
) -> list[Layout]:
    """Lay out several models together, with each sample near its position in the other models
    (AlignedUMAP).

    Args:
        models: at least two, of the same samples in the same order.
        seed: of UMAP.

    Returns:
        A Layout a model, in one frame.
    """
    maps = aligned_coordinates(models, seed=seed)
    parameters = _parameters(models[0], NEIGHBOURS, init="spectral") | {"models": len(models)}
    return [
        with_quality(space, xy, "aligned", parameters, seed)
        for space, xy in zip(models, maps, strict=True)
    ]


def aligned_coordinates(
    models: Sequence[MapSpace],
    *,
    seed: int,
) -> list[np.ndarray]:
    """The maps of `aligned_layouts`, each float32 [N, 2]."""
    if len(models) < 2:
        raise ValueError(
            f"models must be at least two to be aligned, got {len(models)}: use umap_layout."
        )
    n = len(models[0])
    for space in models:
        _check_enough(space)
        if len(space) != n:
            raise ValueError(f"models must have the same samples, got {n} and {len(space)} rows.")
    umap = _umap()
    noise = np.random.default_rng(seed)
    points = [_points(space) for space in models]
    method = umap.AlignedUMAP(
        n_neighbors=min(NEIGHBOURS, n - 1),
        min_dist=MIN_DIST,
        metric="euclidean",
        alignment_window_size=max(1, len(models) - 1),  # every model tied to every other
        random_state=seed,
        transform_seed=seed,
    )
    same = {i: i for i in range(n)}
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="n_jobs value"
        )  # it asks for one thread by its seed, and says so
        # Twins apart by a hair: a spectral start cannot part equal points.
        spread = [each + noise.normal(0, 1e-6, each.shape).astype(np.float32) for each in points]
        method.fit(spread, relations=[same] * (len(models) - 1))
    return [np.asarray(xy, dtype=np.float32) for xy in method.embeddings_]


def _check_enough(space: MapSpace, n_neighbors: int = NEIGHBOURS) -> None:
    if len(space) < 4:
        raise ValueError(
            f"expected at least 4 samples for a UMAP, got {len(space)}: use pca_layout."
        )
    if n_neighbors < 2:
        raise ValueError(f"n_neighbors must be at least 2, got {n_neighbors!r}.")


def _places(given: np.ndarray, n: int, name: str) -> np.ndarray:
    places = np.asarray(given, dtype=np.float32)
    if places.shape != (n, 2) or not np.isfinite(places).all():
        raise ValueError(
            f"{name} must be finite coordinates of shape {(n, 2)}, got shape {places.shape}: "
            "pass a layout of the same samples."
        )
    return places


def _points(space: MapSpace) -> np.ndarray:
    return space.points.astype(np.float32, copy=False)


def _parameters(space: MapSpace, n_neighbors: int, *, init: str) -> dict[str, str | int | float]:
    return {
        "space": space.description,
        "n_neighbors": min(n_neighbors, len(space) - 1),
        "min_dist": MIN_DIST,
        "init": init,
        "umap": str(_umap().__version__),
    }


def _umap() -> ModuleType:
    """Import umap, which takes seconds, and let numba keep its machine code on disk.

    umap compiles these functions in every process, which takes about 30 s on a slow core. With
    numba's cache, only the first map on a machine has to wait.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # its note that TensorFlow is not installed
        import umap
    for module, name in COMPILED:
        function = getattr(sys.modules.get(f"umap.{module}"), name, None)
        if function is not None and isinstance(function._cache, _null_cache()):
            with contextlib.suppress(RuntimeError):  # no folder to write to: it is compiled anew
                function.enable_caching()
    return umap


def _null_cache() -> type:
    from numba.core.caching import NullCache

    return NullCache


def _spread_start(start: np.ndarray, seed: int) -> np.ndarray:
    """Return starting coordinates at UMAP's scale. Equal points get a small random shift, because
    UMAP cannot separate them."""
    start = start - start.mean(axis=0)
    size = float(np.abs(start).max())
    start = start * (10.0 / size) if size > 0 else start
    return (start + np.random.default_rng(seed).normal(0.0, 1e-4, start.shape)).astype(np.float32)
