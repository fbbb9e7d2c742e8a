"""Leave out columns of numbers beside the scores, such as a row number, a count of words or the
largest probability."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from bickd_core.importing.layout import ScoreColumns
from bickd_core.importing.scores import SHARE, recognised
from bickd_core.importing.table import Table, parsed_numbers
from bickd_core.importing.words import IDS, PATHS, PREDICTED, SCORES, TRUE, UNUSED, is_count, normal
from bickd_core.naming import some_names
from bickd_core.runs.predictions import PredictionsError

_FEWEST_ROWS = 20
_ROWS, _CELLS = 1000, 2_000_000
"""How much of a table is looked at, in rows spread over it."""
_MOST_COLUMNS = 300
"""Of more columns, only those at both ends may be left out."""
_AT_ENDS = 3
_MOST_NOTES = 5
_PLAINLY_OTHER = {*PREDICTED, "conf", "confidence", "loss", "entropy", "max"}
"""Words in names of columns that need no note when they are not used."""
_ID_ENDINGS = ("id", "ids", "idx", "idxs", "index", "indexes", "indices")
_FIRST_SHARE = 0.7
"""Share of the first rows that must be probabilities for a look at the others."""
_SURE = 0.995
"""Share of the rows that must be probabilities without a column whose name says nothing. A sharp
network's sigmoids nearly sum to 1, also without a rare class."""


def without_others(
    table: Table, models: Sequence[ScoreColumns], known: Sequence[str], least: int
) -> tuple[tuple[ScoreColumns, ...], list[str]]:
    """Return the models without columns that are no scores of a class, and the names of these.

    Columns stay if all columns of a model together are probabilities. Otherwise a column is left
    out if the rest are probabilities, if it holds whole numbers and the rest have fractions, or if
    its name says that it is a prediction or a confidence.

    Args:
        known: class names in the label column.
        least: smallest number of classes that fits the labels.
    """
    dropped: set[str] = set()
    for model in models:
        if len(model.columns) > 2 and not model.ranked and not all(map(is_count, model.classes)):
            dropped |= _dropped(_sample(table, model.columns), model.classes, known, least)
    if not dropped:
        return tuple(models), []
    left: list[ScoreColumns] = []
    others: list[str] = []
    for model in models:
        if len(model.columns) != len(model.classes):
            left.append(model)
            continue
        stays = [i for i, name in enumerate(model.classes) if name not in dropped]
        others += [model.columns[i] for i in range(len(model.classes)) if i not in stays]
        columns = tuple(model.columns[i] for i in stays)
        left.append(replace(model, columns=columns, classes=tuple(model.classes[i] for i in stays)))
    return tuple(left), others


def unused_notes(table: Table, unused: Sequence[str], label: str) -> tuple[str, ...]:
    """Return a sentence for the columns that have no role at all.

    Args:
        label: column of true classes; "" for none.
    """
    names = [f"'{name[:40]}'" for name in unused if not {*normal(name).split("_")} & _PLAINLY_OTHER]
    if not names:
        return ()
    listed = ", ".join(names[:_MOST_NOTES]) + (" and more" if len(names) > _MOST_NOTES else "")
    hint = "" if label else " If one of them holds the true classes, choose it as their column."
    are = "is" if len(names) == 1 else "are"
    return (f"{listed} {are} not used.{hint}",)


def other_notes(
    table: Table, model: ScoreColumns, others: Sequence[str], known: Sequence[str], label: str
) -> tuple[str, ...]:
    """Return a sentence for each column that is left out, and for a class that no label has.

    Args:
        model: the first model of the file.
        known: class names in the label column.
        label: column of true classes; "" for none.
    """
    notes = []
    for name in others[:_MOST_NOTES]:
        values = parsed_numbers(table.columns[name])
        whole = _is_whole(values)
        reason = "the rows are probabilities without it"
        if whole:
            reason = "it holds whole numbers, and the scores have fractions"
        elif _says_no_class(name):
            reason = "its name says that it is none"
        hint = ""
        if not label and whole and values.min() >= 0 and values.max() < len(model.classes):
            hint = " If it holds the true classes, choose it as their column."
        notes.append(f"'{name[:40]}' is not used as a class: {reason}.{hint}")
    extra = [name for name in model.classes if name not in known]
    if not known or len(model.columns) != len(model.classes) or not 0 < len(extra) < 3:
        return tuple(notes)
    if len(table) >= _FEWEST_ROWS and recognised(_sample(table, model.columns)) == "logits":
        notes += [
            f"'{name[:40]}' is used as a class that no row has as its label. If it is none, ignore"
            " that column."
            for name in extra
        ]
    return tuple(notes)


def check_no_labels(table: Table, models: Sequence[ScoreColumns]) -> None:
    """Check that scores without class names have no column of labels or ids among them, as
    `numpy.savetxt(FILE, numpy.c_[probabilities, labels])` writes.

    Raises:
        PredictionsError: some columns hold whole numbers, and the others have fractions.
    """
    for model in models:
        if model.binary or model.ranked or not all(map(is_count, model.classes)):
            continue
        if table.columns[model.columns[0]].dtype.kind not in "iuf":
            continue
        values = _sample(table, model.columns)
        everything = list(range(values.shape[1]))
        if not (values < np.inf).all() or recognised(values) != "logits":
            continue
        left = _with_fractions(values, everything, [False] * len(everything))
        whole = [str(i + 1) for i in everything if i not in left]
        if whole and len(left) > 1:
            columns = f"column{'s' if len(whole) > 1 else ''} {some_names(whole)}"
            raise PredictionsError(
                f"expected scores, which have fractions in the other columns, got whole numbers in"
                f" {columns} of {values.shape[1]:,}; if these are labels or ids, save them in a"
                " file of their own, or name all columns in a first line"
                " (logit_0,logit_1,...,label)."
            )


def sample_number(table: Table, others: Sequence[str]) -> str:
    """Return the first of these columns that numbers the samples, such as "ImageId"; "" if none
    does."""
    for name in others:
        if table.columns[name].ndim > 1:
            continue
        values = parsed_numbers(table.columns[name])
        like_id = normal(name) in (*IDS, *PATHS) or normal(name).endswith(_ID_ENDINGS)
        if {*normal(name).split("_")} & {*PREDICTED, *TRUE, "class", "label"}:
            continue
        if like_id and _is_whole(values) and len(np.unique(values)) == len(values):
            return name
    return ""


def _sample(table: Table, columns: Sequence[str]) -> np.ndarray:
    """Return float64 [n, C]: some rows of these columns."""
    most = max(_FEWEST_ROWS, min(_ROWS, _CELLS // len(columns)))
    rows = np.unique(np.linspace(0, len(table) - 1, min(most, len(table))).astype(np.int64))
    if table.columns[columns[0]].ndim == 2:
        return table.columns[columns[0]][rows].astype(np.float64)
    return np.stack([parsed_numbers(table.columns[name][rows]) for name in columns], axis=1)


def _dropped(
    values: np.ndarray, names: Sequence[str], known: Sequence[str], least: int
) -> set[str]:
    """Return the names of the columns that are no scores of a class."""
    everything = list(range(len(names)))
    least = least if least <= len(names) else 2

    def fits(chosen: Sequence[int], share: float = SHARE) -> bool:
        """Whether these columns are probabilities, looking at few rows first."""
        return (
            len(chosen) >= max(2, least)
            and recognised(values[:_FEWEST_ROWS, chosen], _FIRST_SHARE) != "logits"
            and recognised(values[:, chosen], share) != "logits"
        )

    left = [i for i in everything if names[i] in known or not _says_no_class(names[i])]
    if not (values < np.inf).all():
        return set()
    if fits(left):
        return {names[i] for i in everything if i not in left}
    if fits(everything):
        return set()
    labelled = {i for i in left if names[i] in known}
    fractions = _with_fractions(values, left, [i in labelled for i in left])
    for fewer in (sorted(labelled), fractions):
        if fits(fewer):
            return {names[i] for i in everything if i not in fewer}
    for candidates in _without_some(fractions):
        accepted = [each for each in candidates if labelled <= {*each} and fits(each, _SURE)]
        if len(accepted) > 1:  # the probability of one of two classes, beside both
            rest = [i for i in fractions if normal(names[i]) not in SCORES]
            accepted = [each for each in accepted if set(rest) <= set(each)]
        if len(accepted) == 1:
            return {names[i] for i in everything if i not in accepted[0]}
    if len(fractions) < max(2, least):
        fractions = everything
    return {names[i] for i in everything if i not in fractions}


def _says_no_class(name: str) -> bool:
    """Return whether a name has a word for a prediction or how sure it is.

    >>> _says_no_class("pred"), _says_no_class("max conf"), _says_no_class("time")
    (True, True, False)
    """
    words = {*normal(name).split("_")}
    if words & {"conf", "confidence"}:
        return True
    sure = {"conf", "confidence", "max", "entropy", "correct"}
    return normal(name) in UNUSED and bool(words & (PREDICTED | sure))


def _with_fractions(values: np.ndarray, left: list[int], known: list[bool]) -> list[int]:
    """Return the columns without those of whole numbers, if all that stay have fractions."""
    if len(values) < _FEWEST_ROWS:
        return left
    whole = [
        i for i, is_known in zip(left, known, strict=True) if not is_known and _counts(values[:, i])
    ]
    rest = [i for i in left if i not in whole]
    shares = ((values[:, left] >= 0) & (values[:, left] <= 1)).all()
    if shares and len(rest) > 1 and recognised(values[:, rest]) == "logits":
        return left  # sigmoids, whose ends are 0 and 1
    return left if any(_is_whole(values[:, i]) and values[:, i].any() for i in rest) else rest


def _counts(column: np.ndarray) -> bool:
    """Return whether a column has several whole numbers. Two of them may be the scores of a class
    that a mask leaves out, unless they are 0 and 1."""
    distinct = np.unique(column)
    return _is_whole(column) and (len(distinct) > 2 or distinct.tolist() == [0, 1])


def _is_whole(column: np.ndarray) -> bool:
    return bool(np.isfinite(column).all() and (column == np.round(column)).all())


def _without_some(columns: list[int]) -> Iterator[list[list[int]]]:
    """Yield the ways to leave out one column, then two or more at the ends."""
    count = len(columns)
    places = range(count) if count <= _MOST_COLUMNS else (*range(3), *range(count - 3, count))
    yield [columns[:i] + columns[i + 1 :] for i in places]
    for fewer in range(2, 2 * _AT_ENDS + 1):
        starts = range(max(0, fewer - _AT_ENDS), min(_AT_ENDS, fewer) + 1)
        yield [columns[start : count - fewer + start] for start in starts]
