"""`parquet:PATH`: Hugging Face image data sets: an image column {bytes, path} and a label column."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bickd_core.data.errors import DataError
from bickd_core.data.listing import Listing, side_and_channels
from bickd_core.data.pixels import Encoded, decode_all, header

if TYPE_CHECKING:
    import pyarrow

PARTS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("val", "valid", "validation", "dev"),
}
LABELS = ("label", "labels", "fine_label", "class", "target")
"""Names of a label column, the first that is there."""
BATCH = 256


def files(path: Path) -> list[Path]:
    """The parquet files that are used, part by part, sorted by their path."""
    return [file for found in _parts(path).values() for file in found]


def listing(path: Path) -> Listing:
    """Ids count the rows of a part's files in order of their names."""
    import pyarrow

    parts = _parts(path)
    first = next(iter(parts.values()))[0]
    try:
        schema = _open(first).schema_arrow
        image, label = _image_column(schema, first), _label_column(schema, first)
        columns = {part: _column(found, label) for part, found in parts.items()}
        names = _class_names(schema, label, columns)
        labels = {part: _positions(values, names, path) for part, values in columns.items()}
        side, channels = side_and_channels(
            [header(item) for found in parts.values() for item in _images(found, image)]
        )
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} cannot be read as parquet ({str(error).splitlines()[0]}).") from error

    def read(part: str, size: int) -> Iterator[np.ndarray]:
        return decode_all(_images(parts[part], image), channels, size)

    return Listing(names, labels, channels, side, read)


def _parts(path: Path) -> dict[str, list[Path]]:
    """The files of train and test (else of validation, as test), or of "all" where there is no test."""
    if not path.exists():
        raise DataError(f"{path} is not there; was it moved, or is a disk not mounted?")
    every = [path] if path.is_file() else sorted(path.rglob("*.parquet"))
    if not every:
        raise DataError(f"{path} has no .parquet files in it.")
    found: dict[str, list[Path]] = {}
    for file in every:
        found.setdefault(_part_of(file.name if path.is_file() else str(file.relative_to(path))), []).append(
            file
        )
    test = found.get("test") or found.get("validation")
    if "train" in found and test:
        return {"train": found["train"], "test": test}
    return {"all": found.get("train", every)}


def _part_of(name: str) -> str:
    words = re.split(r"[^a-z]+", name.lower())
    return next((part for part, known in PARTS.items() if any(word in known for word in words)), "")


def _open(file: Path) -> Any:
    """Read through a small buffer: a column chunk of many images is never held whole."""
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(file, buffer_size=1 << 20, pre_buffer=False)
    except OSError as error:
        raise DataError(f"{file} cannot be read ({str(error).splitlines()[0]}).") from error


def _image_column(schema: pyarrow.Schema, file: Path) -> str:
    import pyarrow

    for column in schema:
        kind = column.type
        if pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            return column.name
        if pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
            return column.name
    raise DataError(
        f"{file} must have a column of images, {{bytes, path}} or bytes; it has {', '.join(schema.names)}."
    )


def _features(schema: pyarrow.Schema) -> dict[str, Any]:
    """What Hugging Face's `datasets` says of the columns; empty where nothing is said."""
    try:
        found = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _label_column(schema: pyarrow.Schema, file: Path) -> str:
    marked = [
        name
        for name, about in _features(schema).items()
        if isinstance(about, dict) and about.get("_type") == "ClassLabel" and name in schema.names
    ]
    for name in LABELS:
        if name in schema.names:
            return name
    if len(marked) == 1:
        return marked[0]
    raise DataError(
        f"{file} must have a column named {' or '.join(LABELS)}; it has {', '.join(schema.names)}."
    )


def _column(found: list[Path], name: str) -> np.ndarray:
    import pyarrow

    values = []
    for file in found:
        opened = _open(file)
        if name not in opened.schema_arrow.names:
            raise DataError(f"{file} has no column {name!r}, which the files before it have.")
        column = opened.read(columns=[name])[name]
        if column.null_count:
            raise DataError(f"{file} has {column.null_count} rows without a {name}; leave them out.")
        values.append(column)
    whole = pyarrow.chunked_array([chunk for column in values for chunk in column.chunks])
    return whole.to_numpy()


def _class_names(schema: pyarrow.Schema, label: str, columns: dict[str, np.ndarray]) -> tuple[str, ...]:
    """From the schema's metadata; else the words in the column in order; else "0" to the largest label."""
    about = _features(schema).get(label)
    names = about.get("names") if isinstance(about, dict) else None
    if isinstance(names, list) and names:
        return tuple(str(name) for name in names)
    values = np.concatenate(list(columns.values()))
    if values.dtype == object:
        return tuple(sorted({str(value) for value in values}))
    return tuple(str(i) for i in range(int(values.max()) + 1)) if len(values) else ()


def _positions(values: np.ndarray, names: tuple[str, ...], path: Path) -> np.ndarray:
    if values.dtype != object:
        if values.dtype.kind not in "iu":
            raise DataError(f"labels of {path} must be whole numbers or words, found {values.dtype}.")
        return values.astype(np.int64)
    known = {name: i for i, name in enumerate(names)}
    return np.array([known.get(str(value), -1) for value in values], dtype=np.int64)


def _images(found: list[Path], column: str) -> Iterator[Encoded]:
    for file in found:
        row = 0
        for batch in _open(file).iter_batches(BATCH, columns=[column]):
            for value in batch.column(0).to_pylist():
                data = value.get("bytes") if isinstance(value, dict) else value
                if not data:
                    raise DataError(f"row {row} of {file} has no image bytes; store the images in the file.")
                yield Encoded(data, f"in row {row} of {file}")
                row += 1
