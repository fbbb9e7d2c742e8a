"""Read npz, npy, csv, tsv, parquet, feather, json, jsonl and txt files into one form: named columns
of equal length.

Call this only in a process with limits (`bickd_core.importing.read_process`): pyarrow can crash on
a damaged file, and a file may need more memory than the machine has.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from bickd_core.importing.arrow_tables import read_feather, read_parquet
from bickd_core.importing.json_tables import read_json, read_json_lines
from bickd_core.importing.named_scores import with_named_scores
from bickd_core.importing.splits import split_word
from bickd_core.importing.table import Table, check_size
from bickd_core.importing.text_tables import read_csv, read_txt
from bickd_core.importing.words import (
    CLASSES,
    FEATURES,
    IDS,
    INPUTS,
    LABELS,
    PATHS,
    SCORES,
    TEXTS,
    UNUSED,
    normal,
)
from bickd_core.naming import some_names
from bickd_core.npy_header import read_header
from bickd_core.npz import load_npz
from bickd_core.reading import ReadError, is_lfs_pointer, opened
from bickd_core.runs.predictions import PredictionsError


def read_table(path: Path, ignore: Sequence[str] = ()) -> Table:
    """Read one file, by its suffix.

    Args:
        ignore: arrays that are not used, so that they need not be readable.

    Raises:
        PredictionsError: the file cannot be used; the message does not name it.
        FileNotFoundError: the file does not exist.
    """
    suffix = path.suffix.lower()
    readers: dict[str, Callable[[Path], Table]] = {
        ".npz": partial(_npz, ignore=ignore),
        ".npy": _npy,
        ".csv": read_csv,
        ".tsv": read_csv,
        ".parquet": read_parquet,
        ".feather": read_feather,
        ".arrow": read_feather,
        ".json": read_json,
        ".jsonl": read_json_lines,
        ".ndjson": read_json_lines,
        ".txt": read_txt,
    }
    if suffix not in readers:
        raise PredictionsError(
            "expected an npz, npy, csv, tsv, parquet, feather, json or jsonl file (or class names"
            f" in a txt), got '{suffix or path.name}'; {_way_out(suffix)}."
        )
    try:
        _check_content(path)
        table = readers[suffix](path)
    except ReadError as error:
        raise PredictionsError(str(error)) from error
    if not table.columns and not table.extras:
        raise PredictionsError("expected columns of predictions, got a file without any.")
    if table.columns and not len(table):
        raise PredictionsError("expected a row for each sample, got a file without rows.")
    check_size(rows=len(table))
    return with_named_scores(table)


def _check_content(path: Path) -> None:
    """Check that a file is not empty and not the pointer of a large file in Git.

    Raises:
        PredictionsError: it is.
    """
    if not path.stat().st_size:
        raise PredictionsError("expected predictions, got an empty file of 0 bytes; save it again.")
    if is_lfs_pointer(path):
        raise PredictionsError(
            "expected predictions, got a pointer to a file in Git LFS; run `git lfs pull`, or"
            " download the file itself."
        )


_WEIGHTS = "weights are imported with `bickd import`, or on the page Runs"


def _way_out(suffix: str) -> str:
    if suffix in (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt", ".bin"):
        return (
            "pickled objects are not opened, so save the arrays with "
            f"numpy.savez(FILE, logits=..., labels=...); {_WEIGHTS}"
        )
    if suffix in (".th", ".tar", ".safetensors", ".onnx", ".pt2"):
        return _WEIGHTS
    if suffix in (".zip", ".7z", ".tgz", ".rar"):
        return "unpack the archive"
    if suffix in (".xls", ".xlsx", ".ods"):
        return "save the sheet as csv"
    return "save the table as csv or the arrays as npz"


# -- numpy ---------------------------------------------------------------------------------------


def _npz(path: Path, ignore: Sequence[str] = ()) -> Table:
    unread: list[str] = []
    loaded = load_npz(path, unread=unread)
    unread_notes = _unread_notes([name for name in unread if name not in ignore])
    arrays = {name: _as_column(array) for name, array in loaded.items() if array.ndim}
    inputs = [name for name, array in arrays.items() if array.ndim > 1 and normal(name) in INPUTS]
    others = any(array.ndim == 2 for name, array in arrays.items() if name not in inputs)
    notes = [f"`{name}` is not used: it has inputs and no scores." for name in inputs if others]
    notes += unread_notes
    if others:
        arrays = {name: array for name, array in arrays.items() if name not in inputs}
    deep = next((name for name, array in arrays.items() if array.ndim > 2), None)
    if deep is not None:
        raise PredictionsError(
            f"`{deep}` must be [N, C] or [N], got shape {list(arrays[deep].shape)}; "
            "save one row of scores for each sample."
        )
    scores = [
        array
        for name, array in arrays.items()
        if array.ndim == 2 and normal(name) not in FEATURES and array.dtype.kind != "O"
    ]
    lengths = Counter(len(array) for array in scores) or Counter(
        len(array) for name, array in arrays.items() if normal(name) in (*LABELS, *IDS)
    )
    if not lengths:
        named = [name for name in arrays if normal(name) in CLASSES]
        if named:
            return Table({}, extras={name: arrays[name] for name in named})
        raise PredictionsError(
            f"expected an array [N, C] of scores, got {_shapes(arrays, unread) or 'no arrays'}; "
            "save it with numpy.savez(FILE, logits=..., labels=...)."
        )
    rows = lengths.most_common(1)[0][0]
    other = next((array for array in scores if len(array) != rows), None)
    if other is not None:
        split = any(split_word(name) for name in arrays)
        raise PredictionsError(
            f"expected as many rows in every array of scores, got {_shapes(arrays)}"
            f"{'; save each split in a file of its own' if split else ''}."
        )
    label = _unnamed_labels(arrays, rows)
    if label:
        arrays["labels"] = arrays.pop(label)
        notes.append(
            f"`{label}` has one whole number for each sample, so it is used as the true class."
        )
    columns: dict[str, np.ndarray] = {}
    extras: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        is_column = len(array) == rows and normal(name) not in CLASSES
        (columns if is_column else extras)[name] = array
    return Table(columns, extras=extras, notes=tuple(notes), unread=tuple(unread))


def _unread_notes(names: Sequence[str]) -> list[str]:
    """Return a note for each array of Python objects that is not needed, such as the metrics of
    Hugging Face's Trainer.

    Raises:
        PredictionsError: one is needed.
    """
    needed = next((name for name in names if _is_needed(name)), None)
    if needed is not None:
        raise PredictionsError(
            f"`{needed}` must be real numbers or text without pickles, got object; save it with"
            " dtype=float, int or str."
        )
    return [
        f"`{name}` is not used: it holds Python objects, which are never unpickled."
        for name in names
    ]


def _is_needed(name: str) -> bool:
    """Return whether an array's name says that it holds scores, or tells samples or classes.

    >>> [_is_needed(name) for name in ("val_logits", "texts", "metrics", "pred")]
    [True, True, False, False]
    """
    name = normal(name)
    words = {*name.split("_")} & {*SCORES}
    return name in (*LABELS, *IDS, *PATHS, *TEXTS, *CLASSES) or bool(words and name not in UNUSED)


def _unnamed_labels(arrays: dict[str, np.ndarray], rows: int) -> str:
    """Return the only array [N] of whole numbers from 0 that `numpy.savez(FILE, scores, labels)`
    writes without a name; "" if there is none."""
    if not all(re.fullmatch(r"arr_\d+", name) for name in arrays):
        return ""
    found = [
        name
        for name, array in arrays.items()
        if array.shape == (rows,) and array.dtype.kind in "iu" and array.min(initial=0) >= 0
    ]
    return found[0] if len(found) == 1 and len(arrays) > 1 else ""


def _shapes(arrays: dict[str, np.ndarray], unread: Sequence[str] = ()) -> str:
    shapes = [f"`{name}` {list(array.shape)}" for name, array in arrays.items()]
    return some_names([*shapes, *(f"`{name}` of Python objects" for name in unread)])


def _as_column(array: np.ndarray) -> np.ndarray:
    if array.ndim > 2:  # [N, C, 1, 1] of a convolution, [N, 1] of labels
        array = array.reshape(*array.shape[:2], -1)
        array = array[..., 0] if array.shape[-1] == 1 else array
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    return array.astype(object) if array.dtype.kind == "U" else array


def _npy(path: Path) -> Table:
    with opened(path) as file:
        try:
            header = read_header(file)
        except ValueError as error:
            raise PredictionsError(f"expected a numpy array, but {error}.") from error
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        fields = header.dtype.names or ()
        named = bool(fields) and all(header.dtype[name].kind in "biufU" for name in fields)
        if header.dtype.hasobject or not (named or header.dtype.kind in "biufU"):
            raise PredictionsError(
                f"expected numbers or text, got {header.dtype!s:.60}; pickled objects are not"
                " opened."
            )
        if header.bytes > size:
            raise PredictionsError(
                f"expected {header.bytes:,} bytes as its header says, got {size:,}; copy it again."
            )
        array = np.lib.format.read_array(file, allow_pickle=False)
    if named and array.ndim == 1:
        check_size(columns=len(fields))
        return Table({name: _as_column(array[name]) for name in fields})
    array = _as_column(array)
    if array.ndim == 2:
        return Table({"scores": array})
    if array.ndim != 1:
        raise PredictionsError(
            f"expected scores [N, C] or labels [N], got shape {list(array.shape)}."
        )
    stem = normal(path.stem)
    if stem in CLASSES:
        return Table({}, extras={stem: array})
    if array.dtype.kind == "f" and not np.array_equal(array, np.round(array)):
        if any(word in SCORES for word in stem.split("_")) and 0 <= array.min() <= array.max() <= 1:
            return Table({stem: array})  # the probability of the second of two classes
        raise PredictionsError(
            f"expected scores [N, C] with a column for each class, got shape {list(array.shape)}; "
            "for two classes save both columns, or the probability of the second one as scores.npy."
        )
    return Table({stem if stem in IDS else "labels": array})
