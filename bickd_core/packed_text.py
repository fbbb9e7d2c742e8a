"""Store many texts as two arrays of numbers, so that an npz file holds them compactly and without
pickles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bickd_core.reading import ReadError


def pack(
    texts: Sequence[str | None], *, longest: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the concatenated texts in UTF-8, and the position of each text's end.

    Args:
        texts: N texts. None counts as an empty text.
        longest: cut each text to this many characters, the last of which is then an ellipsis.

    Returns:
        uint8 [number of bytes] and int64 [N].

    >>> pack(["ab", None, "c"])[1].tolist()
    [2, 2, 3]
    """
    cut = [
        text[: longest - 1] + "…" if text and longest and len(text) > longest else text or ""
        for text in texts
    ]
    encoded = [text.encode("utf-8", errors="replace") for text in cut]
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), ends


def unpack(content: np.ndarray, ends: np.ndarray) -> list[str]:
    """Return the texts that `pack` stored.

    Raises:
        ReadError: the arrays are not packed text.

    >>> unpack(*pack(["ab", None, "c"]))
    ['ab', '', 'c']
    """
    if content.dtype != np.uint8 or content.ndim != 1 or ends.dtype.kind != "i" or ends.ndim != 1:
        raise ReadError(f"expected packed text, got {content.dtype} and {ends.dtype}.")
    starts = np.concatenate([[0], ends[:-1]])
    if len(ends) and (ends[-1] != len(content) or (starts > ends).any() or starts.min() < 0):
        raise ReadError("expected packed text, got ends that do not fit its length.")
    raw = content.tobytes()
    return [
        raw[start:end].decode("utf-8", errors="replace")
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
