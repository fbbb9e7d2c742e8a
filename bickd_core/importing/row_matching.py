"""Match the rows of several files by sample, and labels by class."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import eq
from pathlib import PurePosixPath, PureWindowsPath
from typing import Literal

import numpy as np

from bickd_core.data.folders import IMAGE_SUFFIXES
from bickd_core.importing.class_names import are_numbers
from bickd_core.importing.extract import FilePart, Rows
from bickd_core.importing.text_matching import Key, same_text, text_keys
from bickd_core.importing.words import is_count, same_name
from bickd_core.importing.wrong_rows import wrong_rows
from bickd_core.naming import some_names
from bickd_core.runs.predictions import PredictionsError

Rule = Literal["one file", "id", "path", "text", "order"]


def row_ids(scored: list[Rows]) -> tuple[Rule, list[np.ndarray]]:
    """Return the rule that rows are matched by, and the ids of each part's rows."""
    parts = [source.part for source in scored]
    alone = len(parts) == 1
    if all(part.ids is not None for part in parts):
        texts = any(part.ids.dtype == object for part in parts if part.ids is not None)
        arrays = [_id_array(part.ids, texts) for part in parts if part.ids is not None]
        written = [each.tolist() for each in arrays]
        if texts and not alone and (numbers := padded_otherwise(written)) is not None:
            return "id", [np.array(each, dtype=np.int64) for each in numbers]
        if not texts or alone or set.intersection(*map(set, written)):
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
        numbers = unpadded([key for key in keys if key is not None])
        if numbers is not None and not alone:
            return "id", [np.array(each, dtype=np.int64) for each in numbers]
    if all(part.ids is not None for part in parts):
        return ("one file" if alone else "id"), arrays
    known = next((part.ids for part in parts if part.ids is not None), None)
    by_text = None if alone else _text_keys(scored)
    if by_text is not None:
        return "text", _ids_by_text(by_text, parts)
    counts = [len(part) for part in parts]
    if len(set(counts)) > 1:
        each = ", ".join(f"{source.file} {n:,}" for source, n in zip(scored, counts, strict=True))
        raise PredictionsError(
            f"the files have different numbers of rows ({each}) and no common id, path or text"
            " column; add an id column to each."
        )
    check_order(scored)
    ids = np.arange(counts[0]) if known is None else _id_array(known, known.dtype == object)
    return ("one file" if len(parts) == 1 else "order"), [ids] * len(parts)


def _id_array(ids: np.ndarray, texts: bool) -> np.ndarray:
    return (
        np.array([str(i) for i in ids.tolist()], dtype=np.str_) if texts else ids.astype(np.int64)
    )


def _text_keys(scored: Sequence[Rows]) -> list[list[Key]] | None:
    if any(source.part.texts is None for source in scored):
        return None
    labels = [names for source in scored if (names := _label_names(source)) is not None]
    parts = [source.part for source in scored]
    return text_keys(parts, labels if len(labels) == len(parts) else ())


def _ids_by_text(keys: list[list[Key]], parts: Sequence[FilePart]) -> list[np.ndarray]:
    """Return the ids of rows that are matched by text: those of a file with ids for all texts, else
    numbers in the order of the first file."""
    number: dict[Key, int] = {}
    places = [np.array([number.setdefault(key, len(number)) for key in each]) for each in keys]
    for place, part in zip(places, parts, strict=True):
        if part.ids is not None and len(part) == len(number):
            ids = _id_array(part.ids, part.ids.dtype == object)[np.argsort(place)]
            return [ids[each] for each in places]
    return places


def check_order(sources: Sequence[Rows]) -> None:
    """Check that labels, texts and paths of files matched by order agree; otherwise the rows are
    different samples.

    Raises:
        PredictionsError: some differ. The message names the first row.
    """
    checks: tuple[tuple[str, Callable[[Rows], list[str] | None], Callable], ...] = (
        ("labels", _label_names, eq),
        ("texts", _texts, same_text),
        ("paths", file_stems, eq),
    )
    for what, values_of, same in checks:
        known = [
            (source.file, values) for source in sources if (values := values_of(source)) is not None
        ]
        for file, values in known[1:]:
            first_file, first = known[0]
            differ = [
                i for i, pair in enumerate(zip(first, values, strict=True)) if not same(*pair)
            ]
            if differ:
                row = differ[0]
                shown = [v[-40:] if what == "paths" else v[:40] for v in (first[row], values[row])]
                way_out = f", or leave out the {what} if the order is right"
                raise PredictionsError(
                    f"{first_file} and {file} have no common id or path column, and their {what}"
                    f" differ in {len(differ):,} of {len(first):,} rows, first in row {row + 1:,}"
                    f" ('{shown[0]}' and '{shown[1]}'); add an id column to each"
                    f"{'' if what == 'labels' else way_out}."
                )


def _label_names(source: Rows) -> list[str] | None:
    labels, models = source.part.labels, source.part.models
    if labels is None or not models:
        return None
    try:
        positions = label_positions(labels, models[0].classes, source.part.order_known)
    except PredictionsError as error:
        raise PredictionsError(f"{source.file}, {models[0].name}: {error}") from error
    return np.array(models[0].classes)[positions].tolist()


def _texts(source: Rows) -> list[str] | None:
    return None if source.part.texts is None else source.part.texts.tolist()


def file_stems(source: Rows) -> list[str] | None:
    """Return the file names of the paths, without folders and suffixes of images."""
    paths = source.part.paths
    return None if paths is None else [_stem(_path_parts(path)[-1]) for path in paths.tolist()]


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


def unpadded(ids: list[list[str]]) -> list[list[int]] | None:
    """Return ids as numbers, if all are, are unique in each file, and some are shared; else None.

    >>> unpadded([["007", "010"], ["10", "7"]]), unpadded([["a"], ["7"]])
    ([[7, 10], [10, 7]], None)
    """
    if not all(is_count(id) for each in ids for id in each):
        return None
    numbers = [[int(id) for id in each] for each in ids]
    sets = [set(each) for each in numbers]
    unique = all(len(one) == len(each) for one, each in zip(sets, numbers, strict=True))
    return numbers if unique and set.intersection(*sets) else None


def padded_otherwise(ids: list[list[str]]) -> list[list[int]] | None:
    """Return ids as numbers, if more are shared as numbers than as texts; else None.

    >>> padded_otherwise([["07", "10"], ["7", "10"]]), padded_otherwise([["07", "10"]] * 2)
    ([[7, 10], [7, 10]], None)
    """
    numbers = unpadded(ids)
    if numbers is None:
        return None
    as_numbers, as_texts = (len(set.intersection(*map(set, each))) for each in (numbers, ids))
    return numbers if as_numbers > as_texts else None


def _stem(name: str) -> str:
    """Return a name without the suffix of an image.

    >>> _stem("a.JPG"), _stem("v1.5")
    ('a', 'v1.5')
    """
    stem, dot, suffix = name.rpartition(".")
    return stem if stem and f"{dot}{suffix}".lower() in IMAGE_SUFFIXES else name


def _path_parts(path: str) -> tuple[str, ...]:
    """Return the parts of a path. Windows has both separators: torchvision writes there
    `data/test\\cat\\1.jpg`."""
    return (PureWindowsPath(path) if "\\" in path else PurePosixPath(path)).parts or (path,)


def label_positions(
    labels: np.ndarray, classes: tuple[str, ...], order_known: bool = True
) -> np.ndarray:
    """Return int64 [N]: the class of each label, by name or by number.

    Args:
        order_known: whether the numbers of the classes are known.

    Raises:
        PredictionsError: a label is not a class; the message names row and label.
    """
    labels = _as_truth(labels, classes)
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
    if not order_known:
        raise PredictionsError(
            f"labels are numbers ('{texts[0][:40]}') and the classes have names ({shown}) in no"
            " known order; save the labels as names, or give the class names in the order of the"
            " numbers (a txt file with one in each line, or `--classes`)."
        )
    numbers = np.array([int(text) for text in texts], dtype=np.int64)
    wrong = (numbers < 0) | (numbers >= len(classes))
    if wrong.any():
        counted = numbers.min() >= 1 and numbers.max() == len(classes)
        hint = "they count from 1, so subtract 1" if counted else ""
        expected = f"a number from 0 to {len(classes) - 1:,}, or a class's name ({shown})"
        rows = np.flatnonzero(wrong)[: 1 if counted else None]
        raise wrong_rows(rows, _label_row, expected, lambda row: str(numbers[row]), hint)
    return numbers


def _as_truth(labels: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """Return labels that are true and false, or 1 and 0, as bool [N] if these are the classes;
    else bool as int64 [N], and others unchanged."""
    truth = sorted(map(same_name, classes)) == ["false", "true"]
    if labels.dtype.kind == "b":
        return labels if truth else labels.astype(np.int64)
    numbers = labels.dtype.kind == "i" and bool(np.isin(labels, (0, 1)).all())
    return labels == 1 if truth and numbers else labels


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
