"""Match the rows of several files by the texts of their samples."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from bickd_core.importing.extract import FilePart

FEWEST = 40
"""Shortest beginning of a text, in characters, that counts as the text itself."""
TOLERANCE = 1e-3
"""Largest difference between two logits of the same text."""

Key = tuple[str, str, int]
"""A text, the class of its label, and how often both came before."""


def text_keys(
    parts: Sequence[FilePart], labels: Sequence[Sequence[str]] = ()
) -> list[list[Key]] | None:
    """Return a key for each row, so that equal keys are the same sample.

    Blanks and the form of accents do not count. If one file has only the beginnings of its texts,
    all are cut to its longest one. A text may repeat if the rows differ in their label, or not at
    all.

    Args:
        labels: the class names of each part's labels, if all parts have labels.

    Returns:
        The keys of each part, or None: a part has no texts, texts repeat, no text is shared, or the
        order fits better, because all texts agree row by row but some only in their beginning.
    """
    files = [part.texts.tolist() for part in parts if part.texts is not None]
    if len(files) < len(parts):
        return None
    if len({frozenset(each) for each in files}) > 1:
        files = [list(map(plain_text, each)) for each in files]
    best: list[list[Key]] | None = None
    most = 0
    for cut in (None, min(max(map(len, each), default=0) for each in files)):
        keys = []
        for i, (part, texts) in enumerate(zip(parts, files, strict=True)):
            classes = labels[i] if labels else [""] * len(texts)
            keys.append(_keys([text[:cut] for text in texts], classes, part))
        if all(keys):
            shared = len(set.intersection(*map(set, keys)))
            if shared == max(map(len, files)):
                return keys
            if shared > most:
                best, most = keys, shared
    in_order = all(
        len(each) == len(files[0]) and all(map(same_text, files[0], each)) for each in files
    )
    return None if in_order else best


def _keys(texts: Sequence[str], labels: Sequence[str], part: FilePart) -> list[Key]:
    """Return a key for each row; [] if rows with the same text and label differ, so that their
    order matters."""
    rows: dict[tuple[str, str], list[int]] = {}
    keys = []
    for row, pair in enumerate(zip(texts, labels, strict=True)):
        same = rows.setdefault(pair, [])
        keys.append((*pair, len(same)))
        same.append(row)
    again = np.array([row for same in rows.values() for row in same[1:]], dtype=np.int64)
    first = np.array([same[0] for same in rows.values() for _ in same[1:]], dtype=np.int64)
    alike = part.labels is None or bool((part.labels[again] == part.labels[first]).all())
    for model in part.models:
        gap = np.abs(model.logits[again] - model.logits[first])
        alike = alike and bool(gap.max(initial=0.0) <= TOLERANCE)
    return keys if alike else []


def plain_text(text: str) -> str:
    """Return a text with single blanks and with each accent in one form."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def same_text(first: str, second: str) -> bool:
    """Return whether two texts are equal, or one is the beginning of the other.

    >>> same_text("a b", "a b"), same_text("a b", "a"), same_text("a" * 60, "a" * 50 + "...")
    (True, False, True)
    """
    if first == second:
        return True
    first, second = plain_text(first), plain_text(second)
    if first == second:
        return True
    start, whole = sorted((_without_dots(first), _without_dots(second)), key=len)
    return len(start) >= FEWEST and whole.startswith(start)


def _without_dots(text: str) -> str:
    return text.removesuffix("...").removesuffix("\u2026").rstrip()
