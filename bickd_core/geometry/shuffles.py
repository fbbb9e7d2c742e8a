"""What shuffled samples give, for many samples and columns, without shuffling them.

With the samples of Y in random order, the centred product X'PY has mean 0 and covariance `(X'X) x
(Y'Y) / (n - 1)`, and for many samples its cells are normal (Hoeffding 1951). In the eigenvectors of
both it is `sqrt(l_a m_b / (n - 1)) z_ab` with independent z. So a shuffle costs D E random numbers
in place of a product of the samples.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bickd_core.geometry import checks
from bickd_core.geometry.jackknife import CkaSide
from bickd_core.geometry.similarity import PermutedNull

LEAST_SAMPLES = 5_000
"""Samples from which the limit is used."""
_LEAST_SHARE = 1e-6
"""Smaller eigenvalues, as a share of the largest, are rounding errors of float32."""


def column_spectrum(side: CkaSide) -> np.ndarray:
    """Eigenvalues of X'X of the centred rows, the smallest first, without those near 0."""
    columns = side.rows.shape[1]
    products, sums = np.zeros((columns, columns)), np.zeros(columns)
    for X in side.by_shard():
        products += X.T @ X
        sums += X.sum(axis=0)
    values = np.linalg.eigvalsh(products - np.outer(sums, sums) / len(side.rows))
    return values[values > _LEAST_SHARE * values[-1]]


def limit_cka_null(
    observed: float,
    first: CkaSide,
    second: CkaSide,
    spectra: tuple[np.ndarray, np.ndarray],
    *,
    permutations: int = 50,
) -> PermutedNull:
    """`cka_null` in the limit of many samples.

    Args:
        observed: CKA of the two sides.
        spectra: `column_spectrum` of each.
        permutations: as in `cka_null`.
    """
    n = len(first.rows)
    k, l = (float(values.sum()) for values in spectra)  # noqa: E741 - as in `hsic`
    mean = k * l / (n - 1)  # of the trace, which the debiased figure has not
    scale = n * (n - 3) * float(np.sqrt(first.own[0] * second.own[0]))
    values = [
        (float(np.vdot(product, product)) - mean) / scale
        for product in _products(spectra, n, permutations)
    ]
    return PermutedNull.of(observed, values)


def limit_procrustes_null(
    observed: float,
    n: int,
    spectra: tuple[np.ndarray, np.ndarray],
    *,
    permutations: int = 50,
) -> PermutedNull:
    """`procrustes_null` in the limit of many samples. Arguments are those of `limit_cka_null`."""
    scale = np.sqrt(spectra[0].sum() * spectra[1].sum())
    norms = [_nuclear_norm(product) for product in _products(spectra, n, permutations)]
    distances = np.sqrt(np.clip(1.0 - np.array(norms) / scale, 0.0, 1.0))
    return PermutedNull.of(observed, distances, lower=True)


def _nuclear_norm(product: np.ndarray) -> float:
    """Sum of singular values, from the eigenvalues of the smaller Gram, which is twice as fast as a
    decomposition. Singular values below a thousandth of the largest are not exact."""
    gram = product.T @ product if product.shape[1] <= len(product) else product @ product.T
    values = np.clip(np.linalg.eigvalsh(gram), 0.0, None)
    return float(np.sqrt(values).sum(dtype=np.float64))


def _products(
    spectra: tuple[np.ndarray, np.ndarray], n: int, permutations: int
) -> Iterator[np.ndarray]:
    """X'PY of some shuffles in the eigenvectors of both sides, float32 [D, E]."""
    checks.positive(permutations, "permutations")
    rows, columns = (np.sqrt(values).astype(np.float32) for values in spectra)
    columns = columns / np.float32(np.sqrt(n - 1))
    random = np.random.default_rng(0)
    for _ in range(permutations):
        product = random.standard_normal((len(rows), len(columns)), dtype=np.float32)
        product *= rows[:, None]
        product *= columns
        yield product
