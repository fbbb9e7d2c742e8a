"""Make app/assets/lesson-maps.npz: one set of real samples under five seeds, seven n_neighbors and
two starts.

`python docs/lesson_maps.py` takes some minutes on one core. The samples are the test images of the
ten largest classes, placed by the bundled teacher's probabilities over all classes at T = 4. The
fifth lesson of Learn reads the file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bickd_core.geometry.map_space import map_space
from bickd_core.geometry.umap_maps import umap_layout
from bickd_core.maps.store import TEMPERATURE, content_key
from bickd_core.runs.predictions import Predictions

TARGET = ROOT / "app" / "assets" / "lesson-maps.npz"
SOURCE = "caltech95/teacher"
CLASSES = 10
SEEDS = (0, 1, 2, 3, 4)
NEIGHBOURS = (3, 5, 10, 15, 30, 60, 120)
STARTS = ("random", "pca")


def main() -> None:
    everyone = Predictions.load(ROOT / "pretrained" / SOURCE / "predictions-test.npz")
    assert everyone.labels is not None
    largest = np.argsort(-np.bincount(everyone.labels), kind="stable")[:CLASSES]
    chosen = everyone.take(np.flatnonzero(np.isin(everyone.labels, largest)))
    P = chosen.probabilities(TEMPERATURE)
    shape = (len(STARTS), len(NEIGHBOURS), len(SEEDS))
    coordinates = np.zeros((*shape, len(P), 2), dtype=np.float16)
    trust = np.zeros(shape, dtype=np.float32)
    version = ""
    for at in np.ndindex(shape):
        start, neighbours, seed = STARTS[at[0]], NEIGHBOURS[at[1]], SEEDS[at[2]]
        init = (
            np.random.default_rng(seed).uniform(-10, 10, (len(P), 2)) if start == "random" else None
        )
        made = umap_layout(map_space(P), seed=seed, n_neighbors=neighbours, init=init)
        centred = made.coordinates - made.coordinates.mean(axis=0)
        coordinates[at] = centred / np.ptp(centred, axis=0).max()
        trust[at] = made.trustworthiness
        version = str(made.parameters["umap"])
        print(
            f"{start}, n_neighbors {neighbours}, seed {seed}: {made.trustworthiness:.3f}",
            flush=True,
        )
    meta = {
        "source": SOURCE,
        "split": "test",
        "predictions": content_key(everyone),
        "temperature": TEMPERATURE,
        "starts": STARTS,
        "neighbours": NEIGHBOURS,
        "seeds": SEEDS,
        "umap": version,
        "min_dist": 0.1,
    }
    np.savez_compressed(
        TARGET,
        coordinates=coordinates,
        trustworthiness=trust,
        ids=chosen.ids.astype(np.int32),
        meta=np.array(json.dumps(meta)),
    )
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
