"""From a config to a run folder that a worker can take up; free of torch."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
from pathlib import Path

from bickd_core.data.registry import checked_size, dataset_info, short_name
from bickd_core.models.catalogue import resolve
from bickd_core.runs import Library, RunError, RunFolder, RunInfo, Source, TeacherRef
from bickd_core.training.config import TrainConfig


def create_run(
    config: TrainConfig, library: Library, *, name: str | None = None, title: str = ""
) -> RunFolder:
    """Check the config as far as this is possible without loading anything, and make its run folder.

    Raises:
        ValueError: an unknown data set, model or teacher, a teacher on other data, or a name that is taken.
    """
    info = check_run(config, library)
    named = {"name": name or library.free_name(default_name(info.config or config)), "title": title}
    library.sweep_unfinished()
    return RunFolder.create(library.own, info.model_copy(update=named))


def check_run(config: TrainConfig, library: Library) -> RunInfo:
    """The checks of `create_run`, and what its run.yaml would hold but for the name; nothing is made."""
    config = config.model_copy(update={"arch": resolve(config.arch).name})
    data = dataset_info(config.dataset)
    size = checked_size(data, config.image_size)
    config = config.model_copy(update={"dataset": data.name})
    teacher = None
    if config.teacher is not None:
        teacher = teacher_reference(library.locate(config.teacher), data.name, size)
        config = config.model_copy(update={"teacher": teacher.key})
    if config.extends is not None:
        config = config.model_copy(
            update={"extends": _extended(library.locate(config.extends), config, size)}
        )
    return RunInfo(
        name="",
        role=config.role,
        arch=config.arch,
        dataset=data.name,
        image_size=size,
        in_channels=data.in_channels,
        num_classes=data.num_classes,
        config=config,
        teacher=teacher,
        extends=config.extends,
        source=Source(kind="trained"),
        versions=versions(),
    )


def teacher_reference(run: RunFolder, dataset: str, size: int) -> TeacherRef:
    """Name a finished run as a teacher, or say why it cannot be one."""
    info = run.info()
    if (info.dataset, info.image_size) != (dataset, size):
        raise RunError(
            f"teacher '{run.key}' was made for {info.dataset} at {info.image_size} pixels and the student is "
            f"to learn {dataset} at {size}; choose a teacher on the same data."
        )
    if not run.weights_path.exists():
        raise RunError(f"teacher '{run.key}' has no weights yet; finish it first.")
    return TeacherRef(key=run.key, weights_sha256=file_sha256(run.weights_path))


def _extended(run: RunFolder, config: TrainConfig, size: int) -> str:
    """The key of the run that this config goes on from, or say why it cannot."""
    info = run.info()
    here = (config.arch, config.dataset, size)
    if (info.arch, info.dataset, info.image_size) != here:
        raise RunError(
            f"run '{run.key}' is {info.arch} on {info.dataset} at {info.image_size} pixels and the run that is to "
            f"extend it {here[0]} on {here[1]} at {here[2]}; extend it with the same model and data."
        )
    if not run.weights_path.exists():
        raise RunError(f"run '{run.key}' has no weights yet; resume it to its end, then extend it.")
    return run.key


def settle_data(run: RunFolder, content: str | None, library: Library) -> None:
    """Note in run.yaml which images the run works on, `Dataset.content`, or refuse others than before.

    Raises:
        RunError: they are others than when this run began, or than those of its teacher or of what it extends.
    """
    info = run.info()
    if content is None:
        return
    if info.data_content not in (None, content):
        raise RunError(
            f"the images in {info.dataset} are others than when this run began; put them back as they were and "
            "resume, or start a new run."
        )
    check_same_data(info, content, library)
    if info.data_content is None:
        run.write_info(info.model_copy(update={"data_content": content}))


def check_same_data(info: RunInfo, content: str | None, library: Library) -> None:
    """Refuse images that are others than those of the teacher or of the run that is extended; older runs do not tell.

    Raises:
        RunError: which run had other images.
    """
    before = (
        ("teacher", info.teacher and info.teacher.key, "train a teacher on them as they are"),
        ("run", info.extends, "start a new run that extends none"),
    )
    for what, key, instead in before:
        if key and library.locate(key).info().data_content not in (None, content):
            raise RunError(
                f"the images in {info.dataset} are others than those of {what} '{key}'; put them back as they were, "
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
            f"run '{run.key}' was imported, not trained here; start a run with settings of your own."
        )
    return TrainConfig.model_validate({**config.model_dump(), "epochs": epochs, "extends": run.key})


def default_name(config: TrainConfig) -> str:
    """DATA-MODEL-OBJECTIVE-sSEED; a run that extends another has that one's name and how many epochs more."""
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
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **found}
