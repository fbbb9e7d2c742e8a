"""`folder:PATH`: one folder of images for each class, with or without `train/` and `test/`."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bickd_core.data.annotations import (
    annotated,
    class_names,
    labelled,
    labels_file,
    names_file,
    only_lists_images,
)
from bickd_core.data.errors import DataError
from bickd_core.data.folders import (
    IMAGE_SUFFIXES,
    PARTS,
    as_text,
    has_files,
    part_of,
    parts_in,
    same_name,
    subfolders,
    walk,
)
from bickd_core.data.listing import Listing, side_and_channels
from bickd_core.data.notes import note
from bickd_core.data.pixels import Encoded, decode_all, header
from bickd_core.data.resizing import Resizing

logger = logging.getLogger(__name__)

_IMAGE_WORDS = {
    *("image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "data", "set"),
    *("dataset", "jpg", "jpeg", "png"),
}
"""Words beside a part in the name of a folder that holds images of all classes."""


@dataclass(frozen=True)
class _Part:
    """A part of the data.

    Attributes:
        name: "train", "validation", "test" or "all".
        classes: the files of each class folder.
        labels: the file with the classes of the images, if there are no class folders.
    """

    name: str
    folder: Path
    classes: dict[str, list[Path]]
    labels: Path | None = None


def files(path: Path, *, all_test: bool = False) -> list[Path]:
    """Return the files that are read: the images of all parts, and the files of labels and
    names."""
    if not path.is_dir():
        raise DataError(
            f"the folder {path} does not exist; check the path and that its disk is mounted."
            if not path.exists()
            else f"folder:{path} must be a folder of class folders, got a file."
        )
    parts = _parts(path, all_test)
    images = [file for part in parts for of_class in part.classes.values() for file in of_class]
    names = names_file(path, _folders_of(parts))
    labels = dict.fromkeys(part.labels for part in parts if part.labels)
    return [*images, *labels, *([names] if names else [])]


def all_test_files(path: Path) -> list[Path]:
    """Call `files` for a folder whose images are all test."""
    return files(path, all_test=True)


def all_test_listing(path: Path) -> Listing:
    """Call `listing` for a folder whose images are all test."""
    return listing(path, all_test=True)


def listing(path: Path, *, all_test: bool = False) -> Listing:
    """List the images. Ids are positions in the sorted files.

    Classes are the folder names, sorted as text, unless a file names the classes.
    """
    parts = _parts(path, all_test)
    first = parts[0]
    order, called, by_text = _named(path, parts)
    names = tuple(as_text(called[name]) for name in order)
    position: dict[str, int] = {}
    for index, name in enumerate(order):
        position.setdefault(same_name(name), index)
    place = {name: index for index, name in enumerate(order)}
    labels, paths = {}, {}
    for part in parts:
        strange = [name for name in part.classes if same_name(name) not in position]
        if strange:
            raise DataError(
                f"{as_text(part.folder)} has a class folder {as_text(strange[0])!r}, but"
                f" {as_text(first.folder)} does not; all classes of the {part.name} part must be in"
                " the train part."
            )
        counts = [len(of_class) for of_class in part.classes.values()]
        # The first part defines the classes. `listing.check` refuses equal names.
        targets = (
            [place[name] for name in part.classes]
            if part is first
            else [position[same_name(name)] for name in part.classes]
        )
        labels[part.name] = np.repeat(np.array(targets, dtype=np.int64), counts)
        paths[part.name] = tuple(file for of_class in part.classes.values() for file in of_class)
    if not paths[first.name]:
        wanted = ", ".join(sorted(IMAGE_SUFFIXES))
        loose = has_files(first.folder, IMAGE_SUFFIXES)
        raise DataError(
            f"{as_text(first.folder)} has"
            f" {'images but no class folders' if loose else 'no images'}; it must have one folder"
            f" for each class, with files of {wanted}."
        )
    side, channels = side_and_channels(
        [header(item) for part in paths.values() for item in _items(part)]
    )

    def read(part: str, size: int, resizing: Resizing) -> Iterator[np.ndarray]:
        return decode_all(_items(paths[part]), channels, size, resizing)

    shown = {
        part: tuple(as_text(file.relative_to(path)) for file in part_files)
        for part, part_files in paths.items()
    }
    return Listing(names, labels, channels, side, read, shown, sorted_names=by_text)


def _folders_of(parts: list[_Part]) -> list[Path]:
    return [part.folder for part in parts]


def _named(path: Path, parts: list[_Part]) -> tuple[list[str], dict[str, str], bool]:
    """Return the class folders in order, their class names, and whether they are sorted as
    text."""
    folders = list(parts[0].classes)
    file = names_file(path, _folders_of(parts))
    all_test = [part.name for part in parts] == ["test"]
    named = None if file is None else class_names(file, folders, part_of_classes=all_test)
    if named is None:
        return folders, {name: name for name in folders}, True
    order, called = named
    logger.info("%s names the classes.", as_text(file or path))
    return order, called, False


def _items(paths: tuple[Path, ...]) -> Iterator[Encoded]:
    return (Encoded(file, as_text(file)) for file in paths)


def _parts(path: Path, all_test: bool) -> list[_Part]:
    """Return train, test and perhaps validation, or "all" if there is no test part, or only test if
    `all_test`.

    Validation is test if there are no test images with classes.
    """
    if all_test:
        below = subfolders(path)
        folder = below[0] if len(below) == 1 and part_of(below[0].name) else path
        return _only_parts("test", folder, path)
    folders = _part_folders(path)
    if "train" not in folders:
        return _only_parts("all", path, path)
    whole = _only_parts("all", folders["train"], path)
    if [part.name for part in whole] != ["all"]:
        divides = f"{as_text(whole[0].labels or path)} divides the images of train"
        for folder in (folders[name] for name in folders if name != "train"):
            note(logger, f"{as_text(folder)} is not used: {divides}.")
        return whole
    train = replace(whole[0], name="train")
    others = [part for part in ("test", "validation") if part in folders]
    if not others:
        return whole
    parts = {part: _other_part(part, folders[part], path, train.classes) for part in others}
    usable = [part for part in parts.values() if part is not None and any(part.classes.values())]
    unlabelled = [folders[name] for name, part in parts.items() if part is None]
    if not usable and unlabelled:
        raise DataError(
            f"{as_text(unlabelled[0])} has images but no class folders, so their classes are"
            " unknown; sort them into class folders, add a file with their names and classes, or"
            " remove the folder to use a fifth of the other images as test."
        )
    if not usable:
        raise DataError(
            f"{as_text(folders[others[0]])} has no images; add them, or remove the folder to use a"
            " fifth of the other images as test."
        )
    for name, part in parts.items():
        if part not in usable:
            why = "its images have no classes" if part is None else "it has no images"
            note(
                logger,
                f"{as_text(folders[name])} is not used: {why}. Validation is split off from train.",
            )
    usable[0] = replace(usable[0], name="test")
    return [train, *reversed(usable)]


def _only_parts(name: str, folder: Path, path: Path) -> list[_Part]:
    """Return the part of a folder without folders of parts.

    Classes come from class folders, or else from a file of labels. That file may divide the images
    into train and test.
    """
    classes = _classes(folder, path)
    flat = not any(classes.values()) or [name.lower() for name in classes] == ["images"]
    if flat and (file := labels_file(folder, path, IMAGE_SUFFIXES)):
        parts = labelled(file, folder, IMAGE_SUFFIXES, all_test=name == "test")
        return [_Part(part, folder, by_class, file) for part, by_class in parts.items()]
    return [_Part(name, folder, classes)]


def _other_part(
    part: str, folder: Path, path: Path, classes: dict[str, list[Path]]
) -> _Part | None:
    """Return the part of test or validation in a folder, with classes from class folders or from a
    file of labels; None if its classes are unknown."""
    own_classes = _classes(folder, path)
    named = {same_name(name) for name in classes}
    own = any(same_name(name) in named for name in own_classes)
    file = None if own else labels_file(folder, path, IMAGE_SUFFIXES)
    if file is not None and not only_lists_images(file):
        return _Part(part, folder, annotated(file, folder, list(classes), IMAGE_SUFFIXES), file)
    flat = not any(own_classes.values()) and has_files(folder, IMAGE_SUFFIXES)
    images = (
        len(own_classes) == 1
        and next(iter(own_classes)).lower() == "images"
        and "images" not in named
    )
    return None if flat or images else _Part(part, folder, own_classes)


def _part_folders(path: Path) -> dict[str, Path]:
    """Return the folders named train, test or validation, in any case. Empty if these are classes.

    Raises:
        DataError: two folders have names of the same part, or there is a test part but no train
            part.
    """
    named: dict[str, list[Path]] = {}
    others = []
    for folder in subfolders(path):
        part = part_of(folder.name)
        if part is None:
            others.append(folder)
        else:
            named.setdefault(part, []).append(folder)
    train = named.get("train", [])
    if not named:
        return _parts_by_words(others)
    if others and not train:
        return {}
    # In `bus`, `car` and `train`, all with images, "train" is a class.
    if any(has_files(folder, IMAGE_SUFFIXES) for folder in others) and not any(
        map(subfolders, train)
    ):
        return {}
    if not train:
        test = as_text(next(iter(named.values()))[0].name)
        raise DataError(
            f"{as_text(path)} has {test!r} but no folder named train; add it, or give the path of"
            f" {test!r} itself."
        )
    return {part: _folder_of_part(part, folders) for part, folders in named.items()}


def _parts_by_words(folders: list[Path]) -> dict[str, Path]:
    """Return the folders whose names have a word for a part, such as `training_set` and `test_set`.
    Empty if there is no train, or no other part with class folders of the same names.

    Raises:
        DataError: two such folders are of the same part.
    """
    named: dict[str, list[Path]] = {}
    for folder in folders:
        parts = parts_in(folder.name)
        if len(parts) == 1:
            named.setdefault(parts.pop(), []).append(_inner(folder))
    classes = {name for folder in named.get("train", []) for name in _below(folder)}
    alike = {
        part: [folder for folder in each if _below(folder) & classes]
        for part, each in named.items()
    }
    found = {part: each for part, each in alike.items() if each}
    if "train" not in found or len(found) < 2:
        return _flat_parts(folders)
    for part, each in found.items():
        if len(each) > 1:
            listed = " and ".join(repr(as_text(folder.name)) for folder in each)
            raise DataError(
                f"{as_text(folders[0].parent)} has {listed}, whose names both mean {part}; keep one"
                f" of them, and call it {part}."
            )
    used = {part: each[0] for part, each in found.items()}
    listed = ", ".join(f"{as_text(folder.name)} as {part}" for part, folder in used.items())
    left = [as_text(folder.name) for folder in folders if _inner(folder) not in used.values()]
    unused = f" Not used: {', '.join(left)}." if left else ""
    note(logger, f"{as_text(folders[0].parent)}: {listed}, because of their names.{unused}")
    return used


def _flat_parts(folders: list[Path]) -> dict[str, Path]:
    """Return the folders of images whose names have a word for a part, such as Kaggle's
    `train_images` and `test_images`. Empty if others have images too, or if these may be classes:
    no file has the labels of train, and the names have words for more than images."""
    flat = [folder for folder in folders if has_files(folder, IMAGE_SUFFIXES)]
    parts = [parts_in(folder.name) for folder in flat]
    used = {part.pop(): folder for part, folder in zip(parts, flat, strict=True) if len(part) == 1}
    if "train" not in used or not 1 < len(used) == len(flat) or any(map(subfolders, flat)):
        return {}
    words = {word for folder in flat for word in re.split(r"[^a-z]+", folder.name.lower())}
    plain = all(word in _IMAGE_WORDS or part_of(word) for word in words if word)
    root = folders[0].parent
    if not plain and labels_file(used["train"], root, IMAGE_SUFFIXES) is None:
        return {}
    listed = ", ".join(f"{as_text(folder.name)} as {part}" for part, folder in used.items())
    note(logger, f"{as_text(root)}: {listed}, because of their names.")
    return used


def _inner(folder: Path) -> Path:
    """Return the only folder in a folder if it has the same name, as in `seg_train/seg_train`; else
    the folder."""
    below = subfolders(folder)
    return below[0] if len(below) == 1 and below[0].name == folder.name else folder


def _below(folder: Path) -> set[str]:
    return {same_name(each.name) for each in subfolders(folder)}


def _folder_of_part(part: str, folders: list[Path]) -> Path:
    """Return the folder of a part: the first in the order of `PARTS`, names in lower case
    first."""
    order = sorted(
        folders,
        key=lambda folder: (
            PARTS[part].index(folder.name.lower()),
            folder.name.lower() != folder.name,
        ),
    )
    if len(folders) > 1 and order[0].name not in (part, PARTS[part][0]):
        listed = " and ".join(repr(as_text(folder.name)) for folder in order)
        raise DataError(
            f"{as_text(order[0].parent)} has {listed}, which both mean {part}; keep one of them."
        )
    for unused in order[1:]:
        note(logger, f"{as_text(unused)} is not used: {as_text(order[0])} is used instead.")
    return order[0]


def _classes(folder: Path, root: Path) -> dict[str, list[Path]]:
    """Return the class folders, sorted by name as text, each with its sorted image files at any
    depth.

    If the only folder is called `Images`, its subfolders are the class folders.
    """
    below = subfolders(folder)
    if len(below) == 1 and below[0].name.lower() == "images" and subfolders(below[0]):
        return _classes(below[0], root)
    return {
        path.name: walk(path, IMAGE_SUFFIXES, above=tuple({root, folder}))
        for path in subfolders(folder)
    }
