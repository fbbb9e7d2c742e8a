"""Read one prediction file in a separate process, with limits of memory and time.

The process, `python -m bickd_core.importing.read_process FILE`, reads a request as JSON, writes the
arrays of the file to a folder, and prints the layout, a preview and the models' names as JSON.
Nothing in the file is run.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bickd_core.data.apart import MEMORY_BYTES, ask, limit
from bickd_core.data.errors import DataError
from bickd_core.importing.extract import FileModel, FilePart, extract
from bickd_core.importing.guess import check_hints, guess_layout, stem_of
from bickd_core.importing.layout import HINTS, LAYOUT, Hints, Layout, to_json
from bickd_core.importing.other_columns import check_no_labels
from bickd_core.importing.other_tables import (
    check_one_split,
    check_rows_are_samples,
    labels_of_one_hot,
    with_unused_constants,
    without_repeats,
)
from bickd_core.importing.plain_copy import plain_copy
from bickd_core.importing.scores import ScaleError
from bickd_core.importing.seed_column import with_seeds_as_models
from bickd_core.importing.table import Table, check_columns
from bickd_core.importing.tables import read_table
from bickd_core.importing.tidy import find_tidy, tidy_of, widened
from bickd_core.naming import some_names
from bickd_core.npz import load_npz
from bickd_core.packed_text import pack, unpack
from bickd_core.reading import ReadError
from bickd_core.runs.predictions import PredictionsError

MAX_BYTES = 4 << 30
TIMES = 12
"""The reader may use MEMORY_BYTES plus this multiple of the file's size, because a table is copied
twice."""
BASE_SECONDS, BYTES_PER_SECOND = 60, 4 << 20
LONGEST_TEXT = 2000
"""Longest stored text of a sample, in characters."""
PREVIEW_ROWS, PREVIEW_COLUMNS = 5, 14


@dataclass(frozen=True)
class FileContent:
    """The content of one file and its layout.

    Attributes:
        file: its name, for messages.
        columns: the name of each column and its kind ("numbers", "text", "lists of 10").
        preview: the first rows of the first columns, as text.
    """

    file: str
    layout: Layout
    parts: tuple[FilePart, ...]
    columns: dict[str, str]
    preview: tuple[dict[str, str], ...]


def read_file(
    path: Path, *, layout: Layout | None = None, hints: Hints | None = None
) -> FileContent:
    """Read a file in a limited process.

    Args:
        layout: which columns hold what; None to guess.
        hints: the user's choices, if the layout is guessed.

    Raises:
        ScaleError: the scores do not fit their scale.
        PredictionsError: the file, the row and column, what was expected and what came.
    """
    name = path.name
    if not path.is_file():
        got = "a folder; name the files in it" if path.is_dir() else "a path where there is none"
        raise PredictionsError(f"{name or path}: expected a file, got {got}.")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise PredictionsError(f"{name}: expected at most {MAX_BYTES:,} bytes, got {size:,}.")
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as copies:
        request = {
            "layout": None if layout is None else to_json(layout),
            "hints": None if hints is None else to_json(hints),
            "out": folder,
        }
        try:
            plain = plain_copy(path.resolve(), Path(copies), MAX_BYTES)
        except (ReadError, PredictionsError) as error:
            raise PredictionsError(f"{name}: {error}") from error
        try:
            answer = ask("bickd_core.importing.read_process", [str(plain)], name, request=request)
        except DataError as error:
            raise PredictionsError(str(error)) from error
        if "error" in answer:
            refused = ScaleError if answer.get("scale") else PredictionsError
            raise refused(f"{name}: {answer['error']}")
        return FileContent(
            file=name,
            layout=LAYOUT.validate_python(answer["layout"]),
            parts=tuple(_load(Path(folder), i, info) for i, info in enumerate(answer["parts"])),
            columns=answer["columns"],
            preview=tuple(answer["preview"]),
        )


def _load(folder: Path, number: int, info: dict[str, Any]) -> FilePart:
    arrays = load_npz(folder / f"part-{number}.npz")
    models = tuple(
        FileModel(
            model["name"],
            arrays[f"logits-{i}"],
            tuple(model["classes"]),
            model["scale"],
            arrays.get(f"features-{i}"),
        )
        for i, model in enumerate(info["models"])
    )
    texts = {name: _objects(arrays, name) for name in ("labels", "ids", "paths", "texts")}
    return FilePart(
        models=models,
        labels=texts["labels"],
        label_names=tuple(info["label_names"]),
        ids=texts["ids"],
        paths=texts["paths"],
        texts=texts["texts"],
        class_names=tuple(info["class_names"]),
        notes=tuple(info["notes"]),
        split=info["split"],
        counted=info["counted"],
        order_known=info["order_known"],
    )


def _objects(arrays: dict[str, np.ndarray], name: str) -> np.ndarray | None:
    if name in arrays:
        return arrays[name]
    if f"{name}-text" not in arrays:
        return None
    return np.array([*unpack(arrays[f"{name}-text"], arrays[f"{name}-ends"])], dtype=object)


# -- the process ---------------------------------------------------------------------------------


def main() -> None:
    path, request = Path(sys.argv[1]), json.load(sys.stdin)
    size = path.stat().st_size
    allowed = MEMORY_BYTES + TIMES * size
    limit(allowed, BASE_SECONDS + size // BYTES_PER_SECOND)
    try:
        answer = _answer(path, request)
    except PredictionsError as error:
        answer = {"error": str(error), "scale": isinstance(error, ScaleError)}
    except MemoryError:
        answer = {
            "error": (
                f"expected a table of predictions, got a file of {size:,} bytes that asks for more "
                f"than {allowed / 1e9:.1f} GB of memory."
            )
        }
    print(json.dumps(answer))


def parse(
    path: Path, layout: Layout | None = None, hints: Hints | None = None
) -> tuple[Table, Layout, list[FilePart]]:
    """Read a file in this process, without limits. Use `read_file` for untrusted files.

    Raises:
        PredictionsError: the row and column, what was expected and what came.
    """
    table = read_table(path, () if hints is None else hints.ignore)
    if layout is None:
        check_hints(table, hints or Hints())
    table = with_seeds_as_models(table, stem_of(path), hints)
    if layout is not None:
        _check_layout(table, layout)
    tidy = find_tidy(table, hints) if layout is None else tidy_of(layout)
    if tidy is not None:
        table = widened(table, tidy)
        if hints is not None:
            hints = replace(
                hints, ignore=tuple(name for name in hints.ignore if name in table.columns)
            )
            check_hints(table, hints)
    if layout is None:
        check_rows_are_samples(table, hints)
        table = labels_of_one_hot(table, path, hints)
        layout = guess_layout(table, stem_of(path), hints)
        check_one_split(layout)
        if hints is None or hints.scale is None:
            check_no_labels(table, layout.models)
        table = with_unused_constants(table, layout)
        table = replace(table, notes=(*table.notes, *layout.notes))
        layout = replace(layout, tidy="" if tidy is None else tidy.classes)
    table = without_repeats(table, layout)
    return table, layout, extract(table, layout)


def _answer(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    given, hints = request["layout"], request["hints"]
    table, layout, parts = parse(
        path,
        None if given is None else LAYOUT.validate_python(given),
        None if hints is None else HINTS.validate_python(hints),
    )
    for number, part in enumerate(parts):
        np.savez(Path(request["out"]) / f"part-{number}.npz", **_arrays(part))  # type: ignore[arg-type]
    return {
        "layout": to_json(layout),
        "parts": [_part_info(part) for part in parts],
        "columns": {name: _column_kind(column) for name, column in table.columns.items()},
        "preview": _preview(table, layout),
    }


def _check_layout(table: Table, layout: Layout) -> None:
    """Check that a layout names existing columns and arrays.

    Raises:
        PredictionsError: there is no such column or array.
    """
    scores = [
        column
        for model in layout.models
        for column in (*model.columns, *model.ranked, *model.features)
    ]
    check_columns(table, [*layout.roles.values(), *scores])
    if layout.classes and not layout.tidy and layout.classes not in table.extras:
        raise PredictionsError(
            f"there is no array '{layout.classes}'; the arrays are"
            f" {some_names(list(table.extras), most=8) or 'none'}."
        )


def _arrays(part: FilePart) -> dict[str, np.ndarray]:
    arrays = {}
    for i, model in enumerate(part.models):
        arrays[f"logits-{i}"] = model.logits
        if model.features is not None:
            arrays[f"features-{i}"] = model.features
    for name in ("labels", "ids", "paths", "texts"):
        values = getattr(part, name)
        if values is None:
            continue
        if values.dtype != object:
            arrays[name] = values
            continue
        arrays[f"{name}-text"], arrays[f"{name}-ends"] = pack(values, longest=LONGEST_TEXT)
    return arrays


def _part_info(part: FilePart) -> dict[str, Any]:
    models = [{"name": m.name, "classes": list(m.classes), "scale": m.scale} for m in part.models]
    names = {"label_names": list(part.label_names), "class_names": list(part.class_names)}
    about = {"notes": list(part.notes), "split": part.split, "counted": part.counted}
    return {"models": models, **names, **about, "order_known": part.order_known}


def _column_kind(column: np.ndarray) -> str:
    if column.ndim == 2:
        return f"lists of {column.shape[1]:,}"
    return "text" if column.dtype == object else "numbers"


def _preview(table: Table, layout: Layout) -> list[dict[str, str]]:
    """Return the first rows: columns with a role first, then some columns of each model."""
    each = max(2, (PREVIEW_COLUMNS - 5) // max(1, len(layout.models)))
    scores = [column for model in layout.models for column in model.columns[:each]]
    candidates = [*layout.roles.values(), *scores, *table.columns]
    names = list(dict.fromkeys(filter(None, candidates)))[:PREVIEW_COLUMNS]
    return [
        {name: _cell(table.columns[name][row]) for name in names}
        for row in range(min(PREVIEW_ROWS, len(table)))
    ]


def _cell(value: Any) -> str:
    if isinstance(value, np.ndarray):
        shown = ", ".join(f"{number:.4g}" for number in value[:4])
        return f"[{shown}{', …' if len(value) > 4 else ''}]"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    return "" if value is None else str(value)[:80]


if __name__ == "__main__":
    main()
