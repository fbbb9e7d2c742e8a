"""An order of classes for readable matrices: similar classes side by side."""

from __future__ import annotations

import numpy as np


def cluster_order(gram: np.ndarray, empty: np.ndarray | None = None) -> np.ndarray:
    """Put similar classes side by side: average linkage on `1 - G` with optimal leaf ordering
    (Bar-Joseph et al. 2001).

    Args:
        gram: [C, C] symmetric cosines; an asymmetric cross Gram is taken as its symmetric half.
        empty: [C] bool, classes with a near-zero column; read from a zero diagonal when not given.

    Returns:
        [C] permutation of 0 .. C - 1; empty classes come last, by index.
    """
    used, tree = _dendrogram(gram, empty)
    if tree is not None:
        from scipy.cluster.hierarchy import leaves_list

        used = used[leaves_list(tree)]
    return np.concatenate([used, np.setdiff1d(np.arange(len(gram)), used)]).astype(np.int64)


def _dendrogram(gram: np.ndarray, empty: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the usable classes and their linkage matrix, which is None for fewer than three
    classes."""
    gram = np.asarray(gram, dtype=np.float64)
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1]:
        raise ValueError(
            f"gram must be square [C, C], got shape {gram.shape}: pass class_gram(P)[0]."
        )
    empty = np.diag(gram) == 0 if empty is None else np.asarray(empty, dtype=bool)
    used = np.flatnonzero(~empty)
    if len(used) < 3:
        return used, None
    # here, because loading it takes longer than most pages need
    from scipy.cluster.hierarchy import linkage

    part = gram[np.ix_(used, used)]
    distance = np.clip(1.0 - (part + part.T) / 2, 0.0, None)
    return used, linkage(
        distance[np.triu_indices(len(used), 1)], method="average", optimal_ordering=True
    )
