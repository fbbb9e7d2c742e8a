"""Displacement between seeds against its formula, and what must not count as movement."""

from __future__ import annotations

import numpy as np
import pytest

from bickd_core.geometry.reseeding import layout_width, reseeding_displacement


def turned(points: np.ndarray, angle: float, scale: float, mirrored: bool) -> np.ndarray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * points @ turn * ([-1, 1] if mirrored else [1, 1]) + [3.0, -2.0]


def test_turning_mirroring_shifting_and_scaling_are_no_movement():
    points = np.random.default_rng(0).normal(size=(40, 2))
    same = [points, turned(points, 1.1, 3.0, False), turned(points, -0.4, 0.2, True)]
    assert reseeding_displacement(same) == pytest.approx(0.0, abs=1e-6)


def test_it_is_the_mean_over_ordered_pairs_and_samples():
    """By loops: the best turn of a plane, mirrored or not, found from its closed form and not by a
    decomposition."""
    rng = np.random.default_rng(1)
    layouts = [rng.normal(size=(9, 2)) for _ in range(3)]
    total = []
    for a in layouts:
        for b in layouts:
            if a is b:
                continue
            A, B = a - a.mean(axis=0), b - b.mean(axis=0)
            fits = []
            for mirror in ([1, 1], [1, -1]):
                M = B * mirror
                angle = np.arctan2((M[:, 0] * A[:, 1] - M[:, 1] * A[:, 0]).sum(), (M * A).sum())
                back = np.column_stack(
                    [
                        M[:, 0] * np.cos(angle) - M[:, 1] * np.sin(angle),
                        M[:, 0] * np.sin(angle) + M[:, 1] * np.cos(angle),
                    ]
                )
                fitted = (back * A).sum() / (M**2).sum() * back
                fits.append((((fitted - A) ** 2).sum(), fitted))
            best = min(fits, key=lambda fit: fit[0])[1]
            width = max(np.ptp(a[:, 0]), np.ptp(a[:, 1]))
            total.append(np.mean([np.hypot(*(best[i] - A[i])) for i in range(len(A))]) / width)
    assert reseeding_displacement(layouts) == pytest.approx(np.mean(total), rel=1e-5)


def test_layouts_without_extent_count_nothing():
    assert reseeding_displacement([np.zeros((4, 2)), np.zeros((4, 2))]) == 0.0
    assert layout_width(np.zeros((4, 2))) == 0.0


def test_one_layout_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        reseeding_displacement([np.zeros((4, 2))])
