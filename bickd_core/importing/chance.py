"""Whether a network does no better than guessing."""

from __future__ import annotations

DEVIATIONS = 3.0
"""A share of right answers is chance's if it is at most so many of its standard errors above 1 / classes."""


def chance_note(right: float, images: int, classes: int, split: str = "validation") -> str:
    """The warning on a network that answers as if by chance; "" for one that does better.

    Args:
        right: the share of right answers, in [0, 1], on so many images. split: of which part.

    >>> chance_note(0.12, 500, 10)[:76]
    'It answers as if by chance: 12.0 % of 500 validation images are right, among'
    >>> chance_note(0.2, 500, 10)
    ''
    """
    share = 1 / classes
    if right > share + DEVIATIONS * (share * (1 - share) / images) ** 0.5:
        return ""
    return (
        f"It answers as if by chance: {100 * right:.1f} % of {images:,} {split} images are right, among {classes:,} classes. "
        "Either it is not trained, or its inputs or classes were others in its training."
    )
