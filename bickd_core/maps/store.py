"""Stored maps of runs: where they lie, how they are keyed, and the two that every finished run has.

A map belongs to the predictions it was made from and, for a student, to the teacher's map that it
started from; both are part of its key, so a map never outlives its data. Maps of bundled and shared
runs go to `.layouts` among the user's own runs, because those runs are read-only. The other methods
are made in `map_making`.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence

import numpy as np

from bickd_core import npz
from bickd_core.atomic import atomic_write, write_text
from bickd_core.geometry.layout import Layout, align_to, pca_layout
from bickd_core.geometry.map_space import map_space_from_logits
from bickd_core.geometry.umap_maps import umap_layout
from bickd_core.places import cache_folder
from bickd_core.reading import ReadError
from bickd_core.runs.library import Library, RunFolder, Split
from bickd_core.runs.predictions import (
    LARGE_BYTES,
    Predictions,
    PredictionsError,
    align,
    to_half,
)

TEMPERATURE = 4.0
"""Maps are made at this temperature: at T = 1 many samples saturate and lie on one spot."""
SEED = 0
_DIGITS = 8
"""Of a key's hash."""


def layout_key(
    run: RunFolder,
    split: Split,
    method: str,
    teacher: RunFolder | None,
    together: Sequence[RunFolder] = (),
) -> str:
    """For example `umap-test-1a2b3c4d-from-5e6f7a8b`.

    together: for "aligned" the models that were laid out with this one, the teacher first. A
    teacher's map by "transform" is its UMAP.
    """
    own = run_key(run, split)
    if method == "aligned":
        return f"aligned-{split}-{own}-with-{joint_key(together, split)}"
    if teacher is None or teacher.path == run.path:
        return f"{'umap' if method == 'transform' else method}-{split}-{own}"
    return f"{method}-{split}-{own}-from-{run_key(teacher, split)}"


def joint_key(runs: Sequence[RunFolder], split: Split) -> str:
    """Eight hex digits over the predictions of several runs in their order."""
    keys = "-".join(run_key(run, split) for run in runs)
    return hashlib.sha256(keys.encode()).hexdigest()[:8]


def stored_layout(
    library: Library,
    run: RunFolder,
    *,
    teacher: RunFolder | None,
    split: Split = "test",
    method: str = "umap",
    together: Sequence[RunFolder] = (),
) -> Layout | None:
    """Return a stored map, or None. Its rows are the samples that run and teacher share, in the
    teacher's order."""
    name = layout_key(run, split, method, teacher, together)
    places = [run.layout_path(name), *reversed(library.places(_aside(name)))]
    # the place that `store_layout` writes to comes first
    for path in reversed(places) if run.read_only else places:
        if path.exists():
            with contextlib.suppress(ReadError):  # a damaged map is made again
                return Layout.load(path)
    return None


def store_layout(
    library: Library, run: RunFolder, name: str, layout: Layout, *, aside: bool = False
) -> None:
    """Store a map atomically in its run's folder.

    Args:
        aside: store it among the user's runs instead. Maps of read-only runs are always stored
            there.

    Raises:
        RunError: the library is read-only.
    """
    home = library.home()
    target = home / _aside(name) if aside or run.read_only else run.layout_path(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as temporary:
        layout.save(temporary)


def compute_layout(
    library: Library,
    run: RunFolder,
    *,
    teacher: RunFolder | None,
    split: Split = "test",
    aside: bool = False,
) -> None:
    """Make and store the UMAP and the PCA of a run. They start from those of its teacher, which are
    made first."""
    if teacher is not None and teacher.path == run.path:
        teacher = None
    own = run.predictions(split)
    base: dict[str, Layout] = {}
    if teacher is not None:
        compute_layout(library, teacher, teacher=None, split=split, aside=aside)
        own = on_samples_of(teacher, run, split)
        for method in ("umap", "pca"):
            layout = stored_layout(library, teacher, teacher=None, split=split, method=method)
            assert layout is not None
            base[method] = layout
    for method in ("umap", "pca"):
        if stored_layout(library, run, teacher=teacher, split=split, method=method) is None:
            own_layout = _make(own, method, base.get(method))
            store_layout(
                library, run, layout_key(run, split, method, teacher), own_layout, aside=aside
            )


def on_samples_of(teacher: RunFolder, run: RunFolder, split: Split) -> Predictions:
    """Return a run's predictions in the order of its teacher's samples and classes.

    Raises:
        PredictionsError: the run lacks some of the samples.
    """
    shared = align([teacher.predictions(split), run.predictions(split)])
    if shared.n_shared != shared.n_each[0]:
        raise PredictionsError(
            f"run '{run.key}' has {shared.n_shared} of the {shared.n_each[0]} samples of its"
            " teacher's map; a map from the teacher's coordinates needs all of them."
        )
    return shared.predictions[1]


def _make(predictions: Predictions, method: str, base: Layout | None) -> Layout:
    space = map_space_from_logits(predictions.logits, TEMPERATURE)
    if method == "umap" and len(predictions) >= 4:
        return umap_layout(space, seed=SEED, init=None if base is None else base.coordinates)
    layout = pca_layout(space)
    if base is None:
        return layout
    turned = align_to(base.coordinates, layout.coordinates)
    return Layout(**{**vars(layout), "coordinates": turned})


def _aside(name: str) -> str:
    return f".layouts/layout-{name}.npz"


_keys: dict[str, str] = {}
"""Content of a file of predictions -> `content_key`."""


def run_key(run: RunFolder, split: Split) -> str:
    """Return the `content_key` of a run's predictions. It is computed once for each content.

    For predictions of 50,000 x 1,000 this takes half a second, so it is stored in the cache folder.
    """
    path = run.predictions_path(split)
    try:
        content = npz.content_key(path)
    except (FileNotFoundError, ReadError):
        return content_key(run.predictions(split))  # which explains the error
    if content not in _keys:
        stored = cache_folder() / "map-keys" / content
        large = path.stat().st_size > LARGE_BYTES
        if large and stored.exists() and len(stored.read_text()) == _DIGITS:
            _keys[content] = stored.read_text()
        else:
            _keys[content] = content_key(run.predictions(split))
            if large:
                stored.parent.mkdir(parents=True, exist_ok=True)
                write_text(stored, _keys[content])
    return _keys[content]


def content_key(predictions: Predictions) -> str:
    """Return a hash of ids and logits, as eight hex digits. The logits are in half precision, so
    that packing a run does not change the hash."""
    digest = hashlib.sha256(
        np.ascontiguousarray(to_half(predictions.logits).astype("<f2")).tobytes()
    )
    digest.update(np.ascontiguousarray(predictions.ids).tobytes())
    return digest.hexdigest()[:_DIGITS]
