"""The cross Gram from probabilities in memory, for tests of the passes over blocks."""

import numpy as np

from bickd_core.geometry.orthogonality import unit_columns


def cross_gram(P: np.ndarray, S: np.ndarray, *, centred: bool = False) -> np.ndarray:
    """Cosines of the teacher's columns (rows of the result) and the student's: [C, C]."""
    return unit_columns(P, centred=centred)[0].T @ unit_columns(S, centred=centred)[0]


def consistency(K: np.ndarray) -> float:
    """Mean of the diagonal over classes that both models predict."""
    return np.diag(K)[_usable(K).diagonal()].mean()


def cross_overlap(K: np.ndarray) -> float:
    """Mean off the diagonal over classes that both models predict."""
    return K[_usable(K) & ~np.eye(len(K), dtype=bool)].mean()


def _usable(K: np.ndarray) -> np.ndarray:
    return K.any(axis=1)[:, None] & K.any(axis=0)
