"""Compute Gram sums from an iterator of blocks, from logits, or from probabilities in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.gram_figures import overlap_interval
from bickd_core.geometry.gram_sums import (
    ROWS,
    ColumnSums,
    CrossGrams,
    GramPass,
    GramSums,
    ShardGrams,
)
from bickd_core.geometry.intervals import Interval
from bickd_core.geometry.orthogonality import empty_columns
from bickd_core.geometry.probabilities import (
    pass_dtype,
    probability_blocks,
    row_blocks,
    shifted,
    softmax_in_place,
)
from bickd_core.geometry.shards import SHARDS, checked_shard


def stream_grams(
    blocks: Iterable[Sequence[np.ndarray]],
    shard: np.ndarray | None = None,
    *,
    shards: int = SHARDS,
    dtype: type[np.floating] = np.float32,
) -> GramSums:
    """Compute the sums in one pass over an iterator of row blocks. Only one block is in memory at a
    time.

    Args:
        blocks: each a sequence with [B, C] probabilities of the next B samples for each model.
        shard: [N] the shard of each sample, from `stratified_shards`. With None, samples are
            assigned to shards in turn, without stratification.
        shards: G, when `shard` is None.
        dtype: of the products.

    Returns:
        The sums; the figures come from `class_figures` and `cross_figures`.
    """
    sums: GramPass | None = None
    at = 0
    for block in blocks:
        if sums is None:
            groups = shards if shard is None else int(np.max(shard)) + 1
            sums = GramPass(len(block), np.shape(block[0])[1], shards=groups, dtype=dtype)
        size = len(block[0])
        part = (
            np.arange(at, at + size) % shards
            if shard is None
            else np.asarray(shard)[at : at + size]
        )
        sums.add(block, part)
        at += size
    if sums is None:
        raise ValueError("blocks must hold at least one block of rows, got none.")
    return sums.finish()


def logit_grams(
    logits: Sequence[np.ndarray],
    temperatures: Sequence[float | np.ndarray],
    shard: np.ndarray,
    *,
    dtype: type[np.floating] = np.float32,
) -> GramSums:
    """Compute the sums of several models from their logits, one block at a time, without an N x C
    matrix of probabilities.

    Args:
        logits: [N, C] for each model, the teacher's first. They may be memory-mapped.
        temperatures: for each model T, or [N] with one for each sample.
        shard: [N] from `stratified_shards`.
        dtype: as in GramPass.

    Returns:
        The sums, with `shard` in the order of the samples as given.
    """
    n, n_classes = logits[0].shape
    shard = checked_shard(shard, n)
    gram_pass = GramPass(len(logits), n_classes, shards=int(shard.max()) + 1, dtype=dtype)
    buffers = [np.empty((min(ROWS, n), n_classes), dtype) for _ in logits]
    columns = [np.broadcast_to(checks.temperature(T, n), (n, 1)) for T in temperatures]
    for positions in _blocks(shard):
        rows = [
            _softmax_into(buffer[: len(positions)], z, positions, T)
            for buffer, z, T in zip(buffers, logits, columns, strict=True)
        ]
        gram_pass.add_shard(rows, int(shard[positions[0]]))
    sums = gram_pass.finish()
    models = tuple(
        ShardGrams(grams.products, grams.sums, grams.weights, shard) for grams in sums.models
    )
    return GramSums(
        models,
        tuple(
            CrossGrams(k.products, models[0], m)
            for k, m in zip(sums.crosses, models[1:], strict=False)
        ),
    )


def logit_cross(
    logits: tuple[np.ndarray, np.ndarray],
    temperatures: tuple[float | np.ndarray, float | np.ndarray],
    shard: np.ndarray,
    *,
    dtype: type[np.floating] | None = None,
) -> CrossGrams:
    """Compute the cross products of teacher and student from their logits, without the products of
    each with itself. Arguments are those of `logit_grams`."""
    n, n_classes = logits[0].shape
    shard = checked_shard(shard, n)
    groups, dtype = int(shard.max()) + 1, dtype or pass_dtype(logits[0])
    products = np.zeros((groups, n_classes, n_classes), dtype)
    squares, sums = np.zeros((2, groups, n_classes)), np.zeros((2, groups, n_classes))
    buffers = [np.empty((min(ROWS, n), n_classes), dtype) for _ in logits]
    columns = [np.broadcast_to(checks.temperature(T, n), (n, 1)) for T in temperatures]
    for positions in _blocks(shard):
        g, ones = shard[positions[0]], np.ones(len(positions), dtype)
        rows = [
            _softmax_into(buffer[: len(positions)], z, positions, T)
            for buffer, z, T in zip(buffers, logits, columns, strict=True)
        ]
        products[g] += rows[0].T @ rows[1]
        for k, part in enumerate(rows):
            sums[k, g] += ones @ part
            part *= part
            squares[k, g] += ones @ part
    weights = np.bincount(shard).astype(np.float64)
    teacher, student = (ColumnSums(squares[k], sums[k], weights, shard) for k in range(2))
    return CrossGrams(products, teacher, student)


def same_class_cosines(
    teacher_logits: np.ndarray, student_logits: np.ndarray, T: float = 1.0
) -> np.ndarray:
    """The diagonal of the cross Gram at T, in one pass without a product of matrices: float64 [C]
    in [0, 1], 0 where a column is empty.

    Args:
        teacher_logits, student_logits: [N, C] on the same samples.
        T: temperature of both.
    """
    checks.same_shape(teacher_logits, student_logits, "teacher_logits and student_logits")
    sums = np.zeros((3, np.shape(teacher_logits)[1]))
    for (_, P), (_, Q) in zip(
        probability_blocks(teacher_logits, T), probability_blocks(student_logits, T), strict=True
    ):
        for total, left, right in zip(sums, (P, P, Q), (Q, P, Q), strict=True):
            total += np.einsum("ij,ij->j", left, right)
    norms = np.sqrt(sums[1:])
    usable = ~empty_columns(norms, len(teacher_logits)).any(axis=0)
    cosines = sums[0] / np.where(usable, norms[0] * norms[1], 1.0)
    return np.where(usable, np.minimum(cosines, 1.0), 0.0)


def shard_grams(P: np.ndarray, shard: np.ndarray) -> ShardGrams:
    """Compute one model's sums from probabilities in memory, in float64.

    Args:
        P: [N, C] probabilities.
        shard: [N] from `stratified_shards`.
    """
    P = checks.probabilities(P)
    shard = checked_shard(shard, len(P))
    gram_pass = GramPass(1, P.shape[1], shards=int(shard.max()) + 1, dtype=np.float64)
    for positions in _blocks(shard):
        gram_pass.add([P[positions]], shard[positions])
    grams = gram_pass.finish().models[0]
    return ShardGrams(grams.products, grams.sums, grams.weights, shard)


def column_cosine(
    first: np.ndarray,
    second: np.ndarray,
    shard: np.ndarray,
    *,
    centred: bool = False,
) -> Interval | None:
    """Cosine `p'q / (|p| |q|)` of two columns with its jackknife interval: one cell of a class or
    cross Gram.

    The estimate is the cell itself, without a correction: its bias is small compared with its
    standard error.

    Args:
        first, second: [N] probabilities of one class each, in one model or in two.
        shard: [N] from `stratified_shards`.
        centred: Pearson's correlation in its place.

    Returns:
        Interval; None where one of the columns is empty (or does not vary, when centred).
    """
    return overlap_interval(
        shard_grams(np.stack([first, second], axis=1), shard),
        centred=centred,
        correct=False,
    )


def _blocks(shard: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the positions of the samples by shard, in even parts of at most ROWS."""
    order = np.argsort(shard, kind="stable")
    for members in np.split(order, np.cumsum(np.bincount(shard))[:-1]):
        yield from np.array_split(members, -(-len(members) // ROWS))


def _softmax_into(
    out: np.ndarray, logits: np.ndarray, positions: np.ndarray, T: np.ndarray
) -> np.ndarray:
    """softmax(logits / T) of these positions in `out`, in its type, a piece at a time; T is [N,
    1]."""
    for piece in row_blocks(*out.shape):
        rows = positions[piece]
        out[piece] = softmax_in_place(shifted(logits[rows], out.dtype.type), T[rows])
    return out
