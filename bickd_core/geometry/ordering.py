"""Orders of classes for readable matrices: by similarity, index or superclass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def index_order(n_classes: int) -> np.ndarray:
    """The order of the indices, 0 .. C - 1."""
    return np.arange(n_classes)


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


def cluster_groups(gram: np.ndarray, groups: int, empty: np.ndarray | None = None) -> np.ndarray:
    """Cut the dendrogram of `cluster_order` into at most `groups` branches.

    Returns:
        [C] int64, the branch of each class, 0, 1, ... in cluster order; empty classes are one group
        of their own, the last.
    """
    if groups < 1:
        raise ValueError(f"groups must be at least 1, got {groups!r}: try 30.")
    used, tree = _dendrogram(gram, empty)
    branches = np.full(len(gram), -1, dtype=np.int64)
    branches[used] = np.arange(len(used)) if tree is None else 0
    if tree is not None:
        from scipy.cluster.hierarchy import fcluster, leaves_list

        branch = fcluster(tree, groups, criterion="maxclust")
        rank = {
            label: place
            for place, label in enumerate(dict.fromkeys(branch[leaves_list(tree)].tolist()))
        }
        branches[used] = [rank[label] for label in branch.tolist()]
    branches[branches < 0] = branches.max() + 1
    return branches


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


def superclass_order(
    superclass: Sequence[str | int], within: np.ndarray | None = None
) -> np.ndarray:
    """Classes grouped by superclass, groups in order of first appearance in `within`.

    Args:
        superclass: the superclass of each class, C entries.
        within: [C] order to keep inside a group, for example `cluster_order(gram)`; by index when
            not given.

    >>> superclass_order(["animal", "tool", "animal"]).tolist()
    [0, 2, 1]
    """
    order = index_order(len(superclass)) if within is None else np.asarray(within)
    if not np.array_equal(np.sort(order), np.arange(len(superclass))):
        raise ValueError(
            f"within must be a permutation of 0 to {len(superclass) - 1}, got {len(order)} entries:"
            " give each class one superclass."
        )
    rank: dict[str | int, int] = {}
    for c in order:
        rank.setdefault(superclass[c], len(rank))
    return np.array(sorted(order, key=lambda c: rank[superclass[c]]), dtype=np.int64)
