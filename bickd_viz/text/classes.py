"""Names of classes beside other text, and sentences on groups of classes."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from bickd_viz.text import numbers


def isolated(name: str) -> str:
    """A name beside figures or other names. One that is written from right to left is isolated
    from them, since otherwise they would change places."""
    if any(unicodedata.bidirectional(character) in ("R", "AL") for character in name):
        return f"\u2068{name}\u2069"
    return name


def groups_sentence(sizes: Sequence[int], *, ordered: bool = False) -> str:
    """What a cell of a matrix of groups is, and over how many pairs of classes.

    Args:
        sizes: number of classes of each group.
        ordered: whether (c, d) and (d, c) are two pairs.

    >>> groups_sentence([2, 3])
    'Each cell is the mean over all pairs of classes from two groups: 1 to 6 pairs.'
    """
    return (
        f"Each cell is the mean over all pairs of classes from two groups{_pairs(sizes, ordered)}."
    )


def confusion_groups_sentence(sizes: Sequence[int], *, shares: bool) -> str:
    """What a cell of a confusion matrix of groups is, and over how many pairs of classes.

    >>> confusion_groups_sentence([2, 3], shares=False)
    'Each cell is the sum over all pairs of classes from two groups: 2 to 6 pairs.'
    """
    share = ", as a share of the row's samples" if shares else ""
    return (
        "Each cell is the sum over all pairs of classes from two groups"
        f"{share}{_pairs(sizes, ordered=True)}."
    )


def _pairs(sizes: Sequence[int], ordered: bool) -> str:
    """The fewest and most pairs of a cell: ": 1 to 6 pairs"."""
    inside = [n * (n - 1) // (1 if ordered else 2) for n in sizes]
    between = [a * b for k, a in enumerate(sizes) for b in sizes[k + 1 :]]
    counts = [n for n in (*inside, *between) if n]
    if not counts:
        return ""
    low, high = min(counts), max(counts)
    return f": {numbers.counted(low, 'pair')}" if low == high else f": {low:,} to {high:,} pairs"


def mean_of(value_name: str) -> str:
    """What a cell of groups is called. The mean of means or of differences keeps its name.

    >>> mean_of("cosine"), mean_of("mean cosine"), mean_of("difference in cosine")
    ('mean cosine', 'mean cosine', 'difference in cosine')
    """
    return value_name if value_name.startswith(("mean", "difference")) else f"mean {value_name}"


def groups_help(classes: int) -> str:
    """More on a matrix of groups, for a tooltip."""
    return (
        f"The groups hold {numbers.count(classes)} classes. A class is never paired with itself, so"
        " a group of one class has an empty cell on the diagonal. Point at a cell for its number of"
        " pairs."
    )


def both(names: Sequence[str]) -> str:
    """The title of one opened group, or of two.

    >>> both(["dogs"]), both(["dogs", "cats"])
    ('dogs', 'dogs with cats')
    """
    return " with ".join(names)
