"""Match the rows of several files by sample, and labels by class."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Literal

import numpy as np

from bickd_core.importing.class_names import are_numbers
from bickd_core.importing.extract import FilePart, Rows
from bickd_core.importing.words import IMAGE_SUFFIXES, same_name
from bickd_core.importing.wrong_rows import wrong_rows
from bickd_core.naming import some_names
from bickd_core.runs.predictions import PredictionsError

Rule = Literal["one file", "id", "path", "order"]


def row_ids(scored: list[Rows]) -> tuple[Rule, list[np.ndarray]]:
    """Return the rule that rows are matched by, and the ids of each part's rows."""
    parts = [source.part for source in scored]
    alone = len(parts) == 1
    if all(part.ids is not None for part in parts):
        texts = any(part.ids.dtype == object for part in parts if part.ids is not None)
        arrays = [_id_array(part.ids, texts) for part in parts if part.ids is not None]
        if not texts or alone or set.intersection(*(set(each.tolist()) for each in arrays)):
            return ("one file" if alone else "id"), arrays
    elif all(part.paths is not None for part in parts):
        tails = path_tails([part.paths.tolist() for part in parts if part.paths is not None])
        if tails is not None:
            rule: Rule = "one file" if alone else "path"
            return rule, [np.array(each, dtype=np.str_) for each in tails]
    keys = [key_names(part) for part in parts]
    if all(keys):
        stems = path_tails([key for key in keys if key is not None], suffixes=False)
        if stems is not None and not alone:
            return "id", [np.array(each, dtype=np.str_) for each in stems]
    if all(part.ids is not None for part in parts):
        return ("one file" if alone else "id"), arrays
    counts = [len(part) for part in parts]
    if len(set(counts)) > 1:
        each = ", ".join(f"{source.file} {n:,}" for source, n in zip(scored, counts, strict=True))
        raise PredictionsError(
            f"the files have different numbers of rows ({each}) and no common id or path column;"
            " add an id column to each."
        )
    _check_order(scored)
    known = next((part.ids for part in parts if part.ids is not None), None)
    ids = np.arange(counts[0]) if known is None else _id_array(known, known.dtype == object)
    return ("one file" if len(parts) == 1 else "order"), [ids] * len(parts)


def _id_array(ids: np.ndarray, texts: bool) -> np.ndarray:
    return (
        np.array([str(i) for i in ids.tolist()], dtype=np.str_) if texts else ids.astype(np.int64)
    )


def _check_order(scored: list[Rows]) -> None:
    """Check that labels of files matched by order agree; otherwise the rows are different
    samples."""
    known = [source for source in scored if source.part.labels is not None]
    for other in known[1:]:
        pair = [
            np.array(source.part.models[0].classes)[
                label_positions(source.part.labels, source.part.models[0].classes)
            ]
            for source in (known[0], other)
            if source.part.labels is not None
        ]
        differ = int((pair[0] != pair[1]).sum())
        if differ:
            row = int((pair[0] != pair[1]).argmax())
            raise PredictionsError(
                f"{known[0].file} and {other.file} have no common id or path column, and their"
                f" labels differ in {differ:,} of {len(pair[0]):,} rows, first in row {row + 1:,}"
                f" ('{pair[0][row]}' and '{pair[1][row]}'); add an id column to each."
            )


def key_names(part: FilePart) -> list[str] | None:
    """Return the ids of a part's rows as text, else the paths; None if it has neither."""
    keys = part.ids if part.ids is not None else part.paths
    return None if keys is None else [str(key) for key in keys.tolist()]


def path_tails(paths: list[list[str]], *, suffixes: bool = True) -> list[list[str]] | None:
    """Return the shortest path ends that are unique in each file and have some in common; None if
    there are none.

    Args:
        suffixes: whether the suffixes of images count, as in "a.jpg" and "a".
    """
    parts = [[_path_parts(path) for path in each] for each in paths]
    if not suffixes:
        parts = [[(*path[:-1], _stem(path[-1])) for path in each] for each in parts]
    for depth in (1, 2, 3, 99):
        tails = [["/".join(path[-depth:]) for path in each] for each in parts]
        unique = all(len(set(each)) == len(each) for each in tails)
        if unique and (len(tails) == 1 or set.intersection(*(set(each) for each in tails))):
            return tails
    return None


def _stem(name: str) -> str:
    """Return a name without the suffix of an image.

    >>> _stem("a.JPG"), _stem("v1.5")
    ('a', 'v1.5')
    """
    stem, dot, suffix = name.rpartition(".")
    return stem if stem and f"{dot}{suffix}".lower() in IMAGE_SUFFIXES else name


def _path_parts(path: str) -> tuple[str, ...]:
    windows = "\\" in path and "/" not in path
    return (PureWindowsPath(path) if windows else PurePosixPath(path)).parts or (path,)


def label_positions(labels: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """Return int64 [N]: the class of each label, by name or by number.

    Raises:
        PredictionsError: a label is not a class; the message names row and label.
    """
    place = {name: i for i, name in enumerate(classes)}
    texts = [str(value) for value in labels.tolist()]
    if all(text in place for text in texts):
        return np.array([place[text] for text in texts], dtype=np.int64)
    alike = _alike(texts, classes)
    if alike is not None:
        return alike
    shown = some_names(classes)
    if labels.dtype == object and not are_numbers(texts):
        unknown = [i for i, text in enumerate(texts) if text not in place]
        if are_numbers(classes):
            raise PredictionsError(
                f"labels are names ('{texts[unknown[0]][:40]}') and the columns of scores have"
                " none, so their order is not known; name the columns by class, or give the class"
                " names in the order of the columns (a txt file with one in each line, or"
                " `--classes`)."
            )
        expected = f"one of the {len(classes):,} classes ({shown})"
        raise wrong_rows(unknown, _label_row, expected, lambda row: f"'{texts[row][:40]}'")
    numbers = np.array([int(text) for text in texts], dtype=np.int64)
    wrong = (numbers < 0) | (numbers >= len(classes))
    if wrong.any():
        counted = numbers.min() >= 1 and numbers.max() == len(classes)
        hint = "they count from 1, so subtract 1" if counted else ""
        expected = f"a number from 0 to {len(classes) - 1:,}, or a class's name ({shown})"
        rows = np.flatnonzero(wrong)[: 1 if counted else None]
        raise wrong_rows(rows, _label_row, expected, lambda row: str(numbers[row]), hint)
    return numbers


def _alike(texts: Sequence[str], classes: Sequence[str]) -> np.ndarray | None:
    """Return int64 [N], the class of each label, if they differ only in form: in capitals, blanks
    and underscores, or "Class_3" for the class 3. None if they do not."""
    place = {same_name(name): i for i, name in enumerate(classes)}
    if len(place) < len(classes):
        return None
    known = [same_name(text) for text in texts]
    if not all(text in place for text in known):
        if not are_numbers(classes):
            return None
        matches = [_NUMBERED.fullmatch(text) for text in known]
        if not all(matches) or len({match[1] for match in matches if match}) > 1:
            return None
        known = [str(int(match[2])) for match in matches if match]
        if not set(place) <= set(known):  # or the first class may have another number
            return None
        if not all(text in place for text in known):
            return None
    return np.array([place[text] for text in known], dtype=np.int64)


_NUMBERED = re.compile(r"(\D*?) *(\d{1,9})")


def _label_row(row: int) -> str:
    return f"row {row + 1:,} of the labels"
