"""From a config to a run folder that a worker can take up; free of torch."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bickd_core.config import RESIZING, TrainConfig
from bickd_core.data.class_order import ClassOrder
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
    RunError,
    RunFolder,
    RunInfo,
    Source,
    TeacherRef,
    with_a_free_name,
)

if TYPE_CHECKING:
    from bickd_core.data.base import Dataset


def create_run(
    config: TrainConfig, library: Library, *, name: str | None = None, title: str = ""
) -> RunFolder:
    """Check the config as far as this is possible without loading anything, and make its run
    folder.

    Raises:
        ValueError: an unknown data set, model or teacher, a teacher on other data, or a name that
            is taken.
    """
    info = check_run(config, library)
    library.sweep_unfinished()

    def make() -> RunFolder:
        chosen = name or library.free_name(default_name(info.config or config))
        return RunFolder.create(
            library.own, info.model_copy(update={"name": chosen, "title": title})
        )

    return make() if name else with_a_free_name(make)


def check_run(config: TrainConfig, library: Library) -> RunInfo:
    """The checks of `create_run`, and what its run.yaml would hold but for the name; nothing is
    made."""
    if config.batch_size < 2:
        raise RunError(
            f"`batch_size` must be at least 2, got {config.batch_size}: batch norm computes mean"
            " and variance over a batch; raise it."
        )
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
    preprocessing = None
    if config.extends is not None:
        extended = library.locate(config.extends)
        config = config.model_copy(update={"extends": _extended(extended, config, size)})
        preprocessing = extended.info().preprocessing
    return RunInfo(
        name="",
        role=config.role,
        arch=config.arch,
        dataset=data.name,
        image_size=size,
        in_channels=data.in_channels,
        num_classes=data.num_classes,
        class_order=order,
        preprocessing=preprocessing,
        config=config,
        teacher=teacher,
        extends=config.extends,
        source=Source(kind="trained"),
        versions=versions(),
    )


def class_order(
    data: DatasetInfo, requested: ClassOrder | None, before: RunFolder | None
) -> ClassOrder | None:
    """The order of the classes to note in run.yaml; None where their names leave no choice.

    Args:
        requested: what the config asks for, if anything.
        before: the run that is extended, or the teacher: both have the same columns as the new run.

    Raises:
        RunError: another order than theirs is requested.
    """
    if not data.natural:
        return None
    if before is None:
        return requested or "natural"
    theirs: ClassOrder = before.info().class_order or "text"
    if requested not in (None, theirs):
        raise RunError(
            f"run '{before.key}' has its classes in the order '{theirs}', but '{requested}' was"
            " requested; leave `class_order` out, or choose a run with that order."
        )
    return theirs


def resizing(data: DatasetInfo, config: TrainConfig, before: RunFolder | None) -> dict[str, Any]:
    """The fields of the config that say how images become square; None for those of the default.

    Args:
        before: the run that is extended, or the teacher: both have seen the same images as the new
            run is to see.

    Raises:
        ValueError: another way than theirs is requested, or one that the data do not allow.
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
                f"run '{before.key}' has images {chosen.words}, but `{other}` {requested[other]}"
                " was requested; leave it out, or choose a run whose images were made that way."
            )
    check_resizing(data, chosen)
    return {
        name: None if getattr(chosen, name) == getattr(DEFAULT, name) else getattr(chosen, name)
        for name in RESIZING
    }


def teacher_reference(
    run: RunFolder, dataset: str, size: int, *, teaches: bool = True
) -> TeacherRef:
    """Name a finished run as a teacher, or say why it cannot be one.

    Args:
        teaches: whether something is to be trained by it; otherwise predictions suffice, for
            comparing.
    """
    info = run.info()
    if info.source.predictions_only and teaches:
        raise RunError(
            f"teacher '{run.key}' has only predictions and no weights, so it cannot teach; choose a"
            " run with weights, or import the network's weights."
        )
    if (info.dataset, info.image_size) != (dataset, size):
        raise RunError(
            f"teacher '{run.key}' was made for {info.dataset} at {info.image_size} pixels, but the"
            f" student learns {dataset} at {size}; choose a teacher on the same data."
        )
    if info.source.predictions_only:
        return TeacherRef(key=run.key)
    if not run.weights_path.exists():
        raise RunError(f"teacher '{run.key}' has no weights yet; finish it first.")
    return TeacherRef(key=run.key, weights_sha256=file_sha256(run.weights_path))


def _extended(run: RunFolder, config: TrainConfig, size: int) -> str:
    """The key of the run that this config goes on from, or say why it cannot."""
    info = run.info()
    here = (config.arch, config.dataset, size)
    if (info.arch, info.dataset, info.image_size) != here:
        raise RunError(
            f"run '{run.key}' is {info.arch} on {info.dataset} at {info.image_size} pixels, but the"
            f" new run is {here[0]} on {here[1]} at {here[2]}; extend it with the same model and"
            " data."
        )
    if not run.weights_path.exists():
        raise RunError(f"run '{run.key}' has no weights yet; resume it to its end, then extend it.")
    return run.key


def settle_data(run: RunFolder, content: str | None, library: Library) -> None:
    """Note in run.yaml which images the run works on, `Dataset.content`, or refuse others than
    before.

    Raises:
        RunError: they are others than when this run began, or than those of its teacher or of what
            it extends.
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
        run.write_info(info.model_copy(update={"data_content": content}))


def record_preprocessing(run: RunFolder, dataset: Dataset) -> None:
    """Note in run.yaml what the network's inputs are, where that is not there yet."""
    info = run.info()
    if info.preprocessing is None:
        run.write_info(info.model_copy(update={"preprocessing": preprocessing_of(info, dataset)}))


def preprocessing_of(info: RunInfo, dataset: Dataset) -> Preprocessing:
    """What the network's inputs are: as recorded, with what older runs left out, which is the
    data's own."""
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
    """Refuse images that are others than those of the teacher or of the run that is extended.

    Older runs do not tell, nor do those whose images have another size or became square in another
    way.

    Raises:
        RunError: which run had other images.
    """
    before = (
        ("teacher", info.teacher and info.teacher.key, "train a teacher on them as they are"),
        ("run", info.extends, "start a new run that extends none"),
    )
    for what, key, instead in before:
        if not key:
            continue
        theirs = library.locate(key).info()
        if theirs.prepared == info.prepared and theirs.data_content not in (None, content):
            raise RunError(
                f"the images in {info.dataset} differ from those of {what} '{key}'; restore them, "
                f"or {instead}."
            )


def extension(run: RunFolder, epochs: int) -> TrainConfig:
    """The config that takes a finished run `epochs` further, with all else as it was.

    Raises:
        RunError: the run was not trained here.
    """
    config = run.info().config
    if config is None:
        raise RunError(
            f"run '{run.key}' was imported, not trained here; so its settings are unknown; start a"
            " new run."
        )
    return TrainConfig.model_validate({**config.model_dump(), "epochs": epochs, "extends": run.key})


def default_name(config: TrainConfig) -> str:
    """DATA-MODEL-OBJECTIVE-sSEED; a run that extends another has that one's name and how many
    epochs more."""
    if config.extends is not None:
        return f"{config.extends.rstrip('/').rpartition('/')[2][:68]}-plus{config.epochs}"
    what = "teacher" if config.role == "teacher" else config.objective.kind
    name = f"{short_name(config.dataset)}-{config.arch}-{what}-s{config.seeds.weights}"
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)  # a model may be called timm:NAME


def file_sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Versions that a figure may depend on."""
    packages = ("torch", "numpy", "lightning-fabric")
    installed = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **installed}
