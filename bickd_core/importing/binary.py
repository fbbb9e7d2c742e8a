"""Detect columns with one score for each sample: the probability or logit of the second of two
classes."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from bickd_core.importing.layout import ScoreColumns
from bickd_core.importing.scores import recognised
from bickd_core.importing.table import Table
from bickd_core.importing.words import LABELS, SCORES, UNUSED, model_word, normal

_FOR_POSITIVE = ("positive", "pos", "decision", "margin")


def binary_models(
    table: Table, flat: Sequence[str], known: tuple[str, ...], least: int, label: str, stem: str
) -> tuple[ScoreColumns, ...]:
    """Return models with one score for each sample; none if the columns may be the scores of
    several classes.

    Args:
        flat: columns of numbers.
        known: class names in the label column.
        least: smallest number of classes that fits the labels.
        label: column of true classes; "" for none.
        stem: name for a model that its column does not name.
    """
    known = known or _two_numbers(table, label)
    if least != 2 or len(known) not in (0, 2):
        return ()
    flat = [name for name in flat if _is_score(table, name, alone=len(flat) == 1)]
    if len(flat) == 1 and (label or _is_share(table.columns[flat[0]])):
        return (_model(flat[0], known, _name_alone(flat[0], known) or stem),)
    names = [_name(name, known) for name in flat]
    if not label or len(flat) < 2 or not all(names) or len(set(names)) < len(names):
        return ()
    values = np.stack([table.columns[name].astype(np.float64) for name in flat], axis=1)
    if not all(map(_is_share, values.T)) or recognised(values) != "logits":
        return ()
    return tuple(_model(column, known, name) for column, name in zip(flat, names, strict=True))


def _two_numbers(table: Table, label: str) -> tuple[str, ...]:
    """Return the labels of two classes that are numbers other than 0 and 1, such as -1 and 1."""
    if not label or table.columns[label].dtype.kind not in "if" or table.columns[label].ndim != 1:
        return ()
    values = np.unique(table.columns[label])
    if len(values) != 2 or not np.isfinite(values).all() or values.tolist() == [0, 1]:
        return ()
    return tuple(str(int(value)) for value in values)


def _is_score(table: Table, name: str, *, alone: bool) -> bool:
    """Return whether the column's name, or its values if it is the only column, show that it holds
    scores."""
    column = table.columns[name]
    if column.dtype.kind not in "iuf":
        return False
    if (
        any(word in (*SCORES, *_FOR_POSITIVE) for word in normal(name).split("_"))
        and normal(name) not in UNUSED
    ):
        return True
    return alone and normal(name) != "confidence" and bool((column != np.round(column)).any())


def _is_share(values: np.ndarray) -> bool:
    return bool(
        len(values)
        and values.min() >= 0
        and values.max() <= 1
        and (values != np.round(values)).any()
    )


def _name(column: str, known: tuple[str, ...]) -> str:
    """Return the model in a column's name: "kd" for "kd_prob", "" for "prob", "prob_1" or
    "p(spam)"."""
    drop = [
        *SCORES,
        *_FOR_POSITIVE,
        "of",
        "for",
        "class",
        "true",
        "test",
        "function",
        *map(normal, known),
    ]
    parts = re.split(r"[^A-Za-z0-9.\-]+", model_word(column))
    return "_".join(
        part for part in parts if part and not part.isdigit() and normal(part) not in drop
    )


def _name_alone(column: str, known: tuple[str, ...]) -> str:
    """Return the model in the name of a file's only column of scores; "" if the column is called
    like a class or a label, as "has_cactus" and "target" in submissions for Kaggle.

    >>> _name_alone("kd_prob", ()), _name_alone("target", ()), _name_alone("has_cactus", ())
    ('kd', '', '')
    """
    name = _name(column, known)
    says_scores = any(word in SCORES for word in normal(column).split("_"))
    return name if says_scores and normal(name) not in LABELS else ""


def _model(column: str, known: tuple[str, ...], name: str) -> ScoreColumns:
    """Order the two classes. The second is the one that the column names, else the last in
    alphabetical order."""
    first, second = known or ("0", "1")
    words = f"_{normal(column)}_"
    ends = [class_name for class_name in known if f"_{normal(class_name)}_" in words]
    if ends == [first]:
        first, second = second, first
    return ScoreColumns(name, (column,), (first, second), binary=True)
