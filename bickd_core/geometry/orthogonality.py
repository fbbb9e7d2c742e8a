"""Orthogonality of the classes of a model, and their alignment with another model's.

P is the N x C matrix of probabilities. Its columns `q_c`, one class over all samples, are set to
unit length; the class Gram is `G = Q'Q` (cosines between classes of one model), the cross Gram `K =
Q_T' Q_S` (teacher columns against student columns). Columns are *not* centred unless
`centred=True`, which turns cosines into Pearson correlations.

A class that is never predicted has a column near zero, without a direction. It is True in the
`empty` mask, its row and column are 0 (never NaN), and figures leave it out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.scipy_functions import entr

EMPTY_RMS = 1e-6
"""A column whose root-mean-square probability is at most this has no direction worth naming."""


@dataclass(frozen=True)
class ClassGeometry:
    """Orthogonality of one model's classes.

    Attributes:
        gram: [C, C] cosines between columns; rows and columns of empty classes are 0.
        empty: [C] bool, classes whose column is near zero.
        overlap: mean off-diagonal entry over usable classes, lower is more orthogonal; None with
            fewer than two.
        score: orthogonality score, at most 1, 1 for orthogonal columns; None with fewer than two
            usable classes.
        effective_rank: between 1 and the number of usable classes; 0 when there is none.
        class_overlap: [C] mean off-diagonal entry of each usable row; 0 for empty classes.
        n_classes_used: C', the classes that are not empty.
    """

    gram: np.ndarray
    empty: np.ndarray
    overlap: float | None
    score: float | None
    effective_rank: float
    class_overlap: np.ndarray
    n_classes_used: int


@dataclass(frozen=True)
class CrossGeometry:
    """Teacher columns against student columns.

    Attributes:
        gram: [C, C], row = teacher's class, column = student's; 0 where either is empty.
        empty_teacher, empty_student: [C] bool.
    """

    gram: np.ndarray
    empty_teacher: np.ndarray
    empty_student: np.ndarray


def empty_columns(norms: np.ndarray, n: float | np.ndarray) -> np.ndarray:
    """Return which columns over n samples are near zero: `norm / sqrt(n) <= EMPTY_RMS`."""
    return norms <= EMPTY_RMS * np.sqrt(n)


def unit_columns(P: np.ndarray, *, centred: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Columns at unit length, `Q = A / norms` with `A = P - centred * column mean`.

    Args:
        P: [N, C] probabilities.
        centred: take the column mean away first.

    Returns:
        Q [N, C], with zeros in near-zero columns, and the norms [C], with 0 for those.
    """
    P = checks.probabilities(P)
    columns = P - P.mean(axis=0) if centred else P
    norms = np.sqrt(np.einsum("ij,ij->j", columns, columns))
    empty = empty_columns(norms, len(P))
    Q = columns * np.where(empty, 0.0, 1.0 / np.where(empty, 1.0, norms))
    return Q, np.where(empty, 0.0, norms)


def class_gram(P: np.ndarray, *, centred: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The class Gram `G = Q'Q` [C, C] and the mask [C] of empty classes, whose rows and columns are
    0.

    >>> gram, empty = class_gram(np.array([[1.0, 0.0, 0.0], [0.6, 0.0, 0.4], [0.0, 0.0, 1.0]]))
    >>> empty.tolist()
    [False, True, False]
    """
    Q, norms = unit_columns(P, centred=centred)
    return unit_diagonal(Q.T @ Q, norms == 0), norms == 0


def overlap(P: np.ndarray) -> float | None:
    """Mean off-diagonal cosine without a Gram, `(||Q 1||^2 - C') / (C' (C' - 1))` over the C'
    usable columns.

    Between 0 and 1; lower is more orthogonal. None with fewer than two usable classes. A sharper
    softmax alone lowers it: compare models at matched mean entropy too (`matched_temperature`).

    >>> overlap(np.array([[1.0, 0.0], [0.0, 1.0]]))
    0.0
    """
    Q, norms = unit_columns(P)
    used = int((norms > 0).sum())
    if used < 2:
        return None
    total = Q.sum(axis=1)
    return float((total @ total - used) / (used * (used - 1)))


def orthogonality_score(gram: np.ndarray, empty: np.ndarray) -> float | None:
    """`1 - ||G - I||_F / sqrt(C' (C' - 1))` over usable classes: 1 if orthogonal, 0 if all
    parallel."""
    used = int((~empty).sum())
    if used < 2:
        return None
    off = gram - np.diag(np.diag(gram))
    return float(1.0 - np.sqrt(np.sum(off * off) / (used * (used - 1))))


def eigenvalues(gram: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """Eigenvalues of G over its usable classes [C'], the greatest first, all at least 0; they sum
    to C'."""
    used = np.flatnonzero(~empty)
    return np.clip(np.linalg.eigvalsh(gram[np.ix_(used, used)])[::-1], 0.0, None)


def effective_rank(gram: np.ndarray, empty: np.ndarray) -> float:
    """`exp(-sum_k l_k log l_k)`, l the eigenvalues of G over their sum (Roy and Vetterli 2007); 0
    if none usable.
    """
    values = eigenvalues(gram, empty)
    if not len(values):
        return 0.0
    return float(np.exp(entr(values / values.sum()).sum()))


def class_overlap(gram: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """Per class, the mean off-diagonal entry of its row over the other usable classes [C]; 0 for
    empty classes.
    """
    used = int((~empty).sum())
    if used < 2:
        return np.zeros(len(gram))
    return np.where(empty, 0.0, (gram.sum(axis=1) - np.diag(gram)) / (used - 1))


def class_geometry(P: np.ndarray, *, centred: bool = False) -> ClassGeometry:
    """Compute all class-wise figures of one model.

    Args:
        P: [N, C] probabilities at the temperature of interest.
        centred: Pearson correlations in place of cosines.

    Returns:
        ClassGeometry.

    Raises:
        ValueError: P not a matrix of probabilities.
    """
    gram, empty = class_gram(P, centred=centred)
    return geometry_of(gram, empty)


def geometry_of(gram: np.ndarray, empty: np.ndarray, *, rank: float | None = None) -> ClassGeometry:
    """The figures of a class Gram [C, C] with 0 in the rows and columns of empty classes [C]; with
    its effective rank if it is known, else from its eigenvalues."""
    used = int((~empty).sum())
    return ClassGeometry(
        gram=gram,
        empty=empty,
        overlap=float((gram.sum() - used) / (used * (used - 1))) if used > 1 else None,
        score=orthogonality_score(gram, empty),
        effective_rank=effective_rank(gram, empty) if rank is None else rank,
        class_overlap=class_overlap(gram, empty),
        n_classes_used=used,
    )


def pair_contributions(P: np.ndarray, c: int, d: int, *, centred: bool = False) -> np.ndarray:
    """Return the contribution of each sample to the cell G_cd: `q_ic q_id` [N]. The sum is the
    cell. Zeros if either class is empty.
    """
    Q, _ = unit_columns(P, centred=centred)
    return (
        Q[:, checks.class_index(c, Q.shape[1], "c")] * Q[:, checks.class_index(d, Q.shape[1], "d")]
    )


def cross_contributions(
    P_teacher: np.ndarray,
    P_student: np.ndarray,
    c: int,
    d: int,
    *,
    centred: bool = False,
) -> np.ndarray:
    """Return the contribution of each sample to the cell K_cd: teacher's `q_ic` times student's
    `q_id` [N]. The sum is the cell."""
    Q_t, _ = unit_columns(P_teacher, centred=centred)
    Q_s, _ = unit_columns(P_student, centred=centred)
    checks.same_shape(Q_t, Q_s, "P_teacher and P_student")
    n_classes = Q_t.shape[1]
    return (
        Q_t[:, checks.class_index(c, n_classes, "c")]
        * Q_s[:, checks.class_index(d, n_classes, "d")]
    )


def unit_diagonal(gram: np.ndarray, empty: np.ndarray) -> np.ndarray:
    """Clip a Gram to [-1, 1] and set its diagonal to exactly 1, or 0 for empty classes."""
    gram = np.clip(gram, -1.0, 1.0)
    np.fill_diagonal(gram, np.where(empty, 0.0, 1.0))
    return gram
