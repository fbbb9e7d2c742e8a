"""Takes the place of umap where a test needs a map but not its quality: a tenth of a millisecond, not 20 s."""

import numpy as np

__version__ = "stand-in"


class UMAP:
    """The points stay where they start."""

    def __init__(self, *, n_neighbors, min_dist, metric, init, random_state, n_jobs):
        self.start = init

    def fit_transform(self, samples):
        return np.asarray(self.start, dtype=np.float32)
