"""Class names for score columns without names, from the user or from another file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bickd_core.importing.extract import FileModel, FilePart, Rows
from bickd_core.importing.words import is_count
from bickd_core.runs.predictions import PredictionsError


def lacks_names(files: Sequence[tuple[str, FilePart]]) -> bool:
    """Return whether some score columns have no class names, in their names or elsewhere in the
    file."""
    return any(
        (not model.classes or are_numbers(model.classes))
        and not (part.class_names or part.label_names)
        for _, part in files
        for model in part.models
    )


def with_class_names(
    scored: list[Rows], others: list[Rows], requested: Sequence[str]
) -> tuple[list[Rows], list[str]]:
    """Name every column: by its own name, else the given names, else those of another file, else
    numbers.

    Returns:
        The named parts, and a note for each model whose names come from another file.
    """
    given = [
        (source.file, source.part.class_names)
        for source in [*others, *scored]
        if source.part.class_names
    ]
    given += [
        (source.file, source.part.label_names)
        for source in [*scored, *others]
        if source.part.label_names
    ]
    given += [
        (source.file, model.classes)
        for source in scored
        for model in source.part.models
        if model.classes and not are_numbers(model.classes)
    ]
    named, notes = [], []
    for source in scored:
        models = []
        for model in source.part.models:
            classes, names_file = _classes(source, model, given, tuple(requested))
            if names_file:
                notes.append(
                    f"{model.name}: the columns have no class names, so those of {names_file} are"
                    " used in their order."
                )
            models.append(replace(model, classes=classes))
        named.append(replace(source, part=replace(source.part, models=tuple(models))))
    return named, notes


def are_numbers(names: Sequence[str]) -> bool:
    return all(is_count(name) for name in names)


def _classes(
    source: Rows,
    model: FileModel,
    given: list[tuple[str, tuple[str, ...]]],
    requested: tuple[str, ...],
) -> tuple[tuple[str, ...], str]:
    """Return a model's class names, and the other file that they come from, or ""."""
    count = model.logits.shape[1]
    own_names = source.part.class_names or source.part.label_names
    if model.classes and not are_numbers(model.classes):
        return model.classes, ""
    if own_names or requested:
        names = own_names or requested
        if len(names) != count:
            raise PredictionsError(
                f"{source.file}: expected {count:,} class names, one for each column of scores, "
                f"got {len(names):,}."
            )
        return names, ""
    for file, names in given:
        if len(names) == count and file != source.file:
            return names, file
    return model.classes or tuple(str(i) for i in range(count)), ""
