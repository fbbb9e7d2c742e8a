"""Read prediction files as models that can be compared and imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bickd_core.importing.extract import FilePart
from bickd_core.importing.layout import Hints, Layout
from bickd_core.importing.matching import Imported, ImportedModel, match
from bickd_core.importing.read_process import FileContent, read_file

__all__ = ["Imported", "ImportedModel", "match_files", "read_files", "read_predictions"]


def read_files(
    files: Sequence[Path | str],
    *,
    layouts: Mapping[str, Layout] | None = None,
    hints: Hints | Mapping[str, Hints] | None = None,
) -> list[FileContent]:
    """Read each file in a limited process.

    Args:
        layouts: by file name; the others are guessed.
        hints: for all files, or by file name.

    Raises:
        PredictionsError: the file, what was expected and what came.
    """
    layouts = layouts or {}

    def hints_of(name: str) -> Hints | None:
        return hints.get(name) if isinstance(hints, Mapping) else hints

    paths = [Path(file) for file in files]
    return [read_file(p, layout=layouts.get(p.name), hints=hints_of(p.name)) for p in paths]


def match_files(contents: Sequence[FileContent], class_names: Sequence[str] = ()) -> Imported:
    """Match the rows and classes of files that were read.

    Args:
        class_names: in the order of the columns, for models whose columns have no names.

    Raises:
        PredictionsError: the files do not fit together.
    """
    return match(parts_of(contents), class_names)


def parts_of(contents: Sequence[FileContent]) -> list[tuple[str, FilePart]]:
    """Return each part of each file with the file's name."""
    return [(content.file, part) for content in contents for part in content.parts]


def read_predictions(
    files: Sequence[Path | str],
    *,
    layouts: Mapping[str, Layout] | None = None,
    hints: Hints | Mapping[str, Hints] | None = None,
    class_names: Sequence[str] = (),
) -> Imported:
    """Read predictions of one or several models from npz, npy, csv, tsv, parquet, feather, json or
    jsonl files.

    Args:
        files: one file for each model, or files with several models; files of labels or of class
            names alone add these to the others.
        layouts, hints: as of `read_files`.
        class_names: as of `match_files`.

    Raises:
        PredictionsError: the file, the row and column, what was expected and what came.
    """
    return match_files(read_files(files, layouts=layouts, hints=hints), class_names)
