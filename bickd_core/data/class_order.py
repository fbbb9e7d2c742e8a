"""The order of classes whose names are whole numbers: by value, or as text (0, 1, 10, 11, 2).

Rows, ids and splits of a source do not depend on it, because classes are sorted when a data set is
loaded. A run stores its order in run.yaml (`class_order`), so that older runs keep theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from bickd_core.data.base import Dataset, Split
from bickd_core.naming import some_names

ClassOrder = Literal["natural", "text"]
"""Natural: whole numbers by value. Text: character by character, as torchvision's ImageFolder sorts
folders."""


LISTED = 12
"""Number of classes that a sentence names."""


def natural_order(names: Sequence[str]) -> tuple[int, ...] | None:
    """Return the positions that sort names by value; None unless all are whole numbers and the
    order changes.

    >>> natural_order(("0", "1", "10", "2"))
    (0, 1, 3, 2)
    >>> natural_order(("0", "1", "2")), natural_order(("1", "10", "2a"))
    (None, None)
    """
    if not all(name.isascii() and name.isdigit() and len(name) <= 18 for name in names):
        return None
    order = sorted(range(len(names)), key=lambda i: (int(names[i]), names[i]))
    return None if order == list(range(len(names))) else tuple(order)


def in_order(names: Sequence[str], order: Sequence[int]) -> tuple[str, ...]:
    """Return the names in this order."""
    return tuple(names[i] for i in order)


def relabelled(split: Split, order: Sequence[int]) -> Split:
    """Return the split with labels for this order."""
    places = np.empty(len(order), dtype=np.int64)
    places[np.array(order)] = np.arange(len(order))
    return replace(split, labels=places[split.labels])


def listed(names: Sequence[str]) -> str:
    r"""List the first names, and how many more there are.

    >>> listed(("cat", "a\\nb"))
    'cat, a\\\\nb'
    """
    return some_names([repr(name)[1:-1] for name in names], most=LISTED)


def classes_sentence(dataset: Dataset, order: ClassOrder | None) -> str:
    """Describe the classes, their order, and which of them have no test image."""
    names = dataset.class_names
    sentence = f"{len(names)} classes: {listed(names)}"
    if order is not None:
        sentence += f"; their names are whole numbers, in the order '{order}'"
    absent = sorted(set(range(len(names))) - set(dataset.test.labels.tolist()))
    return sentence + (f"; no test images of {listed(in_order(names, absent))}" if absent else "")
