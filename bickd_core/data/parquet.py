"""`parquet:PATH`: Hugging Face image data sets: an image column {bytes, path} and a label
column."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bickd_core.data.errors import DataError
from bickd_core.data.folders import PARTS, as_text, walk
from bickd_core.data.listing import MAX_IMAGES, Listing, numbered_classes, side_and_channels
from bickd_core.data.pixels import Encoded, decode_all, header
from bickd_core.data.resizing import Resizing

if TYPE_CHECKING:
    import pyarrow

LABELS = ("label", "labels", "fine_label", "class", "target")
"""Names of a label column, the first that is there."""
BATCH = 16
"""Rows of images that are read at once. A dictionary can repeat one large value in every row, so
they are few."""
LABELS_AT_ONCE = 1 << 16
MAX_FOOTER_BYTES, MAX_FOOTER_ITEMS = 64 << 20, 1_000_000


def files(path: Path) -> list[Path]:
    """The parquet files that are used, part by part, sorted by their path."""
    return [file for found in _parts(path).values() for file in found]


def listing(path: Path) -> Listing:
    """Ids count the rows of a part's files in order of their names."""
    parts = _parts(path)
    first = next(iter(parts.values()))[0]
    with _reading(first):
        schema = _open(first).schema_arrow
    image, label = _image_column(schema, first), _label_column(schema, first)
    columns = {part: _column(found, label) for part, found in parts.items()}
    declared = _declared_names(schema, label)
    names = declared or _names_in(columns, path)
    labels = {part: values.positions(names) for part, values in columns.items()}
    headers = {
        part: [header(item) for item in _images(found, image)] for part, found in parts.items()
    }
    for part, of_part in headers.items():
        if len(of_part) != len(labels[part]):
            raise DataError(
                f"{path} must have as many images as labels, found {len(of_part)} and"
                f" {len(labels[part])}; write or download it again."
            )
    side, channels = side_and_channels([one for of_part in headers.values() for one in of_part])

    def read(part: str, size: int, resizing: Resizing) -> Iterator[np.ndarray]:
        return decode_all(_images(parts[part], image), channels, size, resizing)

    words = any(values.words is not None for values in columns.values())
    return Listing(names, labels, channels, side, read, sorted_names=words and not declared)


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Errors of pyarrow as a sentence with the file's name; they are of many kinds.

    Raises:
        DataError: whatever was raised inside.
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
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise DataError(
            f"{as_text(file)} cannot be read as parquet ({reason}); write or download it again."
        ) from error


def _parts(path: Path) -> dict[str, list[Path]]:
    """The files of train and test (else of validation, as test), or of "all" where there is no
    test."""
    if not path.exists():
        raise DataError(f"{path} does not exist; check the path and that its disk is mounted.")
    if not path.is_dir() and not path.is_file():
        raise DataError(f"{path} must be a file or a folder, got a pipe or a device.")
    every = [path] if path.is_file() else walk(path, (".parquet",))
    if not every:
        raise DataError(f"{path} has no .parquet files in it.")
    found: dict[str, list[Path]] = {}
    for file in every:
        name = file.name if path.is_file() else str(file.relative_to(path))
        found.setdefault(_part_of(name), []).append(file)
    test = found.get("test") or found.get("validation")
    if "train" in found and test:
        return {"train": found["train"], "test": test}
    return {"all": found.get("train", every)}


def _part_of(name: str) -> str:
    words = re.split(r"[^a-z]+", name.lower())
    return next((part for part, known in PARTS.items() if any(word in known for word in words)), "")


def _open(file: Path, words: str | None = None) -> Any:
    """Read through a small buffer: a column chunk of many images is never held whole.

    Args:
        words: a column of words, each of which is kept once, however often it comes.
    """
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(
        file,
        buffer_size=1 << 20,
        pre_buffer=False,
        read_dictionary=None if words is None else [words],
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


@dataclass(frozen=True)
class _Labels:
    """A part's labels: positions in `words`, or class numbers where there are no words; int64
    [N]."""

    values: np.ndarray
    words: tuple[str, ...] | None

    def positions(self, names: tuple[str, ...]) -> np.ndarray:
        """int64 [N]: positions in the class names, -1 where a word is none of them."""
        if self.words is None:
            return self.values
        known = {name: i for i, name in enumerate(names)}
        return np.array([known.get(word, -1) for word in self.words], dtype=np.int64)[self.values]


def _column(found: list[Path], name: str) -> _Labels:
    """The labels in a part's files, read batch by batch.

    Raises:
        DataError: they are neither whole numbers nor words, one for each row.
    """
    import pyarrow
    from pyarrow import types

    chunks: list[np.ndarray] = []
    words: dict[str, int] = {}
    is_words: bool | None = None
    for file in found:
        with _reading(file):
            opened = _open(file)
            if name not in opened.schema_arrow.names:
                raise DataError(
                    f"{as_text(file)} has no column {name!r}, which the files before it have."
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
            if is_words is not None and textual != is_words:
                raise DataError(
                    f"{name!r} must be words or numbers in all files, {as_text(file)} differs."
                )
            is_words = textual
            rows = opened.metadata.num_rows
            if not 0 <= rows + sum(map(len, chunks)) <= MAX_IMAGES:
                raise DataError(
                    f"{as_text(file)} must have at most {MAX_IMAGES:,} rows, it says {rows:,}."
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
                        [words.setdefault(word, len(words)) for word in own], np.int64
                    )
                    chunks.append(
                        places[encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)]
                    )
                else:
                    chunks.append(column.cast(pyarrow.int64()).to_numpy(zero_copy_only=False))
    values = np.concatenate(chunks) if chunks else np.zeros(0, np.int64)
    return _Labels(values, tuple(words) if is_words else None)


def _declared_names(schema: pyarrow.Schema, label: str) -> tuple[str, ...]:
    """Class names in the schema's metadata, as `datasets` writes them; empty where there are
    none."""
    about = _features(schema).get(label)
    names = about.get("names") if isinstance(about, dict) else None
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def _names_in(columns: dict[str, _Labels], path: Path) -> tuple[str, ...]:
    """The words in the columns, sorted; else "0" to the largest number."""
    if any(values.words is not None for values in columns.values()):
        return tuple(sorted({word for values in columns.values() for word in values.words or ()}))
    highest = max(
        (int(part.values.max()) for part in columns.values() if len(part.values)), default=-1
    )
    return numbered_classes(highest, sum(len(part.values) for part in columns.values()), str(path))


def _images(found: list[Path], column: str) -> Iterator[Encoded]:
    for file in found:
        for row, value in enumerate(_values(file, column)):
            data = value.get("bytes") if isinstance(value, dict) else value
            name = f"in row {row} of {as_text(file)}"
            if not isinstance(data, bytes) or not data:
                raise DataError(f"the image {name} has no bytes; store the images in the file.")
            yield Encoded(data, name)


def _values(file: Path, column: str) -> Iterator[Any]:
    """The values of the image column, some at a time."""
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
