"""Make run folders of imported predictions: all of them, or none."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from bickd_core.atomic import write_text
from bickd_core.importing.image_paths import image_paths
from bickd_core.importing.layout import FileSplit
from bickd_core.importing.matching import Imported, ImportedModel
from bickd_core.importing.text_matching import same_text
from bickd_core.naming import as_key, method_and_seed, near
from bickd_core.runs.card import predictions_card
from bickd_core.runs.info import RunError, RunInfo, Source, TeacherRef
from bickd_core.runs.library import Library, NameTaken, RunFolder
from bickd_core.runs.predictions import Predictions, PredictionsError, align
from bickd_core.runs.sample_file import Id, SampleFile
from bickd_core.runs.status import Status


def create_runs(
    imported: Imported,
    library: Library,
    *,
    teacher: str,
    names: Mapping[str, str] | None = None,
    dataset: str | None = None,
    images: Path | None = None,
    seeds: bool = True,
) -> list[RunFolder]:
    """Put a run for each model among the user's runs.

    Args:
        teacher: the model that is the teacher, or the key of an existing run.
        names: new names of models, by their names in the files. A run's key is derived from its
            name: letters lose their accents, and all else but digits, ".", "_" and "-" becomes "-".
        dataset: a label for the data. Runs with the same label can be compared. If not given, it is
            derived from ids, labels and classes, so two imports of the same samples have the same
            label.
        images: a folder with the samples' images.
        seeds: whether students whose names end in a seed, such as kd-s0, are runs of one method.

    Returns:
        The runs, the teacher first if it is among them.

    Raises:
        PredictionsError, RunError: something does not fit, or the library is read-only. Nothing is
            created then.
    """
    library.home()
    names = dict(names or {})
    teacher_run, label = check_runs(
        imported, library, teacher=teacher, names=names, dataset=dataset
    )
    models = {model.name: model for model in imported.models}
    samples = sample_file(imported, images)
    validation = imported.validation
    validation_samples = SampleFile() if validation is None else sample_file(validation, images)
    on_validation = {
        model.name: model.predictions for model in (() if validation is None else validation.models)
    }
    titles = {
        model.name: _display_name(names.get(model.name, model.name)) for model in imported.models
    }
    runs = _run_names(library, imported, names)
    if teacher_run is None:
        reference, teacher_predictions = TeacherRef(key=runs[teacher]), models[teacher].predictions
    else:
        reference = TeacherRef(key=teacher_run.key)
        teacher_predictions = teacher_run.predictions("test")
    ordered = sorted(imported.models, key=lambda model: model.name != teacher)
    pending: list[tuple[Path, str]] = []
    try:
        for model in ordered:
            student = model.name != teacher
            info = RunInfo(
                name=runs[model.name],
                title="" if titles[model.name] == runs[model.name] else titles[model.name],
                role="student" if student else "teacher",
                dataset=label,
                num_classes=model.predictions.num_classes,
                teacher=reference if student else None,
                source=_source(model, titles[model.name], seeds=seeds and student),
            )
            against = teacher_predictions if student else None
            folder = _make(library, info, model, against, samples)
            pending.append((folder, info.name))
            if model.name in on_validation:
                run = RunFolder(folder, key=info.name)
                save_split(run, "validation", on_validation[model.name], validation_samples)
        return _appear(library, pending)
    finally:
        for folder, _ in pending:
            shutil.rmtree(folder, ignore_errors=True)


def check_runs(
    imported: Imported,
    library: Library,
    *,
    teacher: str,
    names: Mapping[str, str],
    dataset: str | None = None,
) -> tuple[RunFolder | None, str]:
    """Check that imported models can become runs, like `create_runs`. Nothing is created.

    Returns:
        The teacher's run, None if it is one of the models, and the data label.
    """
    _check_models(imported, names)
    models = [model.name for model in imported.models]
    teacher_run = None if teacher in models else _teacher_run(library, teacher, imported, dataset)
    return teacher_run, _label(imported, teacher_run.info().dataset if teacher_run else dataset)


def _source(model: ImportedModel, title: str, *, seeds: bool) -> Source:
    method, seed = (seeds and method_and_seed(title)) or ("", None)
    return Source(kind="predictions", file=model.file, method=method, seed=seed)


def _check_models(imported: Imported, names: Mapping[str, str]) -> None:
    """Check that the models have test predictions, and that `names` renames only these models."""
    if imported.split != "test":
        raise PredictionsError(
            "these files hold only validation predictions; add them to runs that have test"
            " predictions, or import both in one go."
        )
    models = [model.name for model in imported.models]
    unknown = next((name for name in names if name not in models), None)
    if unknown is not None:
        raise PredictionsError(
            f"there is no model '{unknown}' in these files; they hold {', '.join(models)}."
        )


def _teacher_run(
    library: Library, teacher: str, imported: Imported, dataset: str | None
) -> RunFolder:
    """Return the existing run that is the teacher.

    Raises:
        PredictionsError: there is no such run, its data label is another than `dataset`, or its
            samples or classes are others than those of the imported models.
    """
    models = [model.name for model in imported.models]
    try:
        run = library.locate(teacher)
    except RunError as error:
        close = near(teacher, models, cutoff=0.5)
        hint = f"; did you mean '{close[0]}'?" if close else "."
        raise PredictionsError(
            f"the teacher must be one of the imported models ({', '.join(models)}) or an existing"
            f" run, got '{teacher}'{hint}"
        ) from error
    label = run.info().dataset
    if dataset not in (None, label):
        raise PredictionsError(
            f"teacher '{teacher}' was evaluated on '{label}', but the new runs are labelled"
            f" '{dataset}'; leave the label out."
        )
    students = [model.predictions for model in imported.models]
    predictions = run.predictions("test")
    if predictions.ids.dtype.kind in "US" and all(s.ids.dtype.kind in "iu" for s in students):
        raise PredictionsError(
            f"{imported.models[0].file} has numbers as ids and run '{teacher}' has texts"
            f" ('{str(predictions.ids[0])[:40]}'); use the same ids, or if the numbers only count"
            ' the rows, choose no id column (`--id ""`).'
        )
    align([predictions, *students], [teacher, *models])
    for split in filter(None, (imported, imported.validation)):
        check_same_texts(run, split)
    return run


def check_same_texts(run: RunFolder, imported: Imported) -> None:
    """Check that samples with the same number have the same text in a run and in an import, because
    numbers may be positions of rows in another order.

    Raises:
        PredictionsError: some texts differ.
    """
    texts = run.samples(imported.split).texts
    shared = [id for id in imported.texts if id in texts and isinstance(id, int)]
    differ = [id for id in shared if not same_text(imported.texts[id], texts[id])]
    if differ:
        first = differ[0]
        raise PredictionsError(
            f"{len(differ):,} of {len(shared):,} samples have another text in these files than in"
            f" run '{run.key}', first number {first} ('{imported.texts[first][:40]}' and"
            f" '{texts[first][:40]}'); import the files of both together, or with the same ids."
        )


def _label(imported: Imported, dataset: str | None) -> str:
    """Return the data label, by default a hash of ids, labels and classes. Numbers without labels
    may be positions of rows, so the texts count too."""
    if dataset is not None:
        label = dataset.strip()
        if not label or len(label) > 200 or not label.isprintable():
            raise PredictionsError(
                f"the data label must have 1 to 200 printable characters, got {dataset[:40]!r}."
            )
        return label
    first = max((model.predictions for model in imported.models), key=len)
    labels = first.labels if first.labels is not None else [-1] * len(first)
    label_names = ["" if c < 0 else first.class_names[c] for c in labels]
    content = sorted(zip(map(str, first.ids.tolist()), label_names, strict=True))
    if first.labels is None and first.ids.dtype.kind in "iu":
        content += sorted((str(id), text) for id, text in imported.texts.items())
    digest = hashlib.sha256(repr((sorted(first.class_names), content)).encode()).hexdigest()
    return f"samples-{digest[:8]}"


def sample_file(imported: Imported, images: Path | None) -> SampleFile:
    """Return texts and image paths of the samples. Only images in the user's folder count."""
    if images is None:
        return SampleFile(texts=imported.texts)
    ids: dict[Id, None] = {}
    for model in imported.models:
        ids |= dict.fromkeys(model.predictions.ids.tolist())
    paths = image_paths(images, ids, imported.paths)
    if not paths:
        raise PredictionsError(
            f"none of the {len(ids):,} samples has an image in '{images}'; a path, or an id that is"
            " the file's name without its suffix, must lead to it."
        )
    return SampleFile(texts=imported.texts, paths=paths)


def _display_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 80 or not name.isprintable():
        raise PredictionsError(
            f"a model's name must have 1 to 80 printable characters, got {name[:40]!r}."
        )
    return name


def _run_names(library: Library, imported: Imported, names: Mapping[str, str]) -> dict[str, str]:
    """Return a run key for each model: the given name, else the next free key derived from the
    model's name."""
    runs: dict[str, str] = {}
    for model in imported.models:
        name = names.get(model.name, model.name).strip()
        base = as_key(name)
        if (
            name == base and model.name in names
        ):  # the user's own key, which is taken as it is or not at all
            if library.taken(name) or name in runs.values():
                raise NameTaken(name)
            wanted = name
        else:
            wanted, n = library.free_name(base), 1
            while wanted in runs.values():
                n += 1
                wanted = library.free_name(f"{base}-{n}")
        runs[model.name] = wanted
    return runs


def _make(
    library: Library,
    info: RunInfo,
    model: ImportedModel,
    teacher: Predictions | None,
    samples: SampleFile,
) -> Path:
    """Write a complete run folder under a hidden name."""
    folder = library.home() / f".making-{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        run = RunFolder(folder, key=info.name)
        run.write_info(info)
        save_split(run, "test", model.predictions, samples)
        write_text(
            folder / "README.md", predictions_card(info, model.predictions, teacher, model.scale)
        )
        run.write_status(Status("finished", heartbeat=time.time()))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def save_split(
    run: RunFolder, split: FileSplit, predictions: Predictions, samples: SampleFile
) -> None:
    """Write a model's predictions to its run, with the texts and image paths of their samples."""
    predictions.save(run.predictions_path(split))
    if entries := samples.only(set(predictions.ids.tolist())):
        entries.save(run.samples_path(split))


def _appear(library: Library, pending: list[tuple[Path, str]]) -> list[RunFolder]:
    """Rename every folder to its run's name. If a name exists by now, undo the others."""
    done: list[Path] = []
    try:
        for folder, name in pending:
            target = library.home() / name
            if target.exists():
                raise NameTaken(name)
            os.rename(folder, target)
            done.append(target)
    except BaseException:
        for target in done:
            shutil.rmtree(target, ignore_errors=True)
        raise
    return [RunFolder(target, key=target.name) for target in done]
