"""Detect a network that is no better than chance."""

from __future__ import annotations

DEVIATIONS = 3.0
"""An accuracy is at chance level if it is at most this many standard errors above 1 / classes."""


def chance_note(right: float, images: int, classes: int, split: str = "validation") -> str:
    """Return the warning for a network at chance level, or "".

    Args:
        right: share of right answers in [0, 1].
        images: number of images.
        split: their split.

    >>> chance_note(0.12, 500, 10)[:76]
    'Its accuracy is at chance level: 12.0 % of 500 validation images are right, '
    >>> chance_note(0.2, 500, 10)
    ''
    """
    share = 1 / classes
    if right > share + DEVIATIONS * (share * (1 - share) / images) ** 0.5:
        return ""
    return (
        f"Its accuracy is at chance level: {100 * right:.1f} % of {images:,} {split} images are"
        f" right, among {classes:,} classes. Either the network is not trained, or it was trained"
        " with other inputs or classes."
    )
