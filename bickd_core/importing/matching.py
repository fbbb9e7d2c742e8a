"""Match several files: class names, labels, and which row is which sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bickd_core.importing.class_names import with_class_names
from bickd_core.importing.extract import FileModel, FilePart, Rows
from bickd_core.importing.label_checks import are_own_predictions, label_warnings
from bickd_core.importing.layout import FILE_SPLITS, FileSplit, Scale
from bickd_core.importing.row_matching import (
    Rule,
    check_order,
    file_stems,
    key_names,
    label_positions,
    padded_otherwise,
    path_tails,
    row_ids,
    unpadded,
)
from bickd_core.importing.row_numbers import elsewhere, without_row_numbers
from bickd_core.importing.text_matching import same_text, text_keys
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
        if len(self.models) == 1:
            return f"There is one model, with {self.total:,} samples."
        how = {
            "one file": "All models are in one file, so their rows are the same samples",
            "id": "Rows were matched by id",
            "path": "Rows were matched by path",
            "text": "Rows were matched by text",
            "order": (
                "Rows were matched by order, because the files have no common ids and the same"
                " number of rows"
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
    of_split = {
        split: [
            (file, part)
            for file, part in files
            if part.split == split or not (part.models or len(part))
        ]
        for split in FILE_SPLITS
    }
    test = _match(of_split["test"], class_names)
    try:
        validation = _match(
            of_split["validation"], class_names or test.models[0].predictions.class_names
        )
        return _with_validation(test, replace(validation, split="validation"))
    except PredictionsError as error:
        raise PredictionsError(f"on validation: {error}") from error


def _with_validation(test: Imported, validation: Imported) -> Imported:
    """Add the validation split to the models with test predictions."""
    there = {model.name: model for model in test.models}
    alone = [model.name for model in validation.models if model.name not in there]
    if alone:
        raise PredictionsError(
            f"expected predictions of {', '.join(there)}, as on test, got some of"
            f" {', '.join(alone)}; give the files or models of both splits the same names."
        )
    order = {model.name: model.predictions.class_names for model in test.models}
    other = next(
        (
            model
            for model in validation.models
            if set(model.predictions.class_names) != set(order[model.name])
        ),
        None,
    )
    if other is not None:
        raise PredictionsError(
            f"{other.name} has other classes on validation than on test; use the same column names"
            " in both."
        )
    models = tuple(
        replace(model, predictions=model.predictions.with_class_order(order[model.name]))
        for model in validation.models
    )
    note = f"On validation: {len(models):,} of {len(there):,} models. {validation.summary()}"
    notes = (
        *test.notes,
        note,
        *(sentence for sentence in validation.notes if sentence not in test.notes),
    )
    warnings = (*test.warnings, *(f"On validation: {sentence}" for sentence in validation.warnings))
    return replace(
        test, notes=notes, warnings=warnings, validation=replace(validation, models=models)
    )


def _match(files: Sequence[tuple[str, FilePart]], class_names: Sequence[str]) -> Imported:
    sources = [Rows(file, part) for file, part in files]
    scored = [source for source in sources if source.part.models]
    if not scored:
        named = ", ".join(dict.fromkeys(source.file for source in sources))
        raise PredictionsError(
            f"{named}: expected a column of scores for each class, got none (predicted classes, or"
            " one confidence for each sample, are not enough); name the columns logit_0, logit_1,"
            " ... or by their classes."
        )
    notes = [f"{source.file}: {note}" for source in sources for note in source.part.notes]
    sources, more_notes = without_row_numbers(sources)
    notes += more_notes
    scored = [source for source in sources if source.part.models]
    scored, more_notes = with_class_names(
        scored, [source for source in sources if not source.part.models], class_names
    )
    notes += more_notes
    scored, more_notes = _with_labels(
        scored, [source for source in sources if not source.part.models]
    )
    notes += [*more_notes, *_unused_files(sources)]
    rule, ids = row_ids(scored)
    models = [
        ImportedModel(model.name, _predictions(source, model, source_ids), source.file, model.scale)
        for source, source_ids in zip(scored, ids, strict=True)
        for model in source.part.models
    ]
    texts: dict[int | str, str] = {}
    paths: dict[int | str, str] = {}
    for source, source_ids in zip(scored, ids, strict=True):
        for by_id, values in ((texts, source.part.texts), (paths, source.part.paths)):
            if values is not None:
                by_id |= {
                    i: v for i, v in zip(source_ids.tolist(), values.tolist(), strict=True) if v
                }
    sets = [set(source_ids.tolist()) for source_ids in ids]
    shared, total = len(set.intersection(*sets)), len(set.union(*sets))
    if not shared:
        raise PredictionsError(
            f"{_files(scored)} share no sample by {rule}; give the same {rule} to the same sample,"
            " or leave that column out to match by order."
        )
    _check_labels(models)
    models = _named_apart(models)
    return Imported(
        tuple(models),
        rule,
        shared,
        total,
        texts,
        paths,
        tuple(dict.fromkeys(notes)),
        (
            *_few_shared(scored, shared, rule),
            *_other_texts(scored, ids),
            *_other_paths(scored, ids),
            *label_warnings([(model.name, model.predictions) for model in models]),
        ),
    )


def _unused_files(sources: Sequence[Rows]) -> list[str]:
    """Return a note for each file that adds neither scores, nor labels, nor class names."""
    others = [source for source in sources if not source.part.models]
    labels = [source for source in others if source.part.labels is not None]
    lack = any(source.part.models and source.part.labels is None for source in sources)
    notes = [
        f"{source.file} is not used: it has neither scores nor true classes."
        for source in others
        if source.part.labels is None and not (source.part.class_names or source.part.label_names)
    ]
    return notes + [
        f"{source.file}: its labels are not used, because"
        f" {'those of ' + labels[0].file + ' are' if lack else 'the scores have labels already'}."
        for source in labels[1 if lack else 0 :]
    ]


def _few_shared(scored: Sequence[Rows], shared: int, rule: Rule) -> list[str]:
    """Return a warning for each file, or model of one file, that loses more than half of its
    samples."""
    files = [source.file for source in scored]
    return [
        f"Only {shared:,} of {len(source.part):,} samples of"
        f" {source.file if files.count(source.file) == 1 else source.part.models[0].name} are in"
        f" every model. The comparison shows these {shared:,}. Check that all files use the same"
        f" {rule}s."
        for source in scored
        if 2 * shared < len(source.part)
    ]


def _other_texts(scored: Sequence[Rows], ids: Sequence[np.ndarray]) -> list[str]:
    """Return a warning for each part whose texts differ from those of the first one with texts, on
    the same samples. Ids may be row numbers that were made after shuffling."""
    first_file, warnings = "", []
    by_id: dict[int | str, str] = {}
    for source, source_ids in zip(scored, ids, strict=True):
        if source.part.texts is None:
            continue
        texts = dict(zip(source_ids.tolist(), source.part.texts.tolist(), strict=True))
        both = [id for id in texts if id in by_id]
        differ = [id for id in both if not same_text(texts[id], by_id[id])]
        if differ:
            warnings.append(
                f"{len(differ):,} of {len(both):,} samples have another text in {source.file} than"
                f" in {first_file}, first '{differ[0]}' ('{texts[differ[0]][:40]}' and"
                f" '{by_id[differ[0]][:40]}'). Check that the same sample has the same id in both."
            )
        if not by_id:
            first_file, by_id = source.file, texts
    return warnings


def _other_paths(scored: Sequence[Rows], ids: Sequence[np.ndarray]) -> list[str]:
    """Return a warning for each part whose image paths belong to other samples in the first one
    with paths."""
    first_file, warnings = "", []
    by_id: dict[object, str] = {}
    for source, source_ids in zip(scored, ids, strict=True):
        stems = file_stems(source)
        if stems is None:
            continue
        here = dict(zip(source_ids.tolist(), stems, strict=True))
        moved = elsewhere(here, by_id)
        if moved:
            warnings.append(
                f"{len(moved):,} samples have another image path in {source.file} than in"
                f" {first_file}, first '{moved[0]}' ('{here[moved[0]][-40:]}' and"
                f" '{by_id[moved[0]][-40:]}'). Check that the same sample has the same id in both."
            )
        if not by_id:
            first_file, by_id = source.file, here
    return warnings


def _files(sources: Sequence[Rows]) -> str:
    return " and ".join(dict.fromkeys(source.file for source in sources))


def _named_apart(models: Sequence[ImportedModel]) -> list[ImportedModel]:
    """Make the models' names unique, by adding a number to repeated names."""
    renamed: list[ImportedModel] = []
    for model in models:
        name, n = model.name, 1
        while name in [other.name for other in renamed]:
            n += 1
            name = f"{model.name}-{n}"
        renamed.append(replace(model, name=name))
    return renamed


# -- labels --------------------------------------------------------------------------------------


def _with_labels(scored: list[Rows], others: list[Rows]) -> tuple[list[Rows], list[str]]:
    """Add the labels of a file of labels to the parts that have none."""
    label_source = next((source for source in others if source.part.labels is not None), None)
    if label_source is None:
        return scored, []
    labels = label_source.part.labels
    assert labels is not None
    labelled, notes = [], []
    for source in scored:
        part = source.part
        if part.labels is None:
            key, other = _common_key(part, label_source.part)
            if key is not None and other is not None:
                places = {value: i for i, value in enumerate(other)}
                missing = next((value for value in key if value not in places), None)
                if missing is not None:
                    sample = str(missing[0] if isinstance(missing, tuple) else missing)[:80]
                    raise PredictionsError(
                        f"{label_source.file}: expected a label for every sample of"
                        f" {source.file}, got none for '{sample}'."
                    )
                part = replace(part, labels=labels[np.array([places[value] for value in key])])
                notes.append(
                    f"{source.file}: labels come from {label_source.file}, matched by id, path or"
                    " text."
                )
            elif len(labels) == len(part):
                check_order([source, label_source])
                part = replace(
                    part,
                    labels=labels,
                    ids=part.ids if part.ids is not None else label_source.part.ids,
                    paths=part.paths if part.paths is not None else label_source.part.paths,
                    texts=part.texts if part.texts is not None else label_source.part.texts,
                )
                notes.append(
                    f"{source.file}: labels come from {label_source.file}, matched by order."
                )
            else:
                raise PredictionsError(
                    f"{label_source.file} has {len(labels):,} labels and {source.file} has"
                    f" {len(part):,} rows; give both an id column, or as many labels as rows."
                )
        labelled.append(replace(source, part=part))
    return labelled, notes


def _common_key(a: FilePart, b: FilePart) -> tuple[list[object] | None, list[object] | None]:
    first, second = key_names(a), key_names(b)
    if first is not None and second is not None:
        if a.ids is not None and b.ids is not None:
            if (counts := padded_otherwise([list(first), list(second)])) is not None:
                return list(counts[0]), list(counts[1])
            numbers = a.ids.dtype != object and b.ids.dtype != object
            if numbers or not set(first).isdisjoint(second):
                return list(first), list(second)
        tails = path_tails([first, second]) or path_tails([first, second], suffixes=False)
        if tails is not None:
            return list(tails[0]), list(tails[1])
        counts = unpadded([first, second])
        if counts is not None:
            return list(counts[0]), list(counts[1])
        if a.ids is not None and b.ids is not None:
            return list(first), list(second)
    keys = text_keys([a, b])
    return (None, None) if keys is None else (list(keys[0]), list(keys[1]))


def _predictions(source: Rows, model: FileModel, ids: np.ndarray) -> Predictions:
    try:
        return Predictions(
            logits=model.logits,
            class_names=model.classes,
            ids=ids,
            labels=(
                None
                if source.part.labels is None
                else label_positions(source.part.labels, model.classes, source.part.order_known)
            ),
            features=model.features,
        )
    except PredictionsError as error:
        raise PredictionsError(f"{source.file}, {model.name}: {error}") from error


def _check_labels(models: Sequence[ImportedModel]) -> None:
    from bickd_core.runs.predictions import align

    try:
        align([model.predictions for model in models], [model.name for model in models])
    except PredictionsError as error:
        own = [model.name for model in models if are_own_predictions(model.predictions)]
        if not own:
            raise
        raise PredictionsError(
            f"{str(error).rstrip('.')}. The labels of {own[0]} are the classes that it predicts; if"
            " they are no true classes, choose no column for them."
        ) from error
