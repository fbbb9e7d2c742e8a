"""Tell the seeds of one model apart in a table with a row for each sample and seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bickd_core.importing.layout import Hints
from bickd_core.importing.table import Table
from bickd_core.importing.words import MODELS, SAMPLES, SEEDS, first_named, is_count, normal


def with_seeds_as_models(table: Table, stem: str, hints: Hints | None) -> Table:
    """Return the table with a model for each seed, such as kd-s0 and kd-s1, if a model has rows of
    several seeds; else the table.

    Without a column of models, the same id must have rows of several seeds.

    Args:
        stem: name of the model, if there is no column of models.
    """
    hints = hints or Hints()
    flat = [
        name
        for name, column in table.columns.items()
        if column.ndim == 1 and name not in hints.ignore
    ]
    seed = next((name for name in flat if normal(name) in SEEDS), "")
    if not seed or hints.model == "" or seed in (hints.label, hints.id):
        return table
    texts = [name for name in flat if table.columns[name].dtype == object]
    model = hints.model or next((name for name in texts if normal(name) in MODELS), "")
    id = hints.id or first_named(flat, SAMPLES)
    seeds = [str(value) for value in table.columns[seed].tolist()]
    models = table.columns[model].tolist() if model else [stem] * len(table)
    repeats = bool(id) and len(set(table.columns[id].tolist())) < len(table)
    if not all(map(is_count, seeds)) or not all(models) or not (model or repeats):
        return table
    seeds_of: dict[str, set[str]] = {}
    for name, value in zip(models, seeds, strict=True):
        seeds_of.setdefault(name, set()).add(value)
    several = [name for name, values in seeds_of.items() if len(values) > 1]
    if not several:
        return table
    names = [
        f"{name}-s{value}" if name in several else name
        for name, value in zip(models, seeds, strict=True)
    ]
    columns = {name: column for name, column in table.columns.items() if name != seed}
    columns[model or MODELS[0]] = np.array(names, dtype=object)
    note = (
        f"Each seed in column '{seed[:40]}' is a model of its own, such as"
        f" {names[models.index(several[0])]}."
    )
    return replace(table, columns=columns, notes=(*table.notes, note))
