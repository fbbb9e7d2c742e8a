"""Whether runs have the same data, and where a run's data is now; without torch.

The user's own images are the same data if their content is the same, at whatever path they are.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from bickd_core.data import external
from bickd_core.data.registry import dataset_info
from bickd_core.runs.folder import RunFolder
from bickd_core.runs.info import RunError, RunInfo
from bickd_core.runs.library import Library


def data_identity(info: RunInfo) -> tuple[str, str | None]:
    """Return what identifies a run's data: the kind and content of the user's own images, or the
    name if there is no record of the content."""
    if info.data_content is None:
        return info.dataset, None
    return _kind(info.dataset), info.data_content


def same_data(one: RunInfo, other: RunInfo) -> bool:
    """Return whether two runs have the same data, by its name or by its content.

    The content also depends on the size of the images and on how they became square. So for images
    at two paths, True means that these are the same too. For data of the same name, the content is
    not compared.
    """
    return one.dataset == other.dataset or data_identity(one) == data_identity(other)


def is_data_of(info: RunInfo, dataset: str, *, decode: bool = True) -> bool:
    """Return whether a data set is the data of a run.

    The content is a digest of the decoded images. So images at another path are decoded like the
    run's into the cache, unless they are there.

    Args:
        dataset: with an absolute path, as in run.yaml.
        decode: False for a list on a page: images at another path are then only recognised if they
            are in the cache.

    Raises:
        DataError: the images at the other path cannot be used.
    """
    return info.dataset == dataset or _has_images(info, dataset, decode=decode)


def check_data_there(run: RunFolder) -> None:
    """Check that the path of a run's own data exists, before work with the run that needs it.

    Raises:
        RunError: it does not; the message says how to name the new path.
    """
    dataset = run.info().dataset
    if _is_gone(dataset):
        raise RunError(
            f"the data of run '{run.key}' must be at {dataset}, but that path does not exist; put"
            f" the data back, or name its new path: bickd relocate {run.key} --dataset"
            f" {_kind(dataset)}:PATH"
        )


def relocate(run: RunFolder, dataset: str) -> None:
    """Record in run.yaml where the data of a run is now. Its images are decoded into the cache.

    Raises:
        RunError: a worker has the run, it cannot be changed, or the data is not that of the run.
        ValueError: the data set is unknown or cannot be used.
    """
    run.check_writable("changed")
    info, new = run.info(), dataset_info(dataset).name
    if run.status().at_work:
        raise RunError(
            f"run '{run.key}' is {run.status().state}; stop it before you name new data."
        )
    read = run.resume_path.exists() or run.weights_path.exists()
    if info.data_content is None and read:
        raise RunError(
            f"run '{run.key}' has no record of its images in {info.dataset}, so those in {new}"
            " cannot be compared with them; put the data back to its path, or start a new run."
        )
    if _kind(new) != _kind(info.dataset) or (read and not _has_images(info, new)):
        raise RunError(
            f"{new} must have the same images as {info.dataset}, with which run '{run.key}' began,"
            " but they differ; name the path of the same images, or start a new run."
        )
    _record(run, new)


def relocate_all(library: Library, dataset: str) -> list[RunFolder]:
    """Do so for the user's runs on these images whose path is this one or no longer exists, and
    return them.

    Raises:
        ValueError: the images cannot be used.
    """
    new, found = dataset_info(dataset).name, []
    for run in library.runs():
        with suppress(RunError):  # `bickd runs` reports a damaged run
            info = run.info()
            asked = info.dataset == new or _is_gone(info.dataset)
            free = not run.read_only and not run.status().at_work
            if asked and free and _has_images(info, new):
                _record(run, new)
                found.append(run)
    return found


def _record(run: RunFolder, dataset: str) -> None:
    info = run.info()
    changes: dict[str, Any] = {"dataset": dataset}
    if info.config is not None:
        changes["config"] = info.config.model_copy(update=changes)
    run.write_info(info.model_copy(update=changes))


def _has_images(info: RunInfo, dataset: str, *, decode: bool = True) -> bool:
    """Compare the content of images at a path with the record of a run; decodes them if needed and
    allowed."""
    if info.data_content is None or info.image_size is None:
        return False
    if _kind(info.dataset) != _kind(dataset):
        return False
    if not decode:
        content = external.cached_content(dataset, info.image_size, info.resizing)
        return content == info.data_content
    if dataset_info(dataset).num_classes != info.num_classes:
        return False
    return external.load(dataset, info.image_size, info.resizing).content == info.data_content


def _is_gone(dataset: str) -> bool:
    return external.is_external(dataset) and not Path(dataset.partition(":")[2]).exists()


def _kind(dataset: str) -> str:
    return dataset.partition(":")[0]
