"""Class names for score columns without names, from the user or from another file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bickd_core.importing.extract import FileModel, FilePart, Rows
from bickd_core.importing.words import is_count, same_name
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
    numbers. A part that does not know the order of its classes takes it from the given names, or
    from another file.

    Returns:
        The named parts, and a note for each model whose names come from another file.
    """
    given = [
        (source.file, source.part.class_names)
        for source in [*others, *scored]
        if source.part.class_names and source.part.order_known
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
        if model.classes and not are_numbers(model.classes) and source.part.order_known
    ]
    named, notes = [], []
    for source in scored:
        if not source.part.order_known:
            orders = [tuple(requested), source.part.label_names, *(names for _, names in given)]
            source = _in_known_order(source, orders)
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
    named, more_notes = _in_one_form(named)
    notes += more_notes
    used = {model.classes for source in named for model in source.part.models}
    notes += [
        f"{source.file}: its {len(source.part.class_names):,} class names are not used, because no"
        " model without class names has as many classes."
        for source in others
        if source.part.class_names and source.part.class_names not in used
    ]
    return named, notes


def _in_known_order(source: Rows, orders: Sequence[tuple[str, ...]]) -> Rows:
    """Return a part whose class order is not known with its classes in the first order that has
    the same names; unchanged if there is none."""
    part = source.part
    models = []
    for model in part.models:
        places = {same_name(name): i for i, name in enumerate(model.classes or part.class_names)}
        forms = [[same_name(name) for name in names] for names in orders]
        order = next(
            (each for each in forms if len(each) == len(places) and {*each} == {*places}), None
        )
        if order is None:
            return source
        columns = [places[form] for form in order]
        names = model.classes or part.class_names
        models.append(
            replace(
                model,
                logits=model.logits[:, columns],
                classes=tuple(names[column] for column in columns),
            )
        )
    return replace(source, part=replace(part, models=tuple(models), order_known=True))


def _in_one_form(sources: list[Rows]) -> tuple[list[Rows], list[str]]:
    """Give classes the names of the first model, where they differ only in capitals, blanks and
    underscores. Returns the parts, and a note for each model that has new names."""
    first = next(model.classes for source in sources for model in source.part.models)
    names = {same_name(name): name for name in first}
    changed, notes = [], []
    for source in sources:
        models = []
        for model in source.part.models:
            forms = [same_name(name) for name in model.classes]
            alike = set(forms) == set(names) and len(names) == len(forms) == len(first)
            if alike and set(model.classes) != set(first):
                notes.append(
                    f"{model.name}: its class names are spelled as in {sources[0].file}"
                    " (capitals, blanks or underscores differed)."
                )
                model = replace(model, classes=tuple(names[form] for form in forms))
            models.append(model)
        changed.append(replace(source, part=replace(source.part, models=tuple(models))))
    return changed, notes


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
