"""Tell ids of samples from numbers of rows, which pandas writes without being asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bickd_core.importing.extract import FilePart, Rows
from bickd_core.importing.row_matching import file_stems, path_tails
from bickd_core.importing.text_matching import plain_text, text_keys

Values = Mapping[object, str]


def without_row_numbers(sources: Sequence[Rows]) -> tuple[list[Rows], list[str]]:
    """Return the files without the numbers of their rows, if these contradict the image paths or
    the texts: the rows were put in another order before they were numbered.

    The second value is a note, if numbers were left out.
    """
    rows = [source for source in sources if len(source.part)]
    if len(rows) < 2 or not any(source.part.counted for source in rows):
        return list(sources), []
    for what, values_of, can_match in _WAYS:
        values = [values_of(source) for source in rows]
        if not all(values):
            continue
        by_id = [
            dict(zip(source.part.ids.tolist(), each, strict=True))
            for source, each in zip(rows, values, strict=True)
            if source.part.ids is not None and each is not None
        ]
        moved = any(elsewhere(other, by_id[0]) for other in by_id[1:])
        if moved and can_match([source.part for source in rows]):
            left = [
                replace(source, part=replace(source.part, ids=None))
                if source.part.counted
                else source
                for source in sources
            ]
            return left, [
                f"The row numbers of the files were not used as ids, because their {what} are in"
                " another order."
            ]
    return list(sources), []


def elsewhere(first: Values, second: Values) -> list[object]:
    """Return the ids whose value in the first file belongs to another id in the second one.

    >>> elsewhere({0: "a", 1: "b", 2: "c"}, {0: "a", 1: "x", 2: "b"})
    [1]
    """
    there = set(second.values())
    return [
        id for id, value in first.items() if id in second and value != second[id] and value in there
    ]


def _plain_texts(source: Rows) -> list[str] | None:
    texts = source.part.texts
    return None if texts is None else [plain_text(text) for text in texts.tolist()]


def _match_by_path(parts: Sequence[FilePart]) -> bool:
    return path_tails([p.paths.tolist() for p in parts if p.paths is not None]) is not None


def _match_by_text(parts: Sequence[FilePart]) -> bool:
    return text_keys(parts) is not None


_WAYS: tuple[
    tuple[str, Callable[[Rows], list[str] | None], Callable[[Sequence[FilePart]], bool]], ...
] = (("paths", file_stems, _match_by_path), ("texts", _plain_texts, _match_by_text))
