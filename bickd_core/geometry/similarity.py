"""Similarity of two representations: debiased linear CKA with its permuted null, and rows binned by
class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from bickd_core.geometry import checks
from bickd_core.geometry.probabilities import pass_dtype, row_blocks, shifted


@dataclass(frozen=True)
class Moments:
    """The sums for debiased HSIC of two linear kernels. Sums over disjoint samples can be added.

    With `k_i = |x_i|^2` and `l_i = |y_i|^2`: cross = X'Y [D, E], x = X'1, y = Y'1, xl = X'l, yk =
    Y'k, kl = k'l, k = sum k_i, l = sum l_i, n.
    """

    cross: np.ndarray
    x: np.ndarray
    y: np.ndarray
    xl: np.ndarray
    yk: np.ndarray
    kl: float
    k: float
    l: float  # noqa: E741 - the kernels are named K and L in the source
    n: int

    def plus(self, other: Moments) -> Moments:
        """Add the sums over other samples."""
        return Moments(
            self.cross + other.cross,
            self.x + other.x,
            self.y + other.y,
            self.xl + other.xl,
            self.yk + other.yk,
            self.kl + other.kl,
            self.k + other.k,
            self.l + other.l,
            self.n + other.n,
        )

    def minus(self, other: Moments) -> Moments:
        """Subtract the sums over some of the samples."""
        return Moments(
            self.cross - other.cross,
            self.x - other.x,
            self.y - other.y,
            self.xl - other.xl,
            self.yk - other.yk,
            self.kl - other.kl,
            self.k - other.k,
            self.l - other.l,
            self.n - other.n,
        )


def moments(X: np.ndarray, Y: np.ndarray) -> Moments:
    """Moments of two matrices [n, D] and [n, E] on the same samples.

    Float32 matrices are multiplied as they are, and `cross` is float32; other sums are float64.
    """
    k, l = (np.einsum("ij,ij->i", Z, Z).astype(np.float64) for Z in (X, Y))  # noqa: E741
    ones = np.ones(len(X), X.dtype)
    return Moments(
        X.T @ Y,
        (ones @ X).astype(np.float64),
        (ones @ Y).astype(np.float64),
        (l.astype(X.dtype) @ X).astype(np.float64),
        (k.astype(Y.dtype) @ Y).astype(np.float64),
        float(k @ l),
        float(k.sum()),
        float(l.sum()),
        len(X),
    )


def hsic(m: Moments) -> float:
    """Debiased HSIC of the linear kernels K = XX', L = YY', without an N x N matrix.

    With K~, L~ the kernels without their diagonals (Song et al. 2012, eq. 5):

        [tr(K~L~) + 1'K~1 1'L~1 / ((n - 1)(n - 2)) - 2 / (n - 2) 1'K~L~1] / (n (n - 3))

    where tr(K~L~) = |X'Y|_F^2 - k'l, 1'K~1 = |X'1|^2 - 1'k, and 1'K~L~1 = (X X'1 - k)'(Y Y'1 - l).
    """
    return hsic_of(m, squared_norm(m.cross), float(m.x @ (m.cross @ m.y)))


def hsic_of(m: Moments, squares: float, bilinear: float) -> float:
    """`hsic` with `|X'Y|_F^2` and `(X'1)' X'Y (Y'1)` given; `cross` is not used."""
    n = m.n
    trace = squares - m.kl
    sum_k, sum_l = float(m.x @ m.x) - m.k, float(m.y @ m.y) - m.l
    rows = bilinear - float(m.x @ m.xl) - float(m.y @ m.yk) + m.kl
    return (trace + sum_k * sum_l / ((n - 1) * (n - 2)) - 2.0 * rows / (n - 2)) / (n * (n - 3))


def squared_norm(first: np.ndarray, second: np.ndarray | None = None) -> float:
    """Sum of the squares of a matrix, or of its products with another one, cell by cell. Rows are
    added up in float64."""
    second = first if second is None else second
    return float(np.einsum("ij,ij->i", first, second).sum(dtype=np.float64))


def without_each(parts: Sequence[Moments]) -> np.ndarray:
    """Debiased HSIC of all samples, then without each part [1 + G], from the moments of the parts;
    NaN below 4 samples.

    `|M - M_g|^2 = |M|^2 - 2 <M, M_g> + |M_g|^2`, so that no difference of matrices is made.
    """
    cross = np.zeros(parts[0].cross.shape)
    for part in parts:
        cross += part.cross
    near = cross.astype(parts[0].cross.dtype, copy=False)
    bare = [replace(part, cross=np.zeros(())) for part in parts]
    whole = reduce(Moments.plus, bare)
    every = [whole, *(whole.minus(part) for part in bare)]
    squares = np.full(len(every), squared_norm(cross))
    images = np.einsum(
        "rd,dr->r", np.array([m.x for m in every]), cross @ np.array([m.y for m in every]).T
    )
    for g, part in enumerate(parts, start=1):
        squares[g] += squared_norm(part.cross) - 2.0 * squared_norm(near, part.cross)
        own = every[g].y.astype(part.cross.dtype)
        images[g] -= every[g].x @ (part.cross @ own)
    return np.array(
        [
            hsic_of(m, square, image) if m.n > 3 else np.nan
            for m, square, image in zip(every, squares.tolist(), images.tolist(), strict=True)
        ]
    )


def ratio(cross: float, first: float, second: float) -> float | None:
    """CKA from three HSICs, at most 1; None if a representation is constant."""
    if first <= 0 or second <= 0:
        return None
    return float(np.clip(cross / np.sqrt(first * second), -1.0, 1.0))


def cka(X: np.ndarray, Y: np.ndarray) -> float | None:
    """Debiased linear CKA, `HSIC(X, Y) / sqrt(HSIC(X, X) HSIC(Y, Y))`, with the U-statistic HSIC.

    It is at most 1 (same up to rotation and scale), and about 0 for unrelated representations of
    any width. The plain CKA would tend to 1 as D / N grows. It takes N D E operations, without an N
    x N matrix if D < N.

    Args:
        X: [N, D], for example logits or features of the teacher.
        Y: [N, E], of the student, on the same samples.

    Returns:
        CKA, or None when it is not defined: fewer than 4 samples, or rows that do not vary.

    Source: Kornblith et al. 2019; Song et al. 2012 for the debiased HSIC; Nguyen et al. 2021 for
    its use in
        CKA.
    """
    X, Y = reduced_pair(X, Y)
    if len(X) < 4:
        return None
    return ratio(hsic(moments(X, Y)), hsic(moments(X, X)), hsic(moments(Y, Y)))


@dataclass(frozen=True)
class PermutedNull:
    """A figure of similarity with the student's samples shuffled.

    Attributes:
        observed: the observed figure; None if it is not defined (then p_value is 1).
        values: [B] the figure of each shuffle, sorted.
        p_value: (1 + shuffles at least as high, or as low if lower is more similar) / (1 + B).
    """

    observed: float | None
    values: np.ndarray
    p_value: float

    @classmethod
    def of(
        cls, observed: float | None, values: ArrayLike = (), *, lower: bool = False
    ) -> PermutedNull:
        """Sort the values [B] of the shuffles and compute the p value.

        Args:
            lower: True if a low figure is a similar one.
        """
        values = np.sort(np.asarray(values, dtype=np.float64))
        if observed is None:
            return cls(None, values, 1.0)
        count = (values <= observed if lower else values >= observed).sum()
        return cls(observed, values, float((1 + count) / (1 + len(values))))


def cka_null(
    X: np.ndarray, Y: np.ndarray, *, permutations: int = 200, seed: int = 0
) -> PermutedNull:
    """Permutation null of debiased CKA, with the samples of Y in random order.

    Args:
        X, Y: [N, D], [N, E].
        permutations: B, at least 1; the smallest p value is 1 / (1 + B).
        seed: of the shuffles.
    """
    if permutations < 1:
        raise ValueError(f"permutations must be at least 1, got {permutations!r}: try 200.")
    observed = cka(X, Y)
    if observed is None:
        return PermutedNull.of(None)
    X, Y = reduced_pair(X, Y)
    scale = np.sqrt(hsic(moments(X, X)) * hsic(moments(Y, Y)))
    random = np.random.default_rng(seed)
    values = [hsic(moments(X, Y[random.permutation(len(Y))])) / scale for _ in range(permutations)]
    return PermutedNull.of(observed, values)


def without_constants(logits: np.ndarray) -> np.ndarray:
    """Return logits [N, C] minus the mean of each row, in float64.

    A softmax does not change if a number is added to all logits of a sample. Logits of a network
    and logarithms of its probabilities differ by such a number, and CKA and Procrustes distance
    would see it.
    """
    logits = checks.matrix(logits, "logits")
    return logits - logits.mean(axis=1, keepdims=True)


def reduced_pair(X: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both as float64, checked, with centred columns and at most N columns.

    Debiased HSIC does not change: centring reduces rounding errors, fewer columns reduce the cost
    if D > N.
    """
    X, Y = checks.matrix(X, "X"), checks.matrix(Y, "Y")
    if len(X) != len(Y):
        raise ValueError(
            f"X and Y must have one row a sample on the same samples, got {len(X)} and {len(Y)}"
            " rows: align them first."
        )
    return reduced(X - X.mean(axis=0)), reduced(Y - Y.mean(axis=0))


def reduced(X: np.ndarray) -> np.ndarray:
    """Return at most N columns with the same linear kernel: X V, with the right singular vectors
    V."""
    if X.shape[1] <= X.shape[0]:
        return X
    U, s, _ = np.linalg.svd(X, full_matrices=False)
    return U * s


@dataclass(frozen=True)
class RowSimilarity:
    """The sample-wise matrix `R_ij = cos(p_i^T, p_j^S)`, binned by true class.

    Attributes:
        matrix: [C, C] mean R over all pairs of teacher rows of class c and student rows of class d;
            NaN if a class has no sample.
        absent: [C] bool, classes without a sample.
        matched: mean R_ii, the same sample in both models.
        within: mean R_ij, i != j of the same class; None without such a pair.
        between: mean R_ij over pairs of different classes; None without such a pair.
    """

    matrix: np.ndarray
    absent: np.ndarray
    matched: float
    within: float | None
    between: float | None


def row_similarity(
    teacher_logits: np.ndarray, student_logits: np.ndarray, labels: np.ndarray, T: float = 1.0
) -> RowSimilarity:
    """Compute sample-wise similarity binned by class, in one pass over the samples class by class,
    without an N x C matrix of probabilities or an N x N matrix.

    Args:
        teacher_logits, student_logits: [N, C] on the same samples.
        labels: [N] true classes.
        T: temperature of both.
    """
    checks.same_shape(teacher_logits, student_logits, "teacher_logits and student_logits")
    n, n_classes = np.shape(teacher_logits)
    labels = checks.labels_for(labels, n, n_classes, "similarity by class")
    inverse, dtype = 1.0 / checks.positive(T, "T"), pass_dtype(teacher_logits)
    order = np.argsort(labels, kind="stable")
    sums, matched = np.zeros((2, n_classes, n_classes)), 0.0
    for block in row_blocks(n, n_classes):
        positions = order[block]
        classes, starts = np.unique(labels[positions], return_index=True)
        sides = []
        for k, logits in enumerate((teacher_logits, student_logits)):
            rows = shifted(logits[positions], dtype)
            rows *= dtype(inverse)
            np.exp(rows, out=rows)
            rows *= (1.0 / np.sqrt(np.einsum("ij,ij->i", rows, rows)))[:, None]
            sums[k, classes] += np.add.reduceat(rows, starts, axis=0)
            sides.append(rows)
        matched += float(np.einsum("ij,ij->i", *sides).sum(dtype=np.float64))
    products = sums[0] @ sums[1].T  # of the classes' sums of unit rows
    counts = np.bincount(labels, minlength=n_classes).astype(np.float64)
    same, everything = float(np.trace(products)), float(products.sum())
    n_same = int((counts**2).sum()) - n
    n_other = n * n - n_same - n
    pairs = np.outer(counts, counts)
    means = np.clip(products / np.maximum(pairs, 1.0), 0.0, 1.0)
    return RowSimilarity(
        matrix=np.where(pairs > 0, means, np.nan),
        absent=counts == 0,
        matched=min(matched / n, 1.0),
        within=min(max((same - matched) / n_same, 0.0), 1.0) if n_same else None,
        between=min(max((everything - same) / n_other, 0.0), 1.0) if n_other else None,
    )


def row_cosines(P_teacher: np.ndarray, P_student: np.ndarray) -> np.ndarray:
    """Compute the sample-wise matrix `R_ij = cos(p_i^T, p_j^S)`, [N, N] in [0, 1], for a few
    hundred samples.

    Args:
        P_teacher, P_student: [N, C] probabilities on the same samples.
    """
    P_teacher, P_student = (
        checks.probabilities(P_teacher, "P_teacher"),
        checks.probabilities(P_student, "P_student"),
    )
    checks.same_shape(P_teacher, P_student, "P_teacher and P_student")
    return np.clip(_unit_rows(P_teacher) @ _unit_rows(P_student).T, 0.0, 1.0)


def _unit_rows(P: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.einsum("ij,ij->i", P, P))[:, None]
    return P / np.where(lengths > 0, lengths, 1.0)
