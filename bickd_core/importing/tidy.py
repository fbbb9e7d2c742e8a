"""Convert tables with a row for each sample and class (`id, class, probability`) to a row for each
sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bickd_core.importing.layout import Hints, Layout
from bickd_core.importing.named_scores import falls
from bickd_core.importing.table import Table, check_filled, parsed_numbers
from bickd_core.importing.words import (
    LABELS,
    MODELS,
    SAMPLES,
    SCORES,
    UNUSED,
    first_named,
    is_count,
    normal,
)
from bickd_core.importing.wrong_rows import wrong_rows

CLASS_COLUMNS = (
    "class", "class_name", "classname", "predicted_class", "class_id", "class_idx", "class_index",
    "category",
    "cls", "label", "label_name", "name", "prediction", "predicted",
)  # fmt: skip

_SAMPLE = 1000


@dataclass(frozen=True)
class Tidy:
    """The columns of a table with a row for each sample and class; `model` is "" if there is only
    one."""

    id: str
    classes: str
    scores: str
    model: str = ""


def find_tidy(table: Table, hints: Hints | None = None) -> Tidy | None:
    """Detect such a table: ids repeat, and each pair of id and class occurs once."""
    hints = hints or Hints()
    names = [n for n, column in table.columns.items() if column.ndim == 1 and n not in hints.ignore]
    id = hints.id if hints.id is not None else first_named(names, SAMPLES)
    model = hints.model if hints.model is not None else first_named(names, MODELS)
    scores = [
        n
        for n in names
        if n not in (id, model)
        and normal(n) not in (*LABELS, *UNUSED)
        and any(word in SCORES for word in normal(n).split("_"))
        and _holds_fractions(table.columns[n])
    ]
    if not id or id not in names or len(scores) != 1:
        return None
    samples = _sample_codes(table, id, model)
    if len(np.unique(samples)) == len(table):
        return None
    for word in CLASS_COLUMNS:
        name = first_named(names, (word,))
        if (
            not name
            or name in (id, model, scores[0], hints.label)
            or table.columns[name].dtype.kind == "f"
        ):
            continue
        classes = _codes(table, name)
        count = len(np.unique(classes))
        varies = len(np.unique(_joint(samples, classes))) == len(table)
        if count > 1 and varies and 2 * len(table) > count * len(np.unique(samples)):
            return Tidy(id, name, scores[0], model)
    return None


def tidy_of(layout: Layout) -> Tidy | None:
    """Return the columns of a layout of such a table, or None."""
    if not layout.tidy or not layout.models:
        return None
    return Tidy(layout.id or layout.path, layout.tidy, layout.models[0].columns[0], layout.model)


def widened(table: Table, tidy: Tidy) -> Table:
    """Return the table with a row for each sample (and model), with the scores as a column of
    lists.

    Other columns are kept if they have one value for each sample.

    Raises:
        PredictionsError: a sample lacks a class or has it twice; the message names the sample.
    """
    for name in filter(None, (tidy.id, tidy.classes, tidy.model)):
        check_filled(table, name, "a value")
    scores = parsed_numbers(table.columns[tidy.scores])
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise wrong_rows(
            bad,
            lambda row: f"{table.row(row)}, column '{tidy.scores}'",
            "a number",
            lambda row: _cell(table.columns[tidy.scores][row]),
        )
    keys = _sample_codes(table, tidy.id, tidy.model)
    _, first, samples = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)  # samples in the order of their first rows
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    samples, first = place[samples.ravel()], first[order]
    names, classes = _classes(table.columns[tidy.classes])
    counts = np.zeros((len(first), len(names)), np.int64)
    np.add.at(counts, (samples, classes), 1)
    row_names = [f"sample '{value}'" for value in table.columns[tidy.id][first].tolist()]
    _check_complete(counts, names, row_names)
    in_order = _order_in_file(classes, samples, scores)
    if in_order is not None and not all(map(is_count, names)):
        names, classes = [names[i] for i in in_order], np.argsort(in_order)[classes]
    wide = np.empty(counts.shape)
    wide[samples, classes] = scores
    columns = {}
    for name, column in table.columns.items():
        if name == tidy.scores:
            columns[name] = wide
        elif name != tidy.classes and column.ndim == 1 and _constant(column, first, samples):
            columns[name] = column[first]
    note = (
        f"The file has a row for each sample and class ('{tidy.classes}'): {len(table):,} rows,"
        f" {len(first):,} samples."
    )
    return replace(
        table,
        columns=columns,
        extras={"classes": np.array(names, dtype=object)},
        unordered=(tidy.scores,) if in_order is None else (),
        first_line=0,
        notes=(*table.notes, note),
        row_names=tuple(row_names),
    )


def _holds_fractions(column: np.ndarray) -> bool:
    """Return whether most cells are numbers, and some are not whole."""
    values = parsed_numbers(column[:_SAMPLE])
    known = values[np.isfinite(values)]
    return 2 * len(known) > len(values) and bool((known != np.round(known)).any())


def _cell(value: object) -> str:
    return f"'{value[:40]}'" if isinstance(value, str) and value.strip() else "an empty cell or NaN"


def _check_complete(counts: np.ndarray, names: Sequence[str], row_names: Sequence[str]) -> None:
    """Check that each sample has one row for each class.

    Args:
        counts: int64 [N, C], the number of rows of each sample and class.
    """
    wrong = np.flatnonzero((counts != 1).any(axis=1))

    def got(row: int) -> str:
        place = int((counts[row] != 1).argmax())
        times = counts[row, place]
        return f"{'none' if not times else f'{times:,} rows'} of '{names[place][:40]}'"

    if len(wrong):
        raise wrong_rows(
            wrong, lambda row: row_names[row], f"a row for each of the {len(names):,} classes", got
        )


def _classes(column: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the class names, in numerical or alphabetical order, and the class of each row."""
    if column.dtype != object:
        values, classes = np.unique(column, return_inverse=True)
        return [str(value) for value in values.tolist()], classes.ravel()
    cells = [str(value).strip() for value in column]
    numbers = all(map(is_count, cells))
    names = sorted(set(cells), key=int) if numbers else sorted(set(cells))
    place = {name: i for i, name in enumerate(names)}
    return names, np.array([place[cell] for cell in cells])


def _order_in_file(
    classes: np.ndarray, samples: np.ndarray, scores: np.ndarray
) -> np.ndarray | None:
    """Return the order in which the rows of every sample name the classes; None if it differs, or
    if the scores of all samples fall in it.

    Args:
        classes, samples: int64 [M], the class and the sample of each row.
        scores: float64 [M].
    """
    by_sample = np.argsort(samples, kind="stable")
    count = int(classes.max()) + 1
    orders = classes[by_sample].reshape(-1, count)
    if (orders != orders[0]).any() or falls(scores[by_sample].reshape(-1, count)):
        return None
    return orders[0]


def _codes(table: Table, name: str) -> np.ndarray:
    """Return int64 [N]: equal codes for equal cells."""
    column = table.columns[name]
    if column.dtype != object:
        return np.unique(column, return_inverse=True)[1].ravel()
    place: dict[object, int] = {}
    return np.array([place.setdefault(value, len(place)) for value in column], dtype=np.int64)


def _joint(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return int64 [N]: equal codes where both codes are equal."""
    compact = np.unique(first, return_inverse=True)[1].ravel()
    return compact * (int(second.max(initial=0)) + 1) + second


def _sample_codes(table: Table, id: str, model: str) -> np.ndarray:
    """Return int64 [N]: equal codes for rows of the same sample (and model, if not "")."""
    codes = _codes(table, id)
    return _joint(codes, _codes(table, model)) if model else codes


def _constant(column: np.ndarray, first: np.ndarray, samples: np.ndarray) -> bool:
    """Return whether all rows of a sample have the same value."""
    first_values = column[first][samples]
    same = first_values == column
    if column.dtype.kind == "f":
        same = same | (np.isnan(first_values) & np.isnan(column))
    return bool(np.all(same))
