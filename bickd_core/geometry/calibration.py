"""Whether confidence is what it says: reliability bins and the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bickd_core.geometry import checks

Scheme = Literal["width", "mass"]


@dataclass(frozen=True)
class Reliability:
    """Top-1 confidence against accuracy in B bins.

    Attributes:
        edges: [B + 1], bin b holds confidences in (edges[b], edges[b + 1]]; the first also its lower edge.
        counts: [B] samples.
        confidence, accuracy: [B] means in the bin; 0 where it holds no sample.
        error: expected calibration error, 0 to 1, lower is better.
        scheme: "width" or "mass".
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float
    scheme: str


def confidence_bins(
    confidence: np.ndarray, bins: int, scheme: Scheme = "width"
) -> tuple[np.ndarray, np.ndarray]:
    """Edges and the bin [N] of each confidence; `mass` bins have near-equal counts, and ties stay
    together.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins!r}: try 15.")
    if scheme == "width":
        edges = np.linspace(0.0, 1.0, bins + 1)
    elif scheme == "mass":
        edges = np.unique(np.quantile(confidence, np.linspace(0.0, 1.0, bins + 1)))
        if len(edges) == 1:
            edges = np.repeat(edges, 2)
    else:
        raise ValueError(f"scheme must be 'width' or 'mass', got {scheme!r}.")
    return edges, np.searchsorted(edges[1:-1], confidence, side="left")


def reliability(P: np.ndarray, labels: np.ndarray, bins: int = 15, scheme: Scheme = "width") -> Reliability:
    """Reliability of the top-1 class.

    Args:
        P: [N, C] probabilities; calibration is a matter of the temperature they were taken at.
        labels: [N] true classes.
        bins: at least 1; equal-mass bins can be fewer when confidences tie.
        scheme: "width" for equal width, "mass" for equal counts.

    Returns:
        Reliability.

    Raises:
        ValueError: bins below 1, another scheme, or labels that do not fit P.
    """
    P = checks.probabilities(P)
    labels = checks.labels_for(labels, len(P), P.shape[1], "calibration")
    confidence = P.max(axis=1)
    hits = P.argmax(axis=1) == labels
    edges, index = confidence_bins(confidence, bins, scheme)
    n_bins = len(edges) - 1
    counts = np.bincount(index, minlength=n_bins)
    sums = np.bincount(index, weights=confidence, minlength=n_bins)
    right = np.bincount(index, weights=hits, minlength=n_bins)
    filled = np.maximum(counts, 1)
    return Reliability(
        edges=edges,
        counts=counts,
        confidence=sums / filled,
        accuracy=right / filled,
        error=float(np.abs(sums - right).sum() / len(P)),
        scheme=scheme,
    )


def expected_calibration_error(
    P: np.ndarray, labels: np.ndarray, bins: int = 15, scheme: Scheme = "width"
) -> float:
    """`sum_b n_b / N |accuracy_b - confidence_b|` of the top-1 class (Guo et al. 2017), 0 to 1, lower is
    better.

    It depends on the bins: it rises with their number and with fewer samples, so compare at equal N and bins.

    >>> round(expected_calibration_error(np.array([[0.8, 0.2], [0.8, 0.2]]), np.array([0, 1])), 6)
    0.3
    """
    return reliability(P, labels, bins, scheme).error
