"""The nearest known name to one that is not known, for errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(given: object, known: Iterable[str], *, cutoff: float = 0.5) -> str | None:
    """The known name most like `given`, letters' case aside where nothing is found with it; None where none is near.

    cutoff: least similarity in [0, 1], `difflib`'s ratio.

    >>> nearest("ResNet20", ["resnet8", "resnet20"])
    'resnet20'
    """
    names = list(known)
    for wanted in (str(given), str(given).lower()):
        if found := difflib.get_close_matches(wanted, names, n=1, cutoff=cutoff):
            return found[0]
    return None
