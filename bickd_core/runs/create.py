"""Create a run folder from a config; without torch."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bickd_core.config import RESIZING, TrainConfig
from bickd_core.data.class_order import ClassOrder
from bickd_core.data.external import is_external
from bickd_core.data.preprocessing import Preprocessing
from bickd_core.data.registry import (
    DatasetInfo,
    check_resizing,
    checked_size,
    dataset_info,
    short_name,
)
from bickd_core.data.resizing import DEFAULT
from bickd_core.models.catalogue import resolve
from bickd_core.models.own import check_allowed, is_own
from bickd_core.runs.library import (
    Library,
    NameTaken,
    RunError,
    RunFolder,
    RunInfo,
    Source,
    TeacherRef,
    with_a_free_name,
)
from bickd_core.runs.same_data import check_data_there, is_data_of

if TYPE_CHECKING:
    from bickd_core.data.base import Dataset


def create_run(
    config: TrainConfig,
    library: Library,
    *,
    name: str | None = None,
    title: str = "",
    here: bool = True,
) -> RunFolder:
    """Create the run folder for a config, after checking it as far as possible.

    Args:
        here: whether the run trains on this machine. Then its device must be here, and a network
            from outside the catalogue is built once.

    Raises:
        ValueError: a data set, model or teacher is unknown, the teacher was trained on other data,
            the name is taken, the library is read-only, or the run cannot be trained here.
    """
    home = library.home()
    info = check_run(config, library)
    if name and library.taken(name):
        raise NameTaken(name)
    if here:
        check_trainable(info)
    library.sweep_unfinished()

    def make() -> RunFolder:
        chosen = name or library.free_name(default_name(info.config or config))
        return RunFolder.create(home, info.model_copy(update={"name": chosen, "title": title}))

    return make() if name else with_a_free_name(make)


def check_run(config: TrainConfig, library: Library) -> RunInfo:
    """Check a config like `create_run`, and return the content of its run.yaml without a name.
    Nothing is created."""
    if config.batch_size < 2:
        raise RunError(
            f"`batch_size` must be at least 2, got {config.batch_size}: batch norm computes mean"
            " and variance over a batch; raise it."
        )
    config = with_data(config, library)
    config = config.model_copy(update={"arch": resolve(config.arch).name})
    data = dataset_info(config.dataset)
    size = checked_size(data, config.image_size)
    if data.all_test:
        raise RunError(
            f"all images of {data.name} are test images, so you cannot train on them; choose data"
            " with a train part."
        )
    config = config.model_copy(update={"dataset": data.name})
    name = config.extends or config.teacher
    before = None if name is None else library.locate(name)
    order = class_order(data, config.class_order, before)
    config = config.model_copy(update={"class_order": order, **resizing(data, config, before)})
    teacher = None
    if config.teacher is not None:
        taught_by = library.locate(config.teacher)
        teacher = teacher_reference(taught_by, data.name, size)
        if is_own(taught_by.info().arch or ""):
            check_allowed(taught_by.info().arch)
        config = config.model_copy(update={"teacher": teacher.key})
    preprocessing, channels, earlier = None, data.in_channels, 0
    if config.extends is not None:
        extended = library.locate(config.extends)
        _check_same_teacher(extended, teacher)
        config = config.model_copy(update={"extends": _extended(extended, config, size)})
        earlier = epochs_until(extended.info(), library)
        preprocessing = extended.info().preprocessing
        channels = extended.info().in_channels or channels
    return RunInfo(
        name="",
        role=config.role,
        arch=config.arch,
        dataset=data.name,
        image_size=size,
        in_channels=channels,
        num_classes=data.num_classes,
        class_order=order,
        preprocessing=preprocessing,
        config=config,
        teacher=teacher,
        extends=config.extends,
        epochs_before=earlier,
        source=Source(kind="trained"),
        versions=versions(),
    )


def with_data(config: TrainConfig, library: Library) -> TrainConfig:
    """Return the config with the data and image size of its teacher, or of the run that it extends,
    where it was made without them."""
    key = config.extends or config.teacher
    if key is None:
        return config
    before = library.locate(key).info()
    if before.source.predictions_only:  # its data set is only a label
        return config
    if "dataset" not in config.model_fields_set:
        config = config.model_copy(update={"dataset": before.dataset})
    data = dataset_info(config.dataset)
    if config.image_size is None and data.name == before.dataset:
        native = checked_size(data, None)
        if before.image_size != native:
            config = config.model_copy(update={"image_size": before.image_size})
    return config


def check_trainable(info: RunInfo) -> None:
    """Check that a new run can be trained on this machine. torch is imported only if needed.

    Raises:
        ValueError: its device is not here, or its network cannot be built.
    """
    if info.config is not None:
        check_device(info.config)
    if info.extends is None and resolve(info.arch).is_outside:
        from bickd_core.models.trial import check_network

        channels, size, _ = info.image_shape
        check_network(
            info.arch, num_classes=info.num_classes, in_channels=channels, image_size=size
        )


def check_device(config: TrainConfig) -> None:
    """Check that a device which the config requests exists on this machine.

    Raises:
        ValueError: `device` is "cuda" and there is no such device.
    """
    if config.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise ValueError(
                "`device` is 'cuda' but torch sees no CUDA device here; use 'auto' or 'cpu'."
            )


def same_settings(before: RunInfo, wanted: RunInfo) -> bool:
    """Return whether a run has the wanted settings, data and teacher. Its data may be at another
    path.

    Raises:
        DataError: the data at the other path cannot be used.
    """
    if before.config is None or wanted.config is None:
        return False
    moved = before.config.model_copy(update={"dataset": wanted.config.dataset})
    if moved != wanted.config or not _same_weights(before.teacher, wanted.teacher):
        return False
    return is_data_of(before, wanted.dataset)


def _same_weights(before: TeacherRef | None, wanted: TeacherRef | None) -> bool:
    """Return whether two teachers have the same weights, as far as their hashes are recorded."""
    hashes = {each.weights_sha256 for each in (before, wanted) if each is not None}
    return len(hashes - {""}) < 2


def class_order(
    data: DatasetInfo, requested: ClassOrder | None, before: RunFolder | None
) -> ClassOrder | None:
    """Return the order of the classes for run.yaml; None if their names leave no choice.

    Args:
        requested: the order in the config, if any.
        before: the run that is extended, or the teacher. Its columns have the same order as the new
            run's.

    Raises:
        RunError: another order than theirs is requested.
    """
    if not data.natural:
        return None
    if before is None:
        return requested or "natural"
    recorded: ClassOrder = before.info().class_order or "text"
    if requested not in (None, recorded):
        raise RunError(
            f"run '{before.key}' has its classes in the order '{recorded}', but '{requested}' was"
            " requested; leave `class_order` out, or choose a run with that order."
        )
    return recorded


def resizing(data: DatasetInfo, config: TrainConfig, before: RunFolder | None) -> dict[str, Any]:
    """Return the config's fields on how images become square; None for default values.

    Args:
        before: the run that is extended, or the teacher. It was trained on the same images as the
            new run.

    Raises:
        ValueError: another way than theirs is requested, or the data do not allow it.
    """
    requested = {
        name: getattr(config, name) for name in RESIZING if getattr(config, name) is not None
    }
    if before is None:
        chosen = config.resizing
    else:
        chosen = before.info().resizing
        other = next(
            (name for name, value in requested.items() if value != getattr(chosen, name)), None
        )
        if other is not None:
            raise RunError(
                f"run '{before.key}' has images {chosen.description}, but `{other}`"
                f" {requested[other]} was requested; leave it out, or choose a run whose images"
                " were made that way."
            )
    check_resizing(data, chosen)
    return {
        name: None if getattr(chosen, name) == getattr(DEFAULT, name) else getattr(chosen, name)
        for name in RESIZING
    }


def teacher_reference(
    run: RunFolder, dataset: str, size: int, *, teaches: bool = True
) -> TeacherRef:
    """Return a reference to a finished run as a teacher.

    Args:
        teaches: whether a student is trained with it. Otherwise it is only compared with, so
            predictions are enough.

    Raises:
        RunError: the run cannot be this student's teacher.
    """
    info = run.info()
    if info.source.predictions_only and teaches:
        raise RunError(
            f"teacher '{run.key}' has only predictions and no weights, so it cannot teach; choose a"
            " run with weights, or import the network's weights."
        )
    if not is_data_of(info, dataset):
        raise RunError(
            f"teacher '{run.key}' was made for {info.dataset}, but the student learns {dataset},"
            f" {_difference(info, dataset)}; choose a teacher on the same data, or train"
            " the student on the teacher's."
        )
    if info.image_size not in (None, size):
        raise RunError(
            f"teacher '{run.key}' was made for images of {info.image_size} pixels, but the"
            f" student's have {size}; use `--image-size {info.image_size}`, or choose a teacher for"
            f" {size} pixels."
        )
    if info.source.predictions_only:
        return TeacherRef(key=run.key)
    if not run.weights_path.exists():
        raise RunError(f"teacher '{run.key}' has no weights yet; finish it first.")
    return TeacherRef(key=run.key, weights_sha256=file_sha256(run.weights_path))


def _difference(info: RunInfo, dataset: str) -> str:
    own = is_external(info.dataset) and is_external(dataset)
    if own and info.data_content is None:
        return "and there is no record of the teacher's images to compare them"
    return "whose images differ" if own else "which is other data"


def _extended(run: RunFolder, config: TrainConfig, size: int) -> str:
    """Return the key of the run that this config extends.

    Raises:
        RunError: the run has another model or other data, or no weights.
    """
    info = run.info()
    here = (config.arch, config.dataset, size)
    alike = (info.arch, info.image_size) == (config.arch, size)
    if not alike or not is_data_of(info, config.dataset):
        raise RunError(
            f"run '{run.key}' is {info.arch} on {info.dataset} at {info.image_size} pixels, but the"
            f" new run is {here[0]} on {here[1]} at {here[2]}; extend it with the same model and"
            " data."
        )
    if not run.weights_path.exists():
        raise RunError(f"run '{run.key}' has no weights yet; resume it to its end, then extend it.")
    return run.key


def _check_same_teacher(extended: RunFolder, teacher: TeacherRef | None) -> None:
    """Raise RunError if the teacher of a run that is extended has other weights by now. Another
    teacher may be chosen by its name."""
    before = extended.info().teacher
    if before is None or teacher is None or before.key != teacher.key:
        return
    if not _same_weights(before, teacher):
        raise RunError(
            f"teacher '{teacher.key}' has new weights since run '{extended.key}' was made; start a"
            " new run."
        )


def epochs_before(info: RunInfo, library: Library) -> int:
    """Return the total number of epochs of the runs that this one extends.

    Raises:
        RunError: an older run did not store it, and one of the runs no longer exists.
    """
    epochs, seen = 0, {info.name}
    while info.epochs_before is None and info.extends is not None and info.extends not in seen:
        seen.add(info.extends)
        info = library.locate(info.extends).info()
        epochs += 0 if info.config is None else info.config.epochs
    return epochs + (info.epochs_before or 0)


def epochs_until(info: RunInfo, library: Library) -> int:
    """Return the number of epochs of a run and of the runs that it extends. If these are unknown,
    only its own count."""
    own = 0 if info.config is None else info.config.epochs
    try:
        return own + epochs_before(info, library)
    except RunError:
        return own


def settle_data(run: RunFolder, content: str | None, library: Library) -> None:
    """Record in run.yaml which images the run uses.

    Args:
        content: `Dataset.content`; None for bundled data sets, which do not change.

    Raises:
        RunError: the images differ from those when this run began, or from those of its teacher or
            of the run that it extends.
    """
    info = run.info()
    if content is None:
        return
    if info.data_content not in (None, content):
        raise RunError(
            f"the images in {info.dataset} have changed since this run began; restore them and "
            "resume, or start a new run."
        )
    check_same_data(info, content, library)
    if info.data_content is None:
        run.change_info({"data_content": content})


def record_preprocessing(run: RunFolder, dataset: Dataset) -> None:
    """Record the network's inputs in run.yaml, unless they are there."""
    info = run.info()
    if info.preprocessing is None:
        run.change_info({"preprocessing": preprocessing_of(info, dataset)})


def preprocessing_of(info: RunInfo, dataset: Dataset) -> Preprocessing:
    """Return the network's inputs as recorded. Fields that older runs lack are those of the
    data."""
    if info.preprocessing is not None:
        size = info.preprocessing.input_size or dataset.image_size
        return info.preprocessing.model_copy(update={"input_size": size})
    own = {
        "name": "data",
        "mean": dataset.mean,
        "std": dataset.std,
        "input_size": dataset.image_size,
    }
    return Preprocessing.model_validate({**own, **info.resizing.model_dump()})


def check_same_data(info: RunInfo, content: str | None, library: Library) -> None:
    """Check that images are those of the teacher and of the run that is extended.

    Older runs have no record of their images. Runs with images of another size, or made square in
    another way, are not compared. A run that is extended may be deleted.

    Raises:
        RunError: the images differ; the message names the run.
    """
    before = (
        ("teacher", info.teacher and info.teacher.key, "train a teacher on them as they are"),
        ("run", info.extends, "start a new run that extends none"),
    )
    for what, key, instead in before:
        if not key:
            continue
        try:
            other = library.locate(key).info()
        except RunError:
            if what == "teacher":
                raise
            continue
        if what == "run" and other.created > info.created:
            continue  # another run has that name by now
        if other.prepared == info.prepared and other.data_content not in (None, content):
            raise RunError(
                f"the images in {info.dataset} differ from those of {what} '{key}'; restore them, "
                f"or {instead}."
            )


def extension(run: RunFolder, epochs: int) -> TrainConfig:
    """Return the config that trains a finished run for `epochs` more, with the same settings.

    Raises:
        RunError: the run was not trained here, or its data is no longer there.
    """
    config = run.info().config
    if config is None:
        raise RunError(
            f"run '{run.key}' was not trained here, so its settings are unknown; start a new run."
        )
    check_data_there(run)
    return TrainConfig.model_validate({**config.model_dump(), "epochs": epochs, "extends": run.key})


NAME_LENGTH = 76
"""Longest name that is derived. `Library.free_name` adds up to 4 characters."""


def default_name(config: TrainConfig, method: str = "") -> str:
    """Return DATA-MODEL-METHOD-sSEED; data and model are cut if it is too long. An extension has
    the name of the extended run and the number of epochs that are added.

    Args:
        method: the name of the method. If not given, that of its objective.
    """
    if config.extends is not None:
        return f"{config.extends.rstrip('/').rpartition('/')[2][:68]}-plus{config.epochs}"
    what = "teacher" if config.role == "teacher" else method or config.objective.kind
    end = f"-{what}-s{config.seeds.weights}"
    front = f"{short_name(config.dataset)}-{config.arch}"[: NAME_LENGTH - len(end)]
    return re.sub(r"[^A-Za-z0-9._-]", "-", front) + end  # a model may be called timm:NAME


def file_sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of software that can change a figure."""
    packages = ("torch", "numpy", "lightning-fabric")
    installed = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **installed}
