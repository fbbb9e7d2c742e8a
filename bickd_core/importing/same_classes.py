"""Check that every model in a table has a column for each class."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bickd_core.importing.table import Table
from bickd_core.importing.words import UNUSED, model_word, normal
from bickd_core.naming import some_names
from bickd_core.runs.predictions import PredictionsError

Groups = dict[str, list[tuple[str, str]]]
"""Prefix to (column, class) pairs, in the order of the columns."""


def check_same_classes(table: Table, groups: Groups, known: Collection[str] = ()) -> None:
    """Check that no group lacks a class, if it has at least two, and half, of the classes of the
    largest group, so that it is plainly another model.

    Args:
        known: class names in the label column; empty to take those of the largest group.

    Raises:
        PredictionsError: the model, the class and the model that has it.
    """
    classes = {
        affix: [name for _, name in pairs if _is_class(name, known)]
        for affix, pairs in groups.items()
    }
    largest = max(classes, key=lambda affix: len(classes[affix]), default="")
    complete = {name: column for column, name in groups.get(largest, ())}
    for affix, pairs in groups.items():
        own = {name for _, name in pairs}
        missing = [name for name in classes[largest] if name not in own]
        count = len(classes[largest])
        is_model = count - len(missing) >= max(2, count / 2) and _model(affix) != _model(largest)
        if not missing or not is_model:
            continue
        without_scores = [complete[name].replace(largest, affix, 1) for name in missing]
        raise PredictionsError(
            _sentence(
                _model(affix),
                _model(largest),
                missing,
                [name for _, name in pairs if name not in complete],
                [column for column in without_scores if column in table.columns],
            )
        )


def _is_class(name: str, known: Collection[str]) -> bool:
    return name in known if known else normal(name) not in UNUSED


def _model(affix: str) -> str:
    return (model_word(affix) or affix)[:40]


def _sentence(
    model: str,
    complete: str,
    missing: Sequence[str],
    other: Sequence[str],
    without_scores: Sequence[str],
) -> str:
    """Say what is missing, and what to do.

    Args:
        other: classes that only this model has, such as a misspelt one.
        without_scores: columns of the missing classes, if they hold no scores.
    """
    them, classes = ("it", "class") if len(missing) == 1 else ("them", "classes")
    missed = f"no column for {classes} {_quoted(missing)}, which {complete} has"
    advice = f"add {them}"
    if without_scores:
        are = "is" if len(without_scores) == 1 else "are"
        missed = (
            f"no scores of {classes} {_quoted(missing)}, which {complete} has, because"
            f" {_quoted(without_scores)} {are} ignored, empty or the same in every row"
        )
        advice = f"give {them} scores"
    elif other:
        missed += f", and one for {_quoted(other)}"
        advice = "rename it" if len(other) == 1 else "rename them"
    return (
        f"expected the same classes for each model, got {model} with {missed}; {advice}, or"
        f" remove {model}'s columns."
    )


def _quoted(names: Sequence[str]) -> str:
    return some_names([f"'{name[:40]}'" for name in names])
