"""Read parquet and feather files into a table. Use it only in a process with limits, because
pyarrow may crash."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bickd_core.importing.json_tables import from_records
from bickd_core.importing.table import (
    Table,
    check_size,
    check_unique,
    names_in_lists,
    single_column,
    stacked,
)
from bickd_core.naming import first_line
from bickd_core.runs.predictions import PredictionsError

if TYPE_CHECKING:
    import pyarrow

MAX_FOOTER_BYTES, MAX_FOOTER_ITEMS = 64 << 20, 1_000_000


def read_parquet(path: Path) -> Table:
    import pyarrow.parquet

    def read() -> Table:
        file = pyarrow.parquet.ParquetFile(
            path,
            thrift_string_size_limit=MAX_FOOTER_BYTES,
            thrift_container_size_limit=MAX_FOOTER_ITEMS,
        )
        check_size(rows=file.metadata.num_rows, columns=len(file.schema_arrow))
        unread = [
            field
            for field in file.schema_arrow
            if pyarrow.types.is_struct(field.type) and not _holds_scores(field.type)
        ]
        names = {field.name for field in unread}
        wanted = [name for name in file.schema_arrow.names if name not in names]
        return _from_arrow(
            file.read(columns=wanted, use_threads=False),
            [_unused(field.name, field.type) for field in unread],
        )

    return _arrow(read, "parquet")


def read_feather(path: Path) -> Table:
    import pyarrow.ipc

    def read() -> pyarrow.Table:
        with pyarrow.OSFile(str(path)) as file:
            if file.read(6) == b"ARROW1":
                return pyarrow.ipc.open_file(path).read_all()
        with open(path, "rb") as stream:  # a shard that Hugging Face `datasets` wrote
            return pyarrow.ipc.open_stream(stream).read_all()

    return _arrow(lambda: _from_arrow(read()), "feather")


def _arrow(read: Callable[[], Table], kind: str) -> Table:
    """Return the result of `read`. An error of pyarrow becomes a PredictionsError.

    Args:
        kind: the file's format, for the message.
    """
    try:
        return read()
    except (PredictionsError, MemoryError, FileNotFoundError):
        raise
    except Exception as error:  # pyarrow raises many types for damaged files
        raise PredictionsError(
            f"expected a whole {kind} file, but reading it failed ({first_line(error, 120)});"
            " write it again."
        ) from error


def _unused(name: str, kind: pyarrow.DataType) -> str:
    return f"Column '{name}' is not used: it holds {kind!s:.60}."


def _from_arrow(table: pyarrow.Table, notes: Sequence[str] = ()) -> Table:
    from pyarrow import types

    check_size(rows=table.num_rows, columns=table.num_columns)
    check_unique(table.column_names)
    metadata = table.schema.metadata or {}
    columns, lists_of_text, notes = {}, {}, [*notes]
    unordered: tuple[str, ...] = ()
    lists = (
        types.is_list,
        types.is_large_list,
        types.is_fixed_size_list,
        types.is_list_view,  # its cast to a list loses values in pyarrow 26
        types.is_large_list_view,
    )
    for name in table.column_names:
        column = _plain(table.column(name))
        kind = column.type
        if any(is_list(kind) for is_list in lists):
            if types.is_floating(kind.value_type) or types.is_integer(kind.value_type):
                columns[name] = _lists(column, name)
            elif _holds_label_and_score(kind.value_type):
                scores = from_records([{name: value} for value in column.to_pylist()])
                columns |= scores.columns
                unordered += scores.unordered
                notes += scores.notes
            elif (names := names_in_lists(column.to_pylist())) is not None:
                lists_of_text[name] = names
            else:
                notes.append(_unused(name, kind))
        elif types.is_string(kind) or types.is_large_string(kind):
            columns[name] = np.array(column.to_pylist(), dtype=object)
        elif types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind):
            columns[name] = column.to_numpy()
        elif types.is_struct(kind) and _holds_scores(kind):
            columns |= from_records([{name: value} for value in column.to_pylist()]).columns
        else:
            notes.append(_unused(name, kind))
    return Table(
        columns,
        names=_declared(metadata),
        notes=tuple(notes[:5]),
        index=_index(metadata),
        lists_of_text=lists_of_text,
        unordered=unordered,
    )


def _holds_scores(kind: pyarrow.StructType) -> bool:
    """Return whether an object has a number for each class, and not an image's bytes or size."""
    from pyarrow import types

    floats = [types.is_floating(field.type) for field in kind]
    numbers = all(types.is_floating(field.type) or types.is_integer(field.type) for field in kind)
    return numbers and any(floats)


def _holds_label_and_score(kind: pyarrow.DataType) -> bool:
    """Return whether a list has the objects of Hugging Face's pipelines."""
    from pyarrow import types

    return types.is_struct(kind) and {field.name for field in kind} == {"label", "score"}


def _plain(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Return a column in one of the usual types in place of a dictionary, of the views of text that
    polars writes, or of decimals; others unchanged."""
    import pyarrow
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        values = _plain(pyarrow.chunked_array([], kind.value_type)).type
        chunks = [each.dictionary.cast(values).take(each.indices) for each in column.chunks]
        return pyarrow.chunked_array(chunks, values)
    if types.is_string_view(kind):
        return column.cast(pyarrow.large_string())
    if types.is_decimal(kind):
        return column.cast(pyarrow.float64())
    return column


def _lists(column: pyarrow.ChunkedArray, name: str) -> np.ndarray:
    """Return a column of lists of equal length as [N, K]."""
    import pyarrow.compute

    lengths = pyarrow.compute.list_value_length(column)
    least_most = pyarrow.compute.min_max(lengths).as_py()
    if column.null_count or least_most["min"] != least_most["max"]:
        return stacked(column.to_pylist(), name)
    values = pyarrow.compute.list_flatten(column).to_numpy()
    return single_column(values.reshape(len(column), int(least_most["min"])))


def _declared(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Return the class names of ClassLabel columns, as written by Hugging Face `datasets`."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {
            str(name): tuple(map(str, feature["names"]))
            for name, feature in features.items()
            if isinstance(feature, dict) and isinstance(feature.get("names"), list)
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _index(metadata: dict[bytes, bytes]) -> tuple[str, ...]:
    """Return the columns that hold the index of a table that pandas wrote."""
    try:
        columns = json.loads(metadata[b"pandas"])["index_columns"]
        return tuple(name for name in columns if isinstance(name, str))
    except (KeyError, TypeError, ValueError):
        return ()
