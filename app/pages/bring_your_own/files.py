"""Read uploaded files and typed paths, without Streamlit."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.imports.process import safe_file_name
from bickd_core.importing.class_names import lacks_names
from bickd_core.importing.layout import Hints
from bickd_core.importing.matching import Imported
from bickd_core.importing.predictions import match_files, parts_of
from bickd_core.importing.read_process import FileContent, read_file
from bickd_core.importing.scores import ScaleError
from bickd_core.runs.library import Library, RunError
from bickd_core.runs.predictions import PredictionsError

TEACHER_WORDS = ("teacher", "big", "large", "base")


@dataclass(frozen=True)
class Source:
    """A file to read: its name, a key that identifies it, and either its content or its path."""

    name: str
    key: str
    content: bytes | memoryview | None = None
    path: Path | None = None


@dataclass(frozen=True)
class Reading:
    """The result of reading a file: its content, or an error message.

    Attributes:
        wrong_scale: whether the file was refused because its scores do not fit their scale.
    """

    source: Source
    content: FileContent | None = None
    problem: str = ""
    wrong_scale: bool = False


def typed_paths(text: str) -> list[Source]:
    """Return the files named in a text field, one in each line."""
    sources = []
    for line in text.splitlines():
        typed = line.strip().strip("\"'")
        if not typed:
            continue
        try:
            path = Path(typed).expanduser()
            stat = path.stat()
            key = f"{path}-{stat.st_size}-{stat.st_mtime_ns}"
        except (OSError, RuntimeError, ValueError):
            path, key = Path(typed), typed
        sources.append(Source(path.name, key, path=path))
    return sources


def read(source: Source, hints: Hints, library: Library) -> Reading:
    """Read a file in a process with limits. An upload is first written to a temporary folder.

    Args:
        library: of the user, who may not read the files of other users.
    """
    try:
        if source.path is not None:
            library.check_path(source.path)
            return Reading(source, read_file(source.path, hints=hints))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / safe_file_name(source.name)
            path.write_bytes(source.content or b"")
            return Reading(source, read_file(path, hints=hints))
    except (PredictionsError, RunError, OSError) as error:
        return Reading(source, problem=str(error), wrong_scale=isinstance(error, ScaleError))


def unnamed_classes(readings: Sequence[Reading]) -> bool:
    """Return whether the file of some model has no class names."""
    return lacks_names(
        parts_of([reading.content for reading in readings if reading.content is not None])
    )


def together(
    readings: Sequence[Reading], class_names: Sequence[str] = ()
) -> tuple[Imported | None, str]:
    """Match the models of all files; returns them, or None and an error message.

    Args:
        class_names: in the order of the columns, for models whose columns have no names.
    """
    contents = [reading.content for reading in readings if reading.content is not None]
    if not contents:
        return None, ""
    try:
        return match_files(contents, class_names), ""
    except PredictionsError as error:
        return None, str(error)


def likely_teacher(imported: Imported) -> str:
    """Return the model named like a teacher, else the most accurate one, else the first."""
    for word in TEACHER_WORDS:
        for model in imported.models:
            if word in model.name.lower():
                return model.name
    reached: Mapping[str, float] = {
        model.name: accuracy
        for model in imported.models
        if (accuracy := model.predictions.accuracy) is not None
    }
    return max(reached, key=lambda name: reached[name]) if reached else imported.models[0].name


def scores_sentence(content: FileContent) -> str:
    """Describe what the file holds."""
    models: dict[str, str] = {}  # a model of two splits is in two parts
    for part in content.parts:
        for model, layout in zip(part.models, content.layout.models, strict=False):
            columns = layout.columns
            first = columns[0] if len(columns) == 1 else f"{columns[0]} to {columns[-1]}"
            count = f"{model.logits.shape[1]:,} classes"
            models.setdefault(model.name, f"{model.name} ({model.scale} in {first}, {count})")
    if not models:
        return "No scores. This file adds labels or class names to the other files."
    rows = sum(len(part) for part in content.parts)
    shown = ", ".join([*models.values()][:6])
    return f"{rows:,} rows. Models: {shown}{' …' if len(models) > 6 else ''}."
