"""Match several files: class names, labels, and which row is which sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bickd_core.importing.class_names import with_class_names
from bickd_core.importing.extract import FileModel, FilePart, Rows
from bickd_core.importing.layout import FILE_SPLITS, FileSplit, Scale
from bickd_core.importing.row_matching import Rule, label_positions, path_tails, row_ids
from bickd_core.runs.predictions import Predictions, PredictionsError


@dataclass(frozen=True)
class ImportedModel:
    """One model: its name, its predictions, its file, and the scale of its scores in the file."""

    name: str
    predictions: Predictions
    file: str
    scale: Scale


@dataclass(frozen=True)
class Imported:
    """The models of one import on samples with shared ids.

    Attributes:
        rule: what the rows of several files were matched by.
        shared: number of samples that all models have.
        total: number of samples that at least one model has.
        texts, paths: the texts and paths of samples, by id.
        notes: one sentence for each thing that was detected or decided.
        warnings: one sentence for each thing that may mislead.
        split: the split of the samples.
        validation: the same models on validation, if the files hold both splits.
    """

    models: tuple[ImportedModel, ...]
    rule: Rule
    shared: int
    total: int
    texts: dict[int | str, str]
    paths: dict[int | str, str]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    split: FileSplit = "test"
    validation: Imported | None = None

    def summary(self) -> str:
        """Describe how the files were matched."""
        how = {
            "one file": "All models are in one file, so their rows are the same samples",
            "id": "Rows were matched by id",
            "path": "Rows were matched by path",
            "order": (
                "Rows were matched by order, because the files have no ids and the same number of"
                " rows"
            ),
        }[self.rule]
        return f"{how}: {self.shared:,} of {self.total:,} samples are in every model."


def match(files: Sequence[tuple[str, FilePart]], class_names: Sequence[str] = ()) -> Imported:
    """Match the parts of one or several files.

    Args:
        files: pairs of file name and part of the file.
        class_names: in the order of the columns, for models whose columns have no names.

    Raises:
        PredictionsError: there are no scores, classes or labels contradict each other, or rows
            cannot be matched.
    """
    splits = {part.split for _, part in files if part.models}
    if len(splits) < 2:
        return replace(_match(files, class_names), split=next(iter(splits), "test"))
    own = {
        split: [
            (file, part)
            for file, part in files
            if part.split == split or not (part.models or len(part))
        ]
        for split in FILE_SPLITS
    }
    test = _match(own["test"], class_names)
    try:
        validation = _match(
            own["validation"], class_names or test.models[0].predictions.class_names
        )
        return _with_validation(test, replace(validation, split="validation"))
    except PredictionsError as error:
        raise PredictionsError(f"on validation: {error}") from error


def _with_validation(test: Imported, validation: Imported) -> Imported:
    """Add the validation split to the models with test predictions."""
    there = {one.name: one for one in test.models}
    alone = [one.name for one in validation.models if one.name not in there]
    if alone:
        raise PredictionsError(
            f"expected predictions of {', '.join(there)}, as on test, got some of"
            f" {', '.join(alone)}; give the files or models of both splits the same names."
        )
    order = {one.name: one.predictions.class_names for one in test.models}
    other = next(
        (
            one
            for one in validation.models
            if set(one.predictions.class_names) != set(order[one.name])
        ),
        None,
    )
    if other is not None:
        raise PredictionsError(
            f"{other.name} has other classes on validation than on test; use the same column names"
            " in both."
        )
    models = tuple(
        replace(one, predictions=one.predictions.with_class_order(order[one.name]))
        for one in validation.models
    )
    note = f"On validation: {len(models):,} of {len(there):,} models. {validation.summary()}"
    notes = (*test.notes, note, *(said for said in validation.notes if said not in test.notes))
    warnings = (*test.warnings, *(f"On validation: {said}" for said in validation.warnings))
    return replace(
        test, notes=notes, warnings=warnings, validation=replace(validation, models=models)
    )


def _match(files: Sequence[tuple[str, FilePart]], class_names: Sequence[str]) -> Imported:
    rows = [Rows(file, part) for file, part in files]
    scored = [one for one in rows if one.part.models]
    if not scored:
        named = ", ".join(dict.fromkeys(one.file for one in rows))
        raise PredictionsError(
            f"{named}: expected a column of scores for each class, got none; name the columns "
            "logit_0, logit_1, ... or by their classes."
        )
    notes = [f"{one.file}: {note}" for one in rows for note in one.part.notes]
    scored, said = with_class_names(
        scored, [one for one in rows if not one.part.models], class_names
    )
    notes += said
    scored, said = _with_labels(scored, [one for one in rows if not one.part.models])
    notes += said
    rule, ids = row_ids(scored)
    models = [
        ImportedModel(model.name, _predictions(one, model, own), one.file, model.scale)
        for one, own in zip(scored, ids, strict=True)
        for model in one.part.models
    ]
    texts: dict[int | str, str] = {}
    paths: dict[int | str, str] = {}
    for one, own in zip(scored, ids, strict=True):
        for found, values in ((texts, one.part.texts), (paths, one.part.paths)):
            if values is not None:
                found |= {i: v for i, v in zip(own.tolist(), values.tolist(), strict=True) if v}
    sets = [set(own.tolist()) for own in ids]
    shared, total = len(set.intersection(*sets)), len(set.union(*sets))
    if not shared:
        raise PredictionsError(
            f"{_files(scored)} share no sample by {rule}; give the same {rule} to the same sample,"
            " or leave that column out to match by order."
        )
    _check_labels(models)
    return Imported(
        tuple(_named_apart(models)),
        rule,
        shared,
        total,
        texts,
        paths,
        tuple(dict.fromkeys(notes)),
        tuple(_few_shared(scored, shared)),
    )


def _few_shared(scored: Sequence[Rows], shared: int) -> list[str]:
    """Return a warning for each file, or model of one file, that loses more than half of its
    samples."""
    files = [one.file for one in scored]
    return [
        f"Only {shared:,} of {len(one.part):,} samples of"
        f" {one.file if files.count(one.file) == 1 else one.part.models[0].name} are in every"
        f" model. The comparison shows these {shared:,}. Check that all files use the same ids."
        for one in scored
        if 2 * shared < len(one.part)
    ]


def _files(rows: Sequence[Rows]) -> str:
    return " and ".join(dict.fromkeys(one.file for one in rows))


def _named_apart(models: Sequence[ImportedModel]) -> list[ImportedModel]:
    """Make the models' names unique, by adding a number to repeated names."""
    found: list[ImportedModel] = []
    for one in models:
        name, n = one.name, 1
        while name in [other.name for other in found]:
            n += 1
            name = f"{one.name}-{n}"
        found.append(replace(one, name=name))
    return found


# -- labels --------------------------------------------------------------------------------------


def _with_labels(scored: list[Rows], others: list[Rows]) -> tuple[list[Rows], list[str]]:
    """Add the labels of a file of labels to the parts that have none."""
    giving = next((one for one in others if one.part.labels is not None), None)
    if giving is None:
        return scored, []
    labels = giving.part.labels
    assert labels is not None
    found, notes = [], []
    for one in scored:
        part = one.part
        if part.labels is None:
            key, other = _common_key(part, giving.part)
            if key is not None and other is not None:
                places = {value: i for i, value in enumerate(other)}
                missing = next((value for value in key if value not in places), None)
                if missing is not None:
                    raise PredictionsError(
                        f"{giving.file}: expected a label for every sample of {one.file}, got none"
                        f" for '{missing}'."
                    )
                part = replace(part, labels=labels[np.array([places[value] for value in key])])
                notes.append(f"{one.file}: labels come from {giving.file}, matched by id or path.")
            elif len(labels) == len(part):
                part = replace(
                    part,
                    labels=labels,
                    ids=part.ids if part.ids is not None else giving.part.ids,
                    paths=part.paths if part.paths is not None else giving.part.paths,
                    texts=part.texts if part.texts is not None else giving.part.texts,
                )
                notes.append(f"{one.file}: labels come from {giving.file}, matched by order.")
            else:
                raise PredictionsError(
                    f"{giving.file} has {len(labels):,} labels and {one.file} has {len(part):,}"
                    " rows; give both an id column, or as many labels as rows."
                )
        found.append(replace(one, part=part))
    return found, notes


def _common_key(a: FilePart, b: FilePart) -> tuple[list[object] | None, list[object] | None]:
    if a.ids is not None and b.ids is not None:
        return a.ids.tolist(), b.ids.tolist()
    if a.paths is not None and b.paths is not None:
        tails = path_tails([a.paths.tolist(), b.paths.tolist()])
        if tails is not None:
            return list(tails[0]), list(tails[1])
    return None, None


def _predictions(one: Rows, model: FileModel, ids: np.ndarray) -> Predictions:
    try:
        return Predictions(
            logits=model.logits,
            class_names=model.classes,
            ids=ids,
            labels=(
                None if one.part.labels is None else label_positions(one.part.labels, model.classes)
            ),
            features=model.features,
        )
    except PredictionsError as error:
        raise PredictionsError(f"{one.file}, {model.name}: {error}") from error


def _check_labels(models: Sequence[ImportedModel]) -> None:
    from bickd_core.runs.predictions import align

    align([one.predictions for one in models], [one.name for one in models])
