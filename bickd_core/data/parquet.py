"""`parquet:PATH`: Hugging Face image data sets, with a column of images ({bytes, path}) and one of
labels."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bickd_core.data.errors import DataError
from bickd_core.data.folders import PARTS, as_text, check_path, walk
from bickd_core.data.listing import (
    MAX_IMAGES,
    Listing,
    numbered_classes,
    side_and_channels,
    usual_parts,
)
from bickd_core.data.notes import note
from bickd_core.data.pixels import Encoded, decode_all, header
from bickd_core.data.resizing import Resizing
from bickd_core.naming import first_line, some_names

if TYPE_CHECKING:
    import pyarrow

logger = logging.getLogger(__name__)

LABELS = ("label", "labels", "fine_label", "class", "target")
"""Names of a label column, in order of preference."""
BATCH = 16
"""Rows of images that are read at once. They are few, because a dictionary can repeat one large
value in every row."""
LABELS_AT_ONCE = 1 << 16
MAX_FOOTER_BYTES, MAX_FOOTER_ITEMS = 64 << 20, 1_000_000


def files(path: Path) -> list[Path]:
    """Return the parquet files of all parts, each sorted by path."""
    return [file for part_files in _parts(path).values() for file in part_files]


def listing(path: Path) -> Listing:
    """List the images. Ids count the rows of a part's files, sorted by path."""
    parts = _parts(path)
    first = next(iter(parts.values()))[0]
    with _reading(first):
        schema = _open(first).schema_arrow
    image, label = _image_column(schema, first), _label_column(schema, first)
    if "validation" in parts and not _has_column(parts["validation"], label):
        note(
            logger,
            f"Not used in {as_text(path)}: {_named(parts.pop('validation'))}, because there is no"
            f" column {label!r}. Validation is split off from train.",
        )
    columns = {part: _column(part_files, label) for part, part_files in parts.items()}
    declared = _declared_names(schema, label)
    names = declared or _names_in(columns, path)
    labels = {part: values.positions(names) for part, values in columns.items()}
    headers = {
        part: [header(item) for item in _images(part_files, image)]
        for part, part_files in parts.items()
    }
    for part, of_part in headers.items():
        if len(of_part) != len(labels[part]):
            raise DataError(
                f"{path} must have as many images as labels, found {len(of_part)} and"
                f" {len(labels[part])}; write or download it again."
            )
    side, channels = side_and_channels([item for of_part in headers.values() for item in of_part])

    def read(part: str, size: int, resizing: Resizing) -> Iterator[np.ndarray]:
        return decode_all(_images(parts[part], image), channels, size, resizing)

    has_text = any(values.texts is not None for values in columns.values())
    return Listing(names, labels, channels, side, read, sorted_names=has_text and not declared)


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turn the many errors of pyarrow into one that names the file.

    Raises:
        DataError: in place of any error inside the block.
    """
    try:
        yield
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(
            f"{as_text(file)} no longer exists; check the path and that its disk is mounted."
        ) from error
    except MemoryError as error:
        raise DataError(
            f"{as_text(file)} needs more memory than this machine has; it is damaged, or its row"
            " groups are too large."
        ) from error
    except Exception as error:
        raise DataError(
            f"{as_text(file)} cannot be read as parquet ({first_line(error, 200)}); write or"
            " download it again."
        ) from error


def _parts(path: Path) -> dict[str, list[Path]]:
    """Return the files of train, test and perhaps validation, or of "all".

    Files whose names say no part are used only if there are no others.
    """
    check_path(path)
    every = [path] if path.is_file() else walk(path, (".parquet",))
    if not every:
        raise DataError(f"{path} has no .parquet files in it.")
    parts: dict[str, list[Path]] = {}
    for file in every:
        name = file.name if path.is_file() else str(file.relative_to(path))
        parts.setdefault(_part_of(name), []).append(file)
    if len(parts) == 1:
        return {"all": every}
    if "train" not in parts:
        other = "test" if "test" in parts else "validation"
        raise DataError(
            f"{as_text(path)} has files of {other} but none of train; write 'train' into the names"
            " of those, or give the path of one file."
        )
    if "" in parts:
        note(
            logger,
            f"Not used in {as_text(path)}: {_named(parts.pop(''))}, because other names have a part"
            " (train, test or validation) and these have none.",
        )
    return usual_parts(parts)


def _has_column(part_files: list[Path], name: str) -> bool:
    for file in part_files:
        with _reading(file):
            if name not in _open(file).schema_arrow.names:
                return False
    return True


def _named(part_files: list[Path]) -> str:
    return some_names([as_text(file.name) for file in part_files])


def _part_of(name: str) -> str:
    pieces = re.split(r"[^a-z]+", name.lower())
    matches = (part for part, names in PARTS.items() if any(piece in names for piece in pieces))
    return next(matches, "")


def _open(file: Path, text_column: str | None = None) -> Any:
    """Open a file with a small buffer, so that a large column of images is read in pieces.

    Args:
        text_column: a column of texts. Each different text is then stored only once.
    """
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(
        file,
        buffer_size=1 << 20,
        pre_buffer=False,
        read_dictionary=None if text_column is None else [text_column],
        thrift_string_size_limit=MAX_FOOTER_BYTES,
        thrift_container_size_limit=MAX_FOOTER_ITEMS,
    )


def _image_column(schema: pyarrow.Schema, file: Path) -> str:
    import pyarrow

    for column in schema:
        kind = column.type
        if pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            return column.name
        if pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
            return column.name
    raise DataError(
        f"{file} must have a column of images, {{bytes, path}} or bytes; it has"
        f" {', '.join(schema.names)}."
    )


def _features(schema: pyarrow.Schema) -> dict[str, Any]:
    """Return the description of the columns that Hugging Face's `datasets` stores; may be empty."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return features if isinstance(features, dict) else {}


def _label_column(schema: pyarrow.Schema, file: Path) -> str:
    marked = [
        name
        for name, feature in _features(schema).items()
        if isinstance(feature, dict)
        and feature.get("_type") == "ClassLabel"
        and name in schema.names
    ]
    for name in LABELS:
        if name in schema.names:
            return name
    if len(marked) == 1:
        return marked[0]
    raise DataError(
        f"{file} must have a column named {' or '.join(LABELS)}; it has {', '.join(schema.names)}."
    )


@dataclass(frozen=True)
class _Labels:
    """A part's labels.

    Attributes:
        values: int64 [N], positions in `texts`; class numbers if `texts` is None.
    """

    values: np.ndarray
    texts: tuple[str, ...] | None

    def positions(self, names: tuple[str, ...]) -> np.ndarray:
        """Return positions in the class names, int64 [N]; -1 for other texts."""
        if self.texts is None:
            return self.values
        known = {name: i for i, name in enumerate(names)}
        return np.array([known.get(word, -1) for word in self.texts], dtype=np.int64)[self.values]


def _column(part_files: list[Path], name: str) -> _Labels:
    """Read the labels in a part's files, in batches.

    Raises:
        DataError: they are not one whole number or text for each row.
    """
    import pyarrow
    from pyarrow import types

    chunks: list[np.ndarray] = []
    texts: dict[str, int] = {}
    is_text: bool | None = None
    for file in part_files:
        with _reading(file):
            opened = _open(file)
            if name not in opened.schema_arrow.names:
                raise DataError(
                    f"{as_text(file)} has no column {name!r}, but the files before it do."
                )
            kind = opened.schema_arrow.field(name).type
            value = kind.value_type if types.is_dictionary(kind) else kind
            textual = types.is_string(value) or types.is_large_string(value)
            if not textual and not types.is_integer(value):
                several = (
                    types.is_list(value)
                    or types.is_large_list(value)
                    or types.is_fixed_size_list(value)
                )
                raise DataError(
                    f"labels of {as_text(file)} must be one whole number or word for each image,"
                    f" found {'several (' if several else ''}{kind}{')' if several else ''} in"
                    f" {name!r}."
                )
            if is_text is not None and textual != is_text:
                raise DataError(
                    f"{name!r} must be words in all files or numbers in all files, but"
                    f" {as_text(file)} differs."
                )
            is_text = textual
            rows = opened.metadata.num_rows
            if not 0 <= rows + sum(map(len, chunks)) <= MAX_IMAGES:
                raise DataError(
                    f"{as_text(file)} must have at most {MAX_IMAGES:,} rows, but has {rows:,}."
                )
            if textual:
                opened = _open(file, name)
            for batch in opened.iter_batches(LABELS_AT_ONCE, columns=[name], use_threads=False):
                column = batch.column(0)
                if column.null_count:
                    raise DataError(f"{as_text(file)} has rows without a {name}; leave them out.")
                if textual:
                    encoded = (
                        column if types.is_dictionary(column.type) else column.dictionary_encode()
                    )
                    own = [str(word) for word in encoded.dictionary.to_pylist()]
                    places = np.array(
                        [texts.setdefault(word, len(texts)) for word in own], np.int64
                    )
                    chunks.append(
                        places[encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)]
                    )
                else:
                    chunks.append(column.cast(pyarrow.int64()).to_numpy(zero_copy_only=False))
    values = np.concatenate(chunks) if chunks else np.zeros(0, np.int64)
    return _Labels(values, tuple(texts) if is_text else None)


def _declared_names(schema: pyarrow.Schema, label: str) -> tuple[str, ...]:
    """Return the class names that `datasets` stores in the schema's metadata; may be empty."""
    feature = _features(schema).get(label)
    names = feature.get("names") if isinstance(feature, dict) else None
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def _names_in(columns: dict[str, _Labels], path: Path) -> tuple[str, ...]:
    """Return the sorted texts in the columns, or "0" to the largest number."""
    if any(values.texts is not None for values in columns.values()):
        return tuple(sorted({word for values in columns.values() for word in values.texts or ()}))
    highest = max(
        (int(part.values.max()) for part in columns.values() if len(part.values)), default=-1
    )
    return numbered_classes(highest, sum(len(part.values) for part in columns.values()), str(path))


def _images(part_files: list[Path], column: str) -> Iterator[Encoded]:
    for file in part_files:
        for row, value in enumerate(_values(file, column)):
            data = value.get("bytes") if isinstance(value, dict) else value
            name = f"in row {row} of {as_text(file)}"
            if not isinstance(data, bytes) or not data:
                raise DataError(f"the image {name} has no bytes; store the images in the file.")
            yield Encoded(data, name)


def _values(file: Path, column: str) -> Iterator[Any]:
    """Yield the values of the image column. They are read in batches."""
    with _reading(file):
        opened = _open(file)
        batches = opened.iter_batches(BATCH, columns=[column], use_threads=False)
    while True:
        with _reading(file):
            batch = next(batches, None)
            values = None if batch is None else batch.column(0).to_pylist()
        if values is None:
            return
        yield from values
