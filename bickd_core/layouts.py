"""Stored maps of runs: where they lie, how they are keyed, and making them (`python -m bickd_core.layouts`).

A map belongs to the predictions it was made from and, for a student, to the teacher's map that it started
from; both are part of its key, so a map never outlives its data. A shelf is read-only: maps of its runs that
were not bundled go to `.layouts` among one's own runs.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np

from bickd_core.atomic import atomic_write
from bickd_core.geometry import Layout, align_to, pca_layout, umap_layout
from bickd_core.predictions import Predictions, PredictionsError, align, read_arrays, to_half
from bickd_core.runs import Library, RunFolder, Split

TEMPERATURE = 4.0
"""Maps are made at this temperature: at T = 1 many samples saturate and lie on one spot."""
SEED = 0


def layout_key(run: RunFolder, split: Split, method: str, teacher: RunFolder | None) -> str:
    """For example `umap-test-1a2b3c4d-from-5e6f7a8b`."""
    key = f"{method}-{split}-{content_key(run.predictions(split))}"
    if teacher is not None and teacher.path != run.path:
        key += f"-from-{content_key(teacher.predictions(split))}"
    return key


def stored_layout(
    library: Library,
    run: RunFolder,
    *,
    teacher: RunFolder | None,
    split: Split = "test",
    method: str = "umap",
) -> Layout | None:
    """The map if it was made; its rows are the samples that run and teacher share, in the teacher's order."""
    name = layout_key(run, split, method, teacher)
    for path in (run.layout_path(name), _aside(library, name)):
        if path.exists():
            try:
                read_arrays(path, ("coordinates", "meta"))
            except PredictionsError:
                continue  # cut short or of another kind: it is made again
            return Layout.load(path)
    return None


def compute_layout(
    library: Library,
    run: RunFolder,
    *,
    teacher: RunFolder | None,
    split: Split = "test",
    aside: bool = False,
) -> None:
    """Make and store the UMAP and the PCA of a run, and first those of its teacher, from which it starts."""
    if teacher is not None and teacher.path == run.path:
        teacher = None
    own = run.predictions(split)
    base: dict[str, Layout] = {}
    if teacher is not None:
        compute_layout(library, teacher, teacher=None, split=split, aside=aside)
        shared = align([teacher.predictions(split), own])
        own = shared.predictions[1]
        if not (shared.n_shared == shared.n_each[0]):
            raise PredictionsError(
                f"run '{run.key}' has {shared.n_shared} of the {shared.n_each[0]} samples of its teacher's map; "
                "a map from the teacher's coordinates needs all of them."
            )
        for method in ("umap", "pca"):
            found = stored_layout(library, teacher, teacher=None, split=split, method=method)
            assert found is not None
            base[method] = found
    for method in ("umap", "pca"):
        if stored_layout(library, run, teacher=teacher, split=split, method=method) is None:
            layout = _make(own, method, base.get(method))
            name = layout_key(run, split, method, teacher)
            in_place = not run.read_only and not aside
            target = run.layout_path(name) if in_place else _aside(library, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(target) as temporary:
                layout.save(temporary)


def _make(predictions: Predictions, method: str, base: Layout | None) -> Layout:
    P = predictions.probabilities(TEMPERATURE)
    if method == "umap" and len(predictions) >= 4:
        return umap_layout(P, seed=SEED, init=None if base is None else base.coordinates)
    made = pca_layout(P)
    if base is None:
        return made
    turned = align_to(base.coordinates, made.coordinates)
    return Layout(**{**vars(made), "coordinates": turned})


def _aside(library: Library, name: str) -> Path:
    return library.own / ".layouts" / f"layout-{name}.npz"


def content_key(predictions: Predictions) -> str:
    """Eight hex digits over ids and logits in half precision, so that packing a run does not change them."""
    digest = hashlib.sha256(np.ascontiguousarray(to_half(predictions.logits).astype("<f2")).tobytes())
    digest.update(np.ascontiguousarray(predictions.ids).tobytes())
    return digest.hexdigest()[:8]


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the map of a run, started from its teacher's.")
    parser.add_argument("run")
    parser.add_argument("--teacher")
    parser.add_argument("--split", default="test", choices=("validation", "test"))
    parser.add_argument("--shelf", type=Path, required=True)
    parser.add_argument("--own", type=Path, required=True)
    asked = parser.parse_args()
    library = Library(shelf=asked.shelf, own=asked.own)
    teacher = None if asked.teacher is None else library.locate(asked.teacher)
    compute_layout(library, library.locate(asked.run), teacher=teacher, split=asked.split)


if __name__ == "__main__":
    main()
