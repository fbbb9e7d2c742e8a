"""Guess which columns are the scores of which model and class, from their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from bickd_core.importing.binary import binary_models
from bickd_core.importing.layout import ScoreColumns
from bickd_core.importing.same_classes import Groups, check_same_classes
from bickd_core.importing.scores import recognised
from bickd_core.importing.table import Table, parsed_numbers
from bickd_core.importing.words import (
    FEATURES,
    LABELS,
    PREDICTED,
    SCORES,
    UNUSED,
    model_word,
    normal,
)

SEPARATORS = (":", "/", "|", "__", ".", "_", "-", " ")
_BEHIND_MODELS = (":", "|", "__")
"""Separators that stand between a model and a class, and rarely within a class."""
_NUMBERED = re.compile(r"^(.*?)[ _:./|\-\[(]*(\d{1,6})[\])]?$")

_NO_SCORES = {*UNUSED, *LABELS}

_OF_ALL_CLASSES = {*UNUSED, *PREDICTED, "max", "min", "mean", "std", "sum", "norm", "gap", "second"}
"""Words for a number that is made from the scores of all classes."""


def guess_models(
    table: Table, scores: Sequence[str], known: tuple[str, ...], least: int, label: str, stem: str
) -> tuple[ScoreColumns, ...]:
    """Return the models whose scores these columns hold.

    Args:
        scores: columns of numbers, or of lists of numbers.
        known: class names in the label column; empty if labels are numbers.
        least: smallest number of classes that fits the labels.
        label: column of true classes; "" for none.
        stem: name for a model that the columns do not name.

    Raises:
        PredictionsError: a model has no column for a class that another one has.
    """
    lists = [name for name in scores if table.columns[name].ndim == 2]
    flat = [name for name in scores if table.columns[name].ndim == 1]
    features = {name for name in lists if normal(name) in FEATURES or _ends(name, FEATURES)}
    ranked = next(
        (name for name in lists if normal(name) in ("index", "indices", "topk_index")), ""
    )
    models = []
    for name in lists:
        if name in features or name == ranked or table.columns[name].shape[1] < 2:
            continue
        same_model = _ends_with_same(name, features)
        models.append(
            ScoreColumns(
                model_word(name) or stem,
                (name,),
                ranked=(ranked,) if ranked else (),
                features=same_model or _only(features),
            )
        )
    if models:
        return _unique_models(models)
    classes = least
    if least > len(flat):
        least = 2  # the labels are no classes, which is said when they are read
    numbered = _numbered(flat)
    ranks = [c for c, _ in numbered.pop("index", [])]
    feature_columns = tuple(
        column
        for prefix in list(numbered)
        if normal(prefix) in FEATURES
        for column, _ in numbered.pop(prefix)
    )
    flat = [name for name in flat if name not in ranks and name not in feature_columns]
    plain = _may_be_classes(table, flat, known, least)
    groups = _by_names(table, flat, known) or _by_numbers(table, flat, plain, numbered, least)
    if groups is None:
        binary = binary_models(table, flat, known, classes, label, stem)
        if binary:
            return binary
        groups = _by_separators(plain, least)
        one_model = _are_one_distribution(table, plain)
        if groups is not None and len(groups) > 1 and one_model:
            groups = None
        if groups is None and not one_model:
            _check_separated(table, plain, known)
    if groups is None:
        groups = {"": [(name, name) for name in plain]} if len(plain) > 1 else {}
    models = [
        ScoreColumns(
            model_word(prefix) or stem,
            tuple(column for column, _ in pairs),
            tuple(name for _, name in pairs),
            ranked=tuple(ranks) if len(ranks) == len(pairs) else (),
            features=feature_columns,
        )
        for prefix, pairs in groups.items()
    ]
    return _unique_models(models)


def _may_be_classes(
    table: Table, flat: Sequence[str], known: Sequence[str], least: int
) -> list[str]:
    """Return the columns without those that have the name of another column, such as "time".

    A class may have such a name: if all columns together are probabilities, if it is in the label
    column, if the numbers have fractions and the name is that of a label, or if there would be
    fewer columns than `least`.
    """
    if _are_one_distribution(table, flat):
        return list(flat)
    usual = [name for name in flat if name in known or normal(name) not in _NO_SCORES]
    fractions = [name for name in flat if name in usual or _has_fractions(table, name)]
    if len(usual) < least == len(fractions):
        return fractions
    return [name for name in fractions if name in usual or normal(name) in LABELS]


def _has_fractions(table: Table, name: str) -> bool:
    values = parsed_numbers(table.columns[name])
    return bool((np.isfinite(values) & (values != np.round(values))).any())


def _are_one_distribution(table: Table, flat: Sequence[str]) -> bool:
    """Return whether the columns together are the probabilities of one model."""
    columns = [table.columns[name] for name in flat]
    if len(columns) < 2 or any(column.dtype.kind not in "iuf" for column in columns):
        return False
    return recognised(np.stack(columns, axis=1).astype(np.float64)) in ("probabilities", "percent")


def _ends(name: str, affixes: Iterable[str]) -> bool:
    return any(
        normal(name).endswith(f"_{affix}") or normal(name).startswith(f"{affix}_")
        for affix in affixes
    )


def _ends_with_same(name: str, features: set[str]) -> tuple[str, ...]:
    """Return the features of the same model, such as `teacher_features` for `teacher_logits`."""
    model = model_word(name)
    whole = rf"(?:^|[ _:./|]){re.escape(model)}(?:[ _:./|]|$)"
    match = [feature for feature in features if model and re.search(whole, feature)]
    return tuple(match[:1])


def _only(features: set[str]) -> tuple[str, ...]:
    plain = [name for name in features if normal(name) in FEATURES]
    return tuple(plain[:1]) if len(features) == 1 else ()


def _unique_models(models: Sequence[ScoreColumns]) -> tuple[ScoreColumns, ...]:
    """Return one group for each model: logits, if a file has both logits and probabilities."""
    best: dict[str, ScoreColumns] = {}
    for model in models:
        before = best.get(model.name)
        if before is None or (
            "logit" in model.columns[0].lower() and "logit" not in before.columns[0].lower()
        ):
            best[model.name] = model
    return tuple(best.values())


def _by_names(table: Table, flat: Sequence[str], known: tuple[str, ...]) -> Groups | None:
    """Return columns whose names end with a class name from the label column.

    Raises:
        PredictionsError: a model has no column for a class that another one has.
    """
    if not known:
        return None
    prefixes: dict[str, int] = {}
    for column in flat:
        match = max((name for name in known if column.endswith(name)), key=len, default=None)
        if match is not None:
            prefix = column[: len(column) - len(match)]
            prefixes[prefix] = prefixes.get(prefix, 0) + 1
    most = max(prefixes.values(), default=0)
    accepted = sorted(
        (p for p, n in prefixes.items() if n == most and n > 1), key=len, reverse=True
    )
    for prefix, count in prefixes.items():
        if 2 <= count < most <= 2 * count and _is_another(prefix, accepted):
            two = (accepted[0], prefix)
            check_same_classes(table, {p: _beginning(flat, p) for p in two}, {*known})
    groups: Groups = {}
    for column in flat:
        start = next((p for p in accepted if column.startswith(p) and column != p), None)
        if start is not None and (start or column in known or normal(column) not in UNUSED):
            groups.setdefault(start, []).append((column, column[len(start) :]))
    return _alike(groups, 2)


def _is_another(prefix: str, accepted: Sequence[str]) -> bool:
    """Return whether a prefix has the form of those of models, and is not one with a word of a
    class behind it, as in `prob_wild_cat` beside `prob_cat`."""
    separator = accepted[0][-1:]
    return (
        separator in SEPARATORS
        and prefix.endswith(separator)
        and not prefix.startswith(tuple(accepted))
    )


def _beginning(flat: Sequence[str], prefix: str) -> list[tuple[str, str]]:
    return [(column, column[len(prefix) :]) for column in flat if column.startswith(prefix)]


def _numbered(flat: Sequence[str]) -> Groups:
    groups: Groups = {}
    for column in flat:
        match = _NUMBERED.match(column)
        if match:
            groups.setdefault(match[1], []).append((column, str(int(match[2]))))
    return groups


def _by_numbers(
    table: Table, flat: Sequence[str], plain: Sequence[str], numbered: Groups, least: int
) -> Groups | None:
    """Return columns with numbered classes: `logit_0`, `logit_1`, ...; None if there are others
    beside them, as in `type_1`, `type_2`, `healthy`.

    Args:
        plain: the columns of `flat` that may be classes.

    Raises:
        PredictionsError: a model has no column for a class that another one has.
    """
    _check_numbered(table, numbered)
    counted = {}
    for prefix, pairs in numbered.items():
        pairs = [(column, number) for column, number in pairs if column in flat]
        numbers = sorted(int(number) for _, number in pairs)
        first = numbers[0] if numbers else 0
        if (
            len(numbers) >= least
            and first in (0, 1)
            and numbers == list(range(first, first + len(numbers)))
        ):
            counted[prefix] = sorted(pairs, key=lambda pair: int(pair[1]))
    if any(_has_more_classes(table, plain, *group) for group in counted.items()):
        return None
    if len(counted) == 1:
        prefix, pairs = next(iter(counted.items()))
        if prefix and not _says_scores(prefix) and pairs[0][0].startswith(f"{prefix}{pairs[0][1]}"):
            return {"": [(column, column) for column, _ in pairs]}  # classes called c0, c1, ...
    most = max((len(pairs) for pairs in counted.values()), default=0)
    return {prefix: pairs for prefix, pairs in counted.items() if len(pairs) == most} or None


def _check_numbered(table: Table, numbered: Groups) -> None:
    """Check that no model lacks a class, in columns such as `teacher_logit_0`.

    Raises:
        PredictionsError: a model has no column for a class that another one has.
    """
    forms: dict[str, Groups] = {}
    for prefix, pairs in numbered.items():
        model = {*normal(model_word(prefix)).split("_")} - {""}
        form = " ".join(word for word in normal(prefix).split("_") if word in SCORES)
        if model and form and not model & _OF_ALL_CLASSES:
            forms.setdefault(form, {})[prefix] = pairs
    for groups in forms.values():
        check_same_classes(table, groups)


def _has_more_classes(
    table: Table, plain: Sequence[str], prefix: str, pairs: Sequence[tuple[str, str]]
) -> bool:
    """Return whether a model with numbered classes has others too: they begin with the same word,
    or all columns together are probabilities."""
    counted = [column for column, _ in pairs]
    rest = [name for name in plain if name not in counted and not _NUMBERED.match(name)]
    if not rest or _are_one_distribution(table, counted):
        return False
    if _are_one_distribution(table, [*counted, *rest]):
        return True
    first = normal(prefix).split("_")[0]
    words = [normal(name).split("_") for name in rest]
    return any(
        first
        and own[0] == first
        and not {*own[1:]} & _OF_ALL_CLASSES
        and _has_fractions(table, name)
        for own, name in zip(words, rest, strict=True)
    )


def _by_separators(flat: Sequence[str], least: int) -> Groups | None:
    """Return columns of the form `prob:cat`, `teacher_cat` or `cat_teacher`."""
    for _, groups in _separated(flat):
        alike = _alike(groups, least)
        if alike and (len(alike) > 1 or _says_scores(next(iter(alike)))):
            return alike
    return None


def _separated(flat: Sequence[str]) -> Iterator[tuple[str, Groups]]:
    """Yield each separator that all columns have, and the groups that it makes."""
    for separator in SEPARATORS:
        for prefix_first in (True, False):
            for cut in (_first, _last):
                groups: Groups = {}
                for column in flat:
                    parts = cut(column, separator)
                    if parts is None:
                        break
                    prefix, name = parts if prefix_first else (parts[1], parts[0])
                    groups.setdefault(prefix, []).append((column, name))
                else:
                    yield separator, groups


def _check_separated(table: Table, flat: Sequence[str], known: Sequence[str]) -> None:
    """Check that no model lacks a class, if the separator or the sum of the scores tells that the
    groups are models.

    Raises:
        PredictionsError: a model has no column for a class that another one has.
    """
    for separator, groups in _separated(flat):
        if len(groups) < 2:
            continue
        columns = [column for column, _ in max(groups.values(), key=len)]
        if separator in _BEHIND_MODELS or _are_one_distribution(table, columns):
            check_same_classes(table, groups, {*known})


def _says_scores(prefix: str) -> bool:
    parts = [part for part in re.split(r"[ _:./|]+", prefix.lower()) if part]
    return any(part in SCORES for part in parts)


def _first(column: str, separator: str) -> tuple[str, str] | None:
    before, middle, after = column.partition(separator)
    return (before, after) if middle and before and after else None


def _last(column: str, separator: str) -> tuple[str, str] | None:
    before, middle, after = column.rpartition(separator)
    return (before, after) if middle and before and after else None


def _alike(groups: Groups, least: int) -> Groups | None:
    """Return the groups if all have the same classes, and enough of them."""
    sets = {frozenset(name for _, name in pairs) for pairs in groups.values()}
    if len(sets) != 1 or len(next(iter(sets))) < least:
        return None
    if any(len(pairs) != len(next(iter(sets))) for pairs in groups.values()):
        return None
    return groups
